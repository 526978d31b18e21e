"""Evaluates again: the recipe's test rows answered by a run's adapter, an adapter or a model.

One worker job with one generate stage; nothing is trained. What is written lies in a directory of
its own, below the run that is evaluated or below ``runs/evaluations``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftcore.backends import BackendSpec
from ftcore.cache import cache_dir, require_disk
from ftcore.code_folder import code_folder
from ftcore.data.rows import Row
from ftcore.engine.baselines import identified, identity, take_over
from ftcore.engine.capabilities import check_capabilities
from ftcore.engine.gates import Gates
from ftcore.engine.inputs import open_data, read_test
from ftcore.engine.observer import Observer
from ftcore.engine.place import place
from ftcore.engine.prepare import backend_for, find_model, render_options
from ftcore.engine.prompts import write_requests
from ftcore.engine.result_check import check_predictions
from ftcore.engine.run import SPARE_BYTES, recorded_end
from ftcore.engine.scoring import read_predictions, require_scorable, score_run
from ftcore.engine.settings import decoding, model_ref, train_settings
from ftcore.engine.targets import Target
from ftcore.environments.environment import Environment
from ftcore.errors import DataError, ModelError, ProtocolViolation, UnsupportedError
from ftcore.evaluation.gates import GateResult
from ftcore.launcher import Launcher, Observers, sigterm_as_stop
from ftcore.models.inspect import ModelFacts, inspect_model
from ftcore.models.resolve import ResolvedModel
from ftcore.plugins import Plugins
from ftcore.protocol import PROTOCOL_VERSION, Job, Receipt, Result, Stage, write_message
from ftcore.recipe.loading import LoadedRecipe
from ftcore.recipe.resolved import dump_resolved
from ftcore.rendering.order import plan_order
from ftcore.rendering.renderer import Renderer
from ftcore.runs.folder import RunFolder

STAGE = "after"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A finished evaluation: its directory and metrics (the data of ``metrics.json``).

    ``result`` is None where no worker answered. ``reproduced`` is (equal, compared): of the
    answers that the evaluated run itself had kept for the same rows, how many came out the same
    when given anew; None where there is nothing to compare.
    """

    folder: RunFolder
    target: Target
    loaded: LoadedRecipe
    result: Result | None
    metrics: dict[str, Any]
    reproduced: tuple[int, int] | None
    gates: tuple[GateResult, ...] = ()


def evaluate(
    target: Target,
    loaded: LoadedRecipe,
    plugins: Plugins,
    *,
    runs: Path,
    observer: Observer,
    python: str | None = None,
    offline: bool = False,
    evaluator: str | None = None,
    fresh: bool = False,
    gates: Gates | None = None,
) -> Evaluation:
    """Answer the recipe's test rows and score the answers.

    Answers that the run or an earlier evaluation of it has given to the same questions are taken
    over, unless ``fresh``. Gates are in the result, whether they hold or not.
    """
    observer.phase("prepare")
    spec = backend_for(loaded.recipe, plugins)
    device = _device(loaded, spec, plugins)
    gates = gates or Gates(loaded)
    rows = _rows(loaded, gates)
    model = find_model(loaded, offline=offline, notify=observer.notice)
    _same_base(target, model)
    renderer = Renderer.from_folder(model.folder, render_options(loaded))
    root = target.path if target.kind == "run" else runs
    require_disk(root.absolute(), SPARE_BYTES, "the evaluation")
    with sigterm_as_stop():
        observer.phase("environment")
        environment = place(spec, device, python=python, offline=offline, observer=observer)
        run = _create(root / "evaluations", loaded, spec, model)
        with run.lock(), recorded_end(run), environment.lease() as lease:
            observer.started(str(run.path))
            run.file("recipe.toml").write_text(loaded.text, encoding="utf-8")
            run.file("resolved.toml").write_text(dump_resolved(loaded), encoding="utf-8")
            job = _job(run, target, loaded, spec, device, model, renderer, rows, evaluator)
            job = identified(job, identity(model, environment, spec))
            write_message(job, run.file("job.json"))
            taken = 0 if fresh else _take_over(job, root, target, observer)
            observer.phase("work")
            run.update(state="running")
            lease_fds = () if lease is None else (lease,)
            result = _work(job, spec, environment, observer, lease_fds)
            observer.phase("score")
            metrics = score_run(run, loaded, rows, open_data(loaded).rows("train"))
            held = gates.check(run, metrics, rows)
            observer.scored(metrics)
            run.update(state="finished", stage=None)
    reproduced = _reproduced(target, run, taken)
    return Evaluation(run, target, loaded, result, metrics, reproduced, held)


def _rows(loaded: LoadedRecipe, gates: Gates) -> list[Row]:
    """Return the test rows; `DataError` where there are none, or some that cannot be scored."""
    rows = read_test(loaded)
    if not rows:
        raise DataError(
            "the recipe has no test rows", hint="set data.test or data.split.test", code="data.test"
        )
    require_scorable(loaded, rows)
    gates.require_rows(rows)
    return rows


