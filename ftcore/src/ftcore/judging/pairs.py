"""Which two answers to each test row are compared, and where the votes on them are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from ftcore.errors import DataError, UnsupportedError
from ftcore.runs.folder import RunFolder

ROWS = "predictions/rows.jsonl"
FOLDER = "judgements"
Baseline = Literal["before", "few_shot"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one prompt, in the order of `Contest.names`.

    ``key`` is a hash of the prompt and both answers: a vote counts for the texts that were seen.
    """

    row_id: str
    key: str
    source: str
    prompt: tuple[Mapping[str, Any], ...]
    reference: str
    answers: tuple[str, str]

    @property
    def identical(self) -> bool:
        """Whether the answers are equal but for spaces around them."""
        return self.answers[0].strip() == self.answers[1].strip()


@dataclass(frozen=True, slots=True)
class Contest:
    """What is compared: ``names`` as votes are written down, the newer or trained one second.

    ``run`` is the directory of the run that keeps the votes, ``place`` the folder in it for them
    and the report; ``left_out`` counts rows that only one side answered.
    """

    names: tuple[str, str]
    run: Path
    place: str
    pairs: tuple[Pair, ...]
    left_out: int

    @property
    def folder(self) -> Path:
        """The folder of the votes and the report; it may not exist yet."""
        return self.run / self.place

    def make_folder(self) -> None:
        """Make the folder; OSError where it cannot be made, also when the run was removed."""
        folder = self.run
        for part in Path(self.place).parts:
            folder = folder / part
            folder.mkdir(exist_ok=True)

    @property
    def differing(self) -> tuple[Pair, ...]:
        """The pairs that need a vote."""
        return tuple(pair for pair in self.pairs if not pair.identical)


def before_and_after(run: RunFolder, baseline: Baseline | None = None) -> Contest:
    """Return the answers of a run before and after training.

    ``baseline`` None takes "before", or "few_shot" where the run has no other.
    Raises DataError for a run without both.
    """
    rows = _rows(run)
    held = {stage for row in rows for stage, text in row["answers"].items() if text is not None}
    chosen = baseline or ("few_shot" if "before" not in held and "few_shot" in held else "before")
    missing = [stage for stage in (chosen, "after") if stage not in held]
    if missing:
        raise DataError(
            f"run {run.path.name} has no answers of the stage {' and '.join(missing)}",
            hint="compare it with another run: ft judge RUN OTHER",
            code="judge.answers",
        )
    pairs = [_pair(row, (chosen, "after"), _both(row, chosen)) for row in rows]
    place = FOLDER if chosen == "before" else f"{FOLDER}/{chosen}"
    return _contest((chosen, "after"), run, place, pairs, 0)


def two_runs(first: RunFolder, second: RunFolder) -> Contest:
    """Return the answers after training of two runs, on the test rows that both have.

    The votes are kept with the first run, or with the second where there are some already.
    Raises UnsupportedError for one run given twice, DataError without a common row.
    """
    names = (first.manifest().id, second.manifest().id)
    if names[0] == names[1]:
        raise UnsupportedError(
            f"both are run {names[0]}",
            hint="give one run to compare before with after, or two different ones",
            code="judge.same-run",
        )
    ours, theirs = (
        {row["row_id"]: row for row in _rows(run) if row["answers"].get("after") is not None}
        for run in (first, second)
    )
    # The row id is a hash of prompt and reference, so equal ids are the same task.
    common = [row_id for row_id in ours if row_id in theirs]
    if not common:
        raise DataError(
            f"{first.path.name} and {second.path.name} answered no test row in common",
            hint="judge runs of one recipe's test rows, with one system prompt",
            code="judge.rows",
        )
    pairs = [
        _pair(ours[row_id], names, (_after(ours[row_id]), _after(theirs[row_id])))
        for row_id in common
    ]
    keeper, place = first, f"{FOLDER}/with-{names[1]}"
    if not first.file(place).exists() and second.file(f"{FOLDER}/with-{names[0]}").exists():
        keeper, place = second, f"{FOLDER}/with-{names[0]}"
    return _contest(names, keeper, place, pairs, len(ours.keys() ^ theirs.keys()))


def _contest(
    names: tuple[str, str],
    keeper: RunFolder,
    place: str,
    pairs: Sequence[Pair | None],
    left_out: int,
) -> Contest:
    whole = tuple(pair for pair in pairs if pair is not None)
    return Contest(names, keeper.path, place, whole, left_out + len(pairs) - len(whole))


def _rows(run: RunFolder) -> list[dict[str, Any]]:
    rows = run.read_lines(ROWS)
    if not rows:
        raise DataError(
            f"run {run.path.name} has no answers to judge (it is {run.manifest().state})",
            hint="answers are there when a run with test rows has finished",
            code="judge.answers",
        )
    return rows


def _both(row: Mapping[str, Any], baseline: str) -> tuple[str | None, str | None]:
    return row["answers"].get(baseline), row["answers"].get("after")


def _after(row: Mapping[str, Any]) -> str:
    return str(row["answers"]["after"])


def _pair(
    row: Mapping[str, Any], names: tuple[str, str], answers: tuple[str | None, str | None]
) -> Pair | None:
    """Return the pair of a row; None where one side has no answer."""
    first, second = answers
    if first is None or second is None:
        return None
    seen = [row["row_id"], row["prompt"], sorted([(names[0], first), (names[1], second)])]
    return Pair(
        row_id=row["row_id"],
        key=sha256(json.dumps(seen).encode()).hexdigest()[:16],
        source=row["source"],
        prompt=tuple(row["prompt"]),
        reference=row["reference"],
        answers=(first, second),
    )
