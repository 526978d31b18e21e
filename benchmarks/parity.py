"""Every row of the parity table: four recipes, engines' own losses, variants of one recipe.

    python benchmarks/parity.py
    python benchmarks/parity.py --only ner dora --steps 6

Each row is a certificate (`ft parity`) over the backends and, where it can, the plain loop.
Trainings and certificates are stored below ``--runs`` and reused, so that the same command goes on
where it was stopped. Writes ``docs/results/parity.md``; exits 1 unless every row keeps its bound.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import ftcore
from ftcore.comparison.certificate import Certificate, Side
from ftcore.comparison.pairs import apart
from ftcore.comparison.record import read_record
from ftcore.comparison.weights import weights_digest
from ftcore.display.parity import WORDS
from ftcore.engine.observer import Observer
from ftcore.engine.parity.profile import as_overrides, length_pins, pins
from ftcore.protocol import Event
from ftcore.runs.folder import RunFolder
from ftcore.runs.listing import list_runs

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
BACKENDS = ("trl", "swift", "llamafactory")
STRICT, VARIANT = 1e-6, 1e-4
FULL = ('train.method="full"', "train.lora.rank=", "train.lora.alpha=")
DDP = ("launch.processes=2", 'launch.strategy="ddp"')


@dataclass(frozen=True, slots=True)
class Case:
    """A row: what is changed about a recipe, whether the plain loop takes part, and the bound."""

    name: str
    recipe: str = "ner"
    overrides: tuple[str, ...] = ()
    reference: bool = True
    bound: float = VARIANT


CASES = (
    *(Case(name, name, bound=STRICT) for name in ("ner", "nl2sql", "handbook_qa", "persona")),
    Case("engine-loss", overrides=('train.loss="engine"',)),
    Case("accumulation-4", overrides=("train.accumulation=4",)),
    Case("full", overrides=(*FULL, "train.learning_rate=2e-5")),
    Case("dora", overrides=("train.lora.dora=true",)),
    Case("ddp", overrides=DDP, reference=False),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: what was held against what, and how far it was apart."""

    name: str
    sides: str
    loss: float
    what: str
    bound: float

    @property
    def kept(self) -> bool:
        """Whether the bound was kept."""
        return self.loss <= self.bound


class StopAtCheckpoint(Observer):
    """Interrupts a run at its first checkpoint, as Ctrl-C would."""

    def event(self, event: Event) -> None:
        """Interrupt."""
        if event.type == "checkpoint":
            raise KeyboardInterrupt


