"""`ftcore.parity`: the part of the Python face that certifies whether backends train the same."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from ftcore.comparison.certificate import Asked, Mode
from ftcore.display.watcher import Several
from ftcore.engine.parity.check import certify
from ftcore.engine.parity.trainings import Workplace
from ftcore.engine.parity.verify import Verification, verify
from ftcore.face import Progress, RecipeLike, observer_for, root_of
from ftcore.recipe.loading import LoadedRecipe
from ftcore.results import ParityResult


def parity(
    recipe: RecipeLike,
    *,
    backends: Sequence[str] = ("trl", "swift", "llamafactory"),
    reference: bool = False,
    steps: int = 6,
    mode: Mode = "strict",
    max_length: int | None = None,
    full_runs: Sequence[str] = (),
    out: str | PathLike[str] | None = None,
    fresh: bool = False,
    profile: str | None = None,
    model: str | None = None,
    overrides: Sequence[str] = (),
    python: str | None = None,
    offline: bool = False,
    runs: str | PathLike[str] | None = None,
    progress: Progress = "auto",
) -> ParityResult:
    """Train the recipe's first steps on each backend and certify whether they are the same.

    ``reference`` adds the plain loop. ``mode`` "strict" pins what moves bits, "normal" takes the
    recipe as it is and allows what two seeds of the first backend differ by. ``full_runs`` are
    finished runs of the whole recipe, for the task metrics. The certificate is written to ``out``,
    else below ``runs``; stored trainings are reused unless ``fresh``. See `Certificate`.
    """
    if isinstance(recipe, LoadedRecipe):
        profile, overrides = profile or recipe.profile, (*recipe.overrides, *overrides)
        recipe = recipe.path
    asked = Asked(
        recipe=str(Path(recipe).absolute()),
        profile=profile,
        model=model,
        overrides=tuple(overrides),
        backends=tuple(backends),
        reference=reference,
        mode=mode,
        steps=steps,
        max_length=max_length,
        runs=tuple(full_runs),
    )
    root = root_of(runs)
    with Several([observer_for(progress)]) as watcher:
        place = Workplace(root, watcher, python=python, offline=offline, fresh=fresh)
        certificate = certify(asked, place)
    path = Path(out) if out is not None else root / f"{Path(recipe).stem}.parity.json"
    certificate.save(path)
    return ParityResult(certificate, path)


def verify_parity(
    certificate: str | PathLike[str],
    *,
    python: str | None = None,
    offline: bool = False,
    runs: str | PathLike[str] | None = None,
    progress: Progress = "auto",
) -> Verification:
    """Do a certificate's trainings again and hold them against what it says."""
    with Several([observer_for(progress)]) as watcher:
        place = Workplace(root_of(runs), watcher, python=python, offline=offline)
        return verify(Path(certificate), place)
