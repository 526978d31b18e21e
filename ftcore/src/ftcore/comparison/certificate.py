"""The parity certificate: what was held against what, the verdict of every level, and why."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ftcore.comparison.findings import Finding
from ftcore.comparison.levels import Envelope, Level, first_break
from ftcore.comparison.pairs import Apart, PairDifference
from ftcore.comparison.weights import WeightDifference
from ftcore.errors import DataError
from ftcore.protocol import finite, write_json

FORMAT = 1
KIND = "ft parity certificate"

Mode = Literal["strict", "normal"]


@dataclass(frozen=True)
class Asked:
    """What was asked for: all that it takes to do it again.

    ``runs`` are stored full runs for L4; ``max_length`` is the longest row, in tokens, None for
    the recipe's own.
    """

    recipe: str
    profile: str | None
    model: str | None
    overrides: tuple[str, ...]
    backends: tuple[str, ...]
    reference: bool
    mode: Mode
    steps: int
    max_length: int | None
    runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Side:
    """One of the trainings.

    ``name`` is the backend's; ``versions`` of its packages, ``lock`` the SHA-256 of its lock,
    ``environment`` its key, ``code`` the hash of ft's code in the worker. ``adapter`` is the digest
    of the final weights; the curves have one value a step.
    """

    name: str
    run: str
    versions: Mapping[str, str]
    lock: str
    environment: str
    code: str
    steps: int
    seconds: float
    adapter: str
    loss: tuple[float | None, ...]
    grad_norm: tuple[float | None, ...]
    learning_rate: tuple[float | None, ...]
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Certificate:
    """What was held against what, and what came of it.

    ``pins`` are the recipe's fields that the comparison set; ``used`` names model, stream, order,
    device and settings. Its file is JSON with these names; ``digest`` there is over all others.
    """

    ft: str
    created: str
    asked: Asked
    pins: Mapping[str, Any]
    used: Mapping[str, Any]
    envelope: Envelope
    sides: tuple[Side, ...]
    pairs: tuple[PairDifference, ...]
    levels: tuple[Level, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    sentence: str

    @property
    def breaks_at(self) -> str | None:
        """The first level that does not hold, None where all do."""
        return first_break(self.levels)

    @property
    def holds(self) -> bool:
        """Whether no level breaks."""
        return self.breaks_at is None

    @property
    def identical(self) -> bool:
        """Whether everything that was measured is the same to the bit."""
        return all(level.verdict in ("identical", "not_measured") for level in self.levels)

    def to_json(self) -> dict[str, Any]:
        """Return the certificate as plain data, with its digest."""
        data: dict[str, Any] = finite(
            {
                "kind": KIND,
                "format": FORMAT,
                "holds": self.holds,
                "identical": self.identical,
                "breaks_at": self.breaks_at,
                **asdict(self),
            }
        )
        return {**data, "digest": digest(data)}

    def save(self, path: Path) -> None:
        """Write the certificate as JSON, by atomic rename."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.to_json(), path)

    @classmethod
    def load(cls, path: Path) -> Certificate:
        """Read a certificate; `DataError` for one that is damaged, altered or of another format."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["kind"] != KIND or data["format"] != FORMAT:
                raise ValueError(f"format {data.get('format')!r} of {data.get('kind')!r}")
            given = data.pop("digest")
            if given != digest(data):
                raise ValueError("its digest is not that of its content: it was altered")
            return _from_json(data)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} is not a parity certificate that this ft can read: {error}",
                hint="make a new one: ft parity RECIPE --out CERT.json",
                code="parity.certificate",
            ) from error


def digest(data: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of plain data, whatever the order of its keys."""
    text = json.dumps(finite(data), sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _from_json(data: dict[str, Any]) -> Certificate:
    asked = {**data["asked"], **_tuples(data["asked"], "overrides", "backends", "runs")}
    return Certificate(
        ft=data["ft"],
        created=data["created"],
        asked=Asked(**asked),
        pins=data["pins"],
        used=data["used"],
        envelope=Envelope(**data["envelope"]),
        sides=tuple(Side(**{**side, **_curves(side)}) for side in data["sides"]),
        pairs=tuple(_pair(pair) for pair in data["pairs"]),
        levels=tuple(Level(**level) for level in data["levels"]),
        findings=tuple(_finding(finding) for finding in data["findings"]),
        notes=tuple(data["notes"]),
        sentence=data["sentence"],
    )


def _tuples(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: tuple(data[name]) for name in names}


def _curves(side: Mapping[str, Any]) -> dict[str, Any]:
    return _tuples(side, "loss", "grad_norm", "learning_rate", "errors")


def _pair(data: Mapping[str, Any]) -> PairDifference:
    weights = {**data["weights"], "unpaired": tuple(data["weights"]["unpaired"])}
    return PairDifference(
        data["one"],
        data["other"],
        _apart(data["loss"]),
        _apart(data["grad_norm"]),
        _apart(data["learning_rate"]),
        WeightDifference(**{**weights, "largest": _distance(weights["largest"])}),
    )


def _apart(data: Mapping[str, Any]) -> Apart:
    return Apart(_distance(data["largest"]), _distance(data["relative"]), data["first"])


def _distance(value: float | None) -> float:
    """Return a distance; an infinite one is null in JSON."""
    return math.inf if value is None else value


def _finding(data: Mapping[str, Any]) -> Finding:
    touches = {unit: (int(n), int(total)) for unit, (n, total) in data["touches"].items()}
    return Finding(**{**data, "touches": touches})
