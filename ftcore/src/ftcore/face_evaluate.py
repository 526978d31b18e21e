"""`ftcore.evaluate` and `ftcore.judge_report`: the part of the Python face that scores answers."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

from ftcore.display.watcher import PluginWatcher, Several
from ftcore.engine.evaluate import evaluate as evaluate_target
from ftcore.engine.evaluators import evaluator_hook
from ftcore.engine.gates import open_gates
from ftcore.engine.opening import Changes, open_recipe, use_plugins
from ftcore.engine.predictions import score_given
from ftcore.engine.targets import find_target, own_recipe
from ftcore.evaluation.gated import require_held
from ftcore.face import Progress, RecipeLike, gates_of, observer_for, path_of, root_of
from ftcore.judging.contests import find_contest
from ftcore.judging.pairs import Baseline
from ftcore.judging.report import JudgeReport
from ftcore.results import EvaluationResult


def evaluate(
    target: str | PathLike[str],
    recipe: RecipeLike | None = None,
    *,
    backend: str | None = None,
    profile: str | None = None,
    model: str | None = None,
    overrides: Sequence[str] = (),
    limit: int | None = None,
    fresh: bool = False,
    evaluator: str | None = None,
    python: str | None = None,
    offline: bool = False,
    runs: str | PathLike[str] | None = None,
    require: Sequence[str] = (),
    no_worse_than: str | PathLike[str] | None = None,
    margin: float | None = None,
    progress: Progress = "auto",
) -> EvaluationResult:
    """Answer the recipe's test rows again and score them, as `ft eval` does.

    ``target`` is a run (its folder or id), an adapter folder, a model folder, or a file of
    predictions made elsewhere (JSON lines with ``prediction``, and ``row_id`` unless they are in
    the order of the rows); ``limit`` bounds the rows. A run's adapter is evaluated on the base
    model that it was trained on. Answers that the run or an earlier evaluation has given to the
    same questions are taken over unless ``fresh``; ``evaluator`` "native" has the engine's own
    inference answer. ``recipe`` None is the run's own. ``require``, ``no_worse_than`` and
    ``margin`` are gates, as of `run`.
    """
    root = root_of(runs)
    found = find_target(str(target), root)
    given = tuple(overrides) if limit is None else (*overrides, f"evaluation.limit={limit}")
    changes = Changes(backend, profile, found.model or model, given)
    plugins = use_plugins()
    loaded = open_recipe(path_of(recipe or own_recipe(found)), plugins, changes)
    gates = open_gates(loaded, gates_of(require, no_worse_than, margin), root)
    with Several([observer_for(progress), PluginWatcher(plugins)]) as watcher:
        if found.kind == "predictions":
            done = score_given(found, loaded, runs=root, observer=watcher, gates=gates)
        else:
            spec = plugins.backend(loaded.recipe.default_backend)
            done = evaluate_target(
                found,
                loaded,
                plugins,
                runs=root,
                observer=watcher,
                python=python,
                offline=offline,
                evaluator=evaluator_hook(spec, evaluator, plugins.backends().values()),
                fresh=fresh,
                gates=gates,
            )
    return require_held(EvaluationResult.of(done))


def judge_report(
    run: str | PathLike[str],
    other: str | PathLike[str] | None = None,
    *,
    baseline: Baseline | None = None,
    runs: str | PathLike[str] | None = None,
) -> JudgeReport:
    """Return what the votes of `ft judge` come to: one run before and after, or two runs.

    Nothing is written; ``write()`` of the report puts it beside the votes.
    """
    return JudgeReport.of(find_contest(run, other, runs=runs, baseline=baseline))