def full_runs(recipe: str, folder: Path | None) -> list[str]:
    """Return a finished run of the whole recipe for each backend, found anywhere in ``folder``."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("run.json")) if folder else ():
        manifest = RunFolder(path.parent).manifest()
        if (manifest.recipe, manifest.state) == (recipe, "finished"):
            found[manifest.backend] = str(path.parent)
    return list(found.values())


def certify(case: Case, steps: int, runs: Path, stored: list[str]) -> Certificate:
    """Return the certificate of a row, its trainings taken from ``runs`` where they are stored."""
    return ftcore.parity(
        ROOT / "recipes" / f"{case.recipe}.toml",
        backends=BACKENDS,
        reference=case.reference,
        steps=steps,
        overrides=case.overrides,
        full_runs=stored,
        runs=runs,
        out=runs / "certificates" / f"{case.name}.json",
        progress=True,
    ).certificate


def line_of(case: Case, certificate: Certificate) -> Line:
    """Return a certificate as a line."""
    worst = max(pair.loss.largest for pair in certificate.pairs)
    sides = ", ".join(side.name for side in certificate.sides)
    training = next(level for level in certificate.levels if level.name == "L3")
    what = f"{WORDS[training.verdict][0]}: {training.sentence}"
    if not certificate.holds:
        what, worst = certificate.sentence, float("inf")
    metrics = next(level for level in certificate.levels if level.name == "L4")
    if metrics.verdict != "not_measured":
        what += f"; {metrics.sentence}"
    return Line(case.name, sides, worst, what, case.bound)


def ddp_lines(two: Certificate, one: Certificate) -> Iterable[Line]:
    """Hold two processes with accumulation 2 against one with accumulation 4: the same rows."""
    others = {side.name: side for side in one.sides}
    for side in two.sides:
        loss = apart(side.loss, others[side.name].loss).largest
        text = "two processes, accumulation 2, and one process, accumulation 4"
        yield Line(f"ddp, {side.name}", "2 and 1 processes", loss, text, VARIANT)


def resumed_lines(certificate: Certificate, steps: int, runs: Path) -> Iterable[Line]:
    """Hold a run that was interrupted in the middle and resumed against one that was not."""
    for side in certificate.sides:
        if side.name not in BACKENDS:
            continue
        folder = resumed(side.name, certificate, steps, runs / "resumed" / side.name)
        record = read_record(folder)
        same = weights_digest(record.weights) == side.adapter
        loss = apart(record.curve("loss"), list(side.loss)).largest
        steps_behind = [gone["from_step"] for gone in RunFolder(folder).manifest().resumed]
        text = f"resumed at step {steps_behind}; final weights {'equal' if same else 'differ'}"
        yield Line(f"resumed, {side.name}", "resumed and not", loss, text, VARIANT)


def resumed(backend: str, certificate: Certificate, steps: int, runs: Path) -> Path:
    """Return a finished run that was interrupted at its checkpoint in the middle."""
    longest = certificate.asked.max_length or 0
    fields = {
        **pins("strict", steps),
        **length_pins(longest),
        "train.checkpoints.every_steps": steps // 2,
        "data.test": [],
    }
    if not list_runs(runs):
        with suppress(KeyboardInterrupt):
            ftcore.run(
                certificate.asked.recipe,
                backend=backend,
                overrides=as_overrides(fields),
                runs=runs,
                progress=StopAtCheckpoint(),
            )
    run = list_runs(runs)[0]
    if run.manifest().state != "finished":
        ftcore.resume(run.path, runs=runs, progress=True)
    return run.path


def page(lines: Sequence[Line], sides: Sequence[Side], steps: int) -> str:
    """Return the results page."""
    rows = [
        f"| {line.name} | {line.sides} | {line.loss:.2g} | {line.bound:g} | "
        f"{'kept' if line.kept else '**not kept**'} | {line.what} |"
        for line in lines
    ]
    engines = ("torch", "transformers", "peft", "trl", "ms-swift", "llamafactory")
    versions = [
        f"| {side.name} | "
        + ", ".join(f"{name} {side.versions[name]}" for name in engines if name in side.versions)
        + f" | `{side.lock[:16]}` |"
        for side in sides
    ]
    return "\n".join(
        [
            "# Parity, measured",
            "",
            f"Written by `python benchmarks/parity.py --steps {steps}`: strict mode (fp32, one "
            "thread, batch 2, short rows), each backend in its own environment. What the levels "
            "mean: [parity.md](../parity.md).",
            "",
            "| case | held against each other | largest loss difference | bound | | finding |",
            "|---|---|---:|---:|---|---|",
            *rows,
            "",
            "| backend | versions | lock (SHA-256) |",
            "|---|---|---|",
            *versions,
            "",
        ]
    )


def main() -> int:
    """Train what is not stored, judge every row, write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [*(case.name for case in CASES), "resumed"]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "parity-table")
    parser.add_argument(
        "--full-runs", type=Path, help="a folder with finished runs of the whole recipes, for L4"
    )
    arguments = parser.parse_args()
    found: dict[str, Certificate] = {}
    lines: list[Line] = []
    for case in CASES:
        if case.name in arguments.only:
            plain = not case.overrides
            stored = full_runs(case.recipe, arguments.full_runs) if plain else []
            found[case.name] = certify(case, arguments.steps, arguments.runs, stored)
            lines.append(line_of(case, found[case.name]))
            print(f"{case.name}: {found[case.name].sentence}", flush=True)
    if {"ddp", "accumulation-4"} <= found.keys():
        lines += ddp_lines(found["ddp"], found["accumulation-4"])
    if "resumed" in arguments.only and "ner" in found:
        lines += resumed_lines(found["ner"], arguments.steps, arguments.runs)
    sides = {side.name: side for item in found.values() for side in item.sides}
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = page(lines, list(sides.values()), arguments.steps)
    (RESULTS / "parity.md").write_text(text, encoding="utf-8")
    print(text)
    return 0 if all(line.kept for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