def _take_over(job: Job, root: Path, target: Target, observer: Observer) -> int:
    """Put answers to the same questions in place that the run or an evaluation of it has given."""
    earlier = sorted(root.glob(f"evaluations/*/predictions/{STAGE}.jsonl"))
    if target.run:
        earlier.insert(0, target.run.file("predictions") / f"{STAGE}.jsonl")
    taken = take_over(job, job.stages[0], earlier)
    if taken:
        answers = "1 answer" if taken == 1 else f"{taken} answers"
        observer.notice(f"{answers} taken over from an earlier evaluation")
    return taken


def _device(loaded: LoadedRecipe, spec: BackendSpec, plugins: Plugins) -> str:
    from ftcore.environments.accelerator import detect_accelerator

    device = detect_accelerator(loaded.recipe.launch.device).kind
    others = [other for other in plugins.backends().values() if other.name != spec.name]
    notes = check_capabilities(loaded, spec, others, device)
    if notes.machine:
        raise UnsupportedError(
            "this machine cannot run the recipe as it is", problems=notes.machine
        )
    return device


def _same_base(target: Target, model: ResolvedModel) -> None:
    """An adapter belongs to the exact weights that it was trained on."""
    if target.fingerprint is not None and model.fingerprint != target.fingerprint:
        raise ModelError(
            f"{model.id} is not the model that {target.path.name} was trained on: its files differ",
            hint=f"its base was {target.model}; evaluate with that one",
            code="model.other-base",
            details={"expected": target.fingerprint, "found": model.fingerprint},
        )


def _create(root: Path, loaded: LoadedRecipe, spec: BackendSpec, model: ResolvedModel) -> RunFolder:
    return RunFolder.create(
        root,
        recipe=loaded.recipe.name,
        profile=loaded.profile,
        backend=spec.name,
        model=model.id,
        seed=loaded.recipe.train.seed,
    )


def _job(
    run: RunFolder,
    target: Target,
    loaded: LoadedRecipe,
    spec: BackendSpec,
    device: str,
    model: ResolvedModel,
    renderer: Renderer,
    rows: list[Row],
    evaluator: str | None,
) -> Job:
    requests = run.file("requests") / f"{STAGE}.jsonl"
    write_requests(requests, rows, renderer)
    stage = Stage(
        name=STAGE,
        kind="generate",
        input=str(requests),
        output=str(run.file("predictions") / f"{STAGE}.jsonl"),
        adapter=str(target.adapter) if target.adapter else None,
        decoding=decoding(loaded.recipe, renderer),
    )
    return Job(
        version=PROTOCOL_VERSION,
        run=run.path.name,
        folder=str(run.path),
        backend=spec.name,
        trainer=spec.trainer,
        evaluator=evaluator or spec.evaluator,
        exporter=spec.exporter,
        device=device,
        threads=loaded.recipe.launch.threads,
        world_size=1,
        model=model_ref(loaded.recipe, str(model.folder)),
        settings=_unused_settings(loaded, inspect_model(model.folder), renderer),
        stages=[stage],
    )


def _unused_settings(loaded: LoadedRecipe, facts: ModelFacts, renderer: Renderer) -> Any:
    """Return training settings: every job carries some, a generate stage reads none of them."""
    order = plan_order(
        1,
        batch_size=1,
        accumulation=1,
        world_size=1,
        epochs=1,
        max_steps=None,
        seed=0,
        shuffle=False,
    )
    return train_settings(loaded, facts, order, renderer.pad_id)


def _work(
    job: Job,
    spec: BackendSpec,
    environment: Environment,
    observer: Observer,
    lease_fds: tuple[int, ...],
) -> Result:
    def on_receipt(receipt: Receipt) -> None:
        raise ProtocolViolation("a receipt of training in a job that trains nothing")

    launcher = Launcher(
        environment.python,
        code_folder(cache_dir(), spec.package),
        cache_dir() / "home" / spec.name,
    )
    heard = Observers(observer.event, on_receipt, observer.notice)
    result = launcher.run(job, heard, lease_fds=lease_fds)
    if STAGE not in result.stages:
        raise ProtocolViolation(f"the result has no stage {STAGE}")
    check_predictions(job.stages[0])
    return result


def _reproduced(target: Target, run: RunFolder, taken: int) -> tuple[int, int] | None:
    """Compare the answers with those that the evaluated run kept, row by row.

    The first ``taken`` were not given anew; None where there is nothing else to compare.
    """
    if target.run is None:
        return None
    kept = target.run.file("predictions") / f"{STAGE}.jsonl"
    if not kept.exists():
        return None
    earlier = read_predictions(kept)
    now = read_predictions(run.file("predictions") / f"{STAGE}.jsonl")
    shared = [row_id for row_id in list(now)[taken:] if row_id in earlier]
    if taken and not shared:
        return None
    return sum(now[row_id] == earlier[row_id] for row_id in shared), len(shared)
