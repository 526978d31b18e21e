"""`ft compare`: from recipes or runs to one comparison, its runs done and its report written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ftcore.engine.compare.carry_out import carry_out
from ftcore.engine.compare.cells import Cell, plan_cells, require_rows
from ftcore.engine.compare.certified import certificate_of_recipes, certificate_of_runs
from ftcore.engine.compare.choices import Asked, what_varies
from ftcore.engine.compare.progress import DoneCell, Executor, failures
from ftcore.engine.compare.ray_fan_out import carry_out_on_ray
from ftcore.engine.compare.stored import group
from ftcore.engine.opening import use_plugins
from ftcore.engine.parity.trainings import Workplace
from ftcore.engine.run import matplotlib_folder
from ftcore.report.compare import write_comparison
from ftcore.report.compare_data import ComparedVariant, Comparison, FailedCell, make_comparison
from ftcore.report.compare_run import read_compared
from ftcore.runs.folder import RunFolder
from ftcore.runs.listing import find_run

FOLDER = "comparisons"


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison with its folder, the page of its report, and how its cells ended."""

    comparison: Comparison
    folder: Path
    page: Path
    cells: tuple[DoneCell, ...] = ()


def plan(asked: Asked, workplace: Workplace) -> list[Cell]:
    """Return every run that a comparison needs; nothing is trained."""
    workplace.observer.phase("prepare")
    cells = plan_cells(
        asked, use_plugins(), workplace.runs, workplace.observer, offline=workplace.offline
    )
    require_rows(cells)
    return cells


def compare_recipes(
    asked: Asked, workplace: Workplace, out: Path | None = None, executor: Executor = "local"
) -> Compared:
    """Do the runs that are missing, compare all, and write the report.

    ``executor`` says where: here one after the other, or on a Ray cluster. A run that fails is
    noted and the others go on; raises `InputError` where none finishes.
    """
    cells = plan(asked, workplace)
    folder = out or workplace.runs / FOLDER / f"{_title(cells)}-{_digest(asked)}"
    if executor == "ray":
        done = carry_out_on_ray(cells, workplace, folder)
    else:
        done = carry_out(cells, use_plugins(), workplace, folder)
    certificate, notes = certificate_of_recipes(asked, workplace, folder, cells, done)
    by_variant: dict[str, ComparedVariant] = {}
    for cell, ended in zip(cells, done, strict=True):
        name, before = cell.choice.name, by_variant.get(cell.choice.name)
        runs = before.runs if before else ()
        if ended.run is not None and ended.state != "failed":
            runs = (*runs, read_compared(RunFolder(Path(ended.run))))
        by_variant[name] = ComparedVariant(name, cell.choice.settings, runs)
    comparison = make_comparison(
        list(by_variant.values()),
        title=_title(cells),
        seeds_by=what_varies([cell.choice.settings for cell in cells]),
        failed=[
            FailedCell(cell.variant, cell.seed, cell.error or "", cell.run)
            for cell in failures(done)
        ],
        certificate=certificate,
        notes=notes,
        price=asked.price,
    )
    return _written(comparison, folder, done)


def compare_runs(
    names: Sequence[str],
    workplace: Workplace,
    out: Path | None = None,
    *,
    price: float | None = None,
    parity: bool = True,
) -> Compared:
    """Compare stored runs; raises `RunNotFound` for one that is not finished or not scored.

    ``parity`` trains the first steps on each backend where the runs differ in that only.
    """
    found: dict[str, RunFolder] = {}
    for name in names:
        run = find_run(name, workplace.runs)
        found.setdefault(str(run.path), run)
    variants = group([read_compared(run) for run in found.values()])
    recipes = dict.fromkeys(run.manifest.recipe for v in variants for run in v.runs)
    title = " and ".join(recipes)
    key = hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()[:8]
    folder = out or workplace.runs / FOLDER / f"{title.replace(' ', '-')}-{key}"
    certificate, notes = certificate_of_runs(variants, workplace, folder) if parity else (None, [])
    comparison = make_comparison(
        variants,
        title=title,
        seeds_by=what_varies([variant.settings for variant in variants]),
        certificate=certificate,
        notes=notes,
        price=price,
    )
    return _written(comparison, folder, ())


def _written(comparison: Comparison, folder: Path, done: Sequence[DoneCell]) -> Compared:
    with matplotlib_folder():
        page = write_comparison(comparison, folder)
    return Compared(comparison, folder, page, tuple(done))


def _title(cells: Sequence[Cell]) -> str:
    return "-".join(dict.fromkeys(cell.loaded.recipe.name for cell in cells))


def _digest(asked: Asked) -> str:
    """Return 8 hex digits of what is varied: more seeds of a comparison go to the same folder."""
    parts = [asked.recipes, asked.backends, asked.profiles, asked.models, asked.vary]
    text = json.dumps([[str(one) for one in part] for part in (*parts, asked.overrides)])
    return hashlib.sha256(text.encode()).hexdigest()[:8]
