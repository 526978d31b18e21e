"""The parity certificate of a comparison: whether its backends train the same at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ftcore.comparison.certificate import Asked as ParityAsked
from ftcore.comparison.certificate import Certificate
from ftcore.engine.compare.cells import Cell
from ftcore.engine.compare.choices import NO_PROFILE, Asked, parse_vary
from ftcore.engine.compare.progress import DoneCell
from ftcore.engine.parity.check import certify
from ftcore.engine.parity.trainings import Workplace
from ftcore.errors import FtError, RecipeError
from ftcore.recipe.loading import load_recipe
from ftcore.recipe.resolved import load_resolved
from ftcore.report.compare_data import ComparedVariant
from ftcore.report.compare_run import ComparedRun
from ftcore.runs.folder import RunFolder

PARITY_STEPS = 6
Found = tuple[Certificate | None, list[str]]


def certificate_of_recipes(
    asked: Asked,
    workplace: Workplace,
    folder: Path,
    cells: Sequence[Cell],
    done: Sequence[DoneCell],
) -> Found:
    """Certify the first variant's first steps; what keeps it from being made is a remark."""
    if not asked.parity or len(set(asked.backends)) < 2:
        return None, []
    varied = [f"{key}={values[0]}" for key, values in map(parse_vary, asked.vary)]
    profile = asked.profiles[0] if asked.profiles else None
    question = _question(
        asked.recipes[0],
        profile=None if profile == NO_PROFILE else profile,
        model=asked.models[0] if asked.models else None,
        overrides=(*asked.overrides, *varied),
        backends=asked.backends,
        runs=_one_each(cells, done),
    )
    certificate, notes = _made(question, workplace, folder)
    others = len(asked.recipes) > 1 or len(asked.profiles) > 1 or len(asked.models) > 1
    if certificate and (others or any(len(parse_vary(text)[1]) > 1 for text in asked.vary)):
        notes = ["the parity certificate is that of the first variant's settings"]
    return certificate, notes


def certificate_of_runs(
    variants: Sequence[ComparedVariant], workplace: Workplace, folder: Path
) -> Found:
    """Certify stored runs that differ in nothing but their backend (and seed)."""
    firsts = [variant.runs[0] for variant in variants]
    backends = [run.manifest.backend for run in firsts]
    if len(set(backends)) < 2 or any(set(variant.settings) != {"backend"} for variant in variants):
        return None, []
    try:
        question = _question_of_run(firsts[0], backends, tuple(str(run.path) for run in firsts))
    except (FtError, OSError, ValueError) as error:
        return None, [_without(error)]
    return _made(question, workplace, folder)


def _question_of_run(
    run: ComparedRun, backends: Sequence[str], full_runs: tuple[str, ...]
) -> ParityAsked:
    """Ask about the recipe that a run had; `RecipeError` where its file has changed since."""
    folder = RunFolder(run.path)
    text = folder.file("recipe.toml").read_text(encoding="utf-8")
    then = load_resolved(folder.file("resolved.toml"), text)
    now = load_recipe(then.path, profile=then.profile, overrides=then.overrides)
    if now.recipe != then.recipe or now.base != then.base:
        raise RecipeError(f"{then.path} is no longer the recipe of {folder.path.name}")
    return _question(
        then.path,
        profile=then.profile,
        model=None,
        overrides=then.overrides,
        backends=backends,
        runs=full_runs,
    )


def _question(
    recipe: Path,
    *,
    profile: str | None,
    model: str | None,
    overrides: Sequence[str],
    backends: Sequence[str],
    runs: tuple[str, ...],
) -> ParityAsked:
    return ParityAsked(
        recipe=str(recipe.absolute()),
        profile=profile,
        model=model,
        overrides=tuple(overrides),
        backends=tuple(dict.fromkeys(backends)),
        reference=False,
        mode="strict",
        steps=PARITY_STEPS,
        max_length=None,
        runs=runs,
    )


def _made(question: ParityAsked, workplace: Workplace, folder: Path) -> Found:
    workplace.observer.notice(
        "parity: the first steps on every backend (--no-parity leaves it out)"
    )
    try:
        certificate = certify(question, workplace)
    except FtError as error:
        return None, [_without(error)]
    certificate.save(folder / "parity.json")
    return certificate, []


def _without(error: Exception) -> str:
    reason = error.message if isinstance(error, FtError) else str(error)
    return f"there is no parity certificate: {reason}"


def _one_each(cells: Sequence[Cell], done: Sequence[DoneCell]) -> tuple[str, ...]:
    """Return a finished run of each backend: the first variant's that has one."""
    found: dict[str, str] = {}
    for cell, ended in zip(cells, done, strict=True):
        if ended.state != "failed" and ended.run is not None:
            found.setdefault(cell.backend, ended.run)
    return tuple(found.values())
