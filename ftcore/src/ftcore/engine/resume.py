"""Goes on with a run that did not finish: from its newest checkpoint, in its own directory.

All is taken from the directory, made anew and held against what it holds: rows, order, settings,
model, environment and the worker's code must be the same, or the end would not be that of a run
that nothing had interrupted.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ftcore.cache import require_disk
from ftcore.engine.baselines import keep_baselines
from ftcore.engine.evaluators import with_evaluator
from ftcore.engine.job import write_job
from ftcore.engine.observer import Observer
from ftcore.engine.opening import Changes, open_recipe
from ftcore.engine.place import place
from ftcore.engine.prepare import Prepared, prepare
from ftcore.engine.result_check import (
    check_adapter,
    check_exports,
    check_predictions,
    engine_config,
)
from ftcore.engine.run import (
    Outcome,
    answer_identity,
    carry_out,
    expected_bytes,
    recorded_end,
    refuse_machine_problems,
)
from ftcore.engine.same import environment_changes, plan_changes
from ftcore.environments.environment import Environment
from ftcore.errors import Problem, ProtocolViolation, ResumeError, RunLocked
from ftcore.launcher import end_orphans, sigterm_as_stop
from ftcore.plugins import Plugins
from ftcore.protocol import Job, Stage, write_message
from ftcore.recipe.resolved import load_resolved
from ftcore.runs.folder import RunFolder
from ftcore.runs.unfinished import (
    Checkpoint,
    finished_stages,
    keep_until,
    trim_half_lines,
    whole_checkpoints,
)

# Written before the worker starts, one after the other.
NEEDED = ("recipe.toml", "resolved.toml", "plan.json", "environment.json")
ANEW = "start it anew with the recipe"


@dataclass(frozen=True, slots=True)
class Kept:
    """What the directory says that the run was; ``job`` is None where the worker never started."""

    plan: dict[str, Any]
    environment: dict[str, Any]
    job: dict[str, Any] | None
    backend: str


def resume(
    run: RunFolder,
    plugins: Plugins,
    *,
    observer: Observer,
    python: str | None = None,
    offline: bool = False,
) -> Outcome:
    """Go on with ``run`` to its end; ``python`` is needed only where the kept one has moved.

    Raises `ResumeError` for a run that is finished or can no longer be the same, with every
    difference, and `RunLocked` for one that is at work.
    """
    kept = read_kept(run)
    observer.phase("prepare")
    try:
        loaded = load_resolved(
            run.file("resolved.toml"), run.file("recipe.toml").read_text("utf-8")
        )
    except ValueError as error:
        raise _damaged(run, "resolved.toml", error) from error
    loaded = open_recipe(loaded, plugins, Changes())
    prepared = prepare(
        loaded, plugins, backend=kept.backend, offline=offline, notify=observer.notice
    )
    prepared = with_evaluator(prepared, kept.plan["evaluation"].get("evaluator"))
    refuse(run, plan_changes(kept.plan, prepared))
    observer.planned(prepared.plan)
    refuse_machine_problems(prepared)
    require_disk(run.path, expected_bytes(prepared), "the run")
    with sigterm_as_stop():
        observer.phase("environment")
        own = kept.environment["python"] if kept.environment["key"].startswith("own-") else None
        environment = place(
            prepared.spec, prepared.device, python=python or own, offline=offline, observer=observer
        )
        refuse(run, environment_changes(kept.environment, prepared.spec, environment))
        with run.lock(), environment.lease() as lease:
            end_orphans(run.path, observer.notice)
            job = put_in_order(run, prepared, environment, kept, observer)
            with recorded_end(run):
                observer.started(str(run.path))
                return carry_out(run, prepared, environment, job, observer, lease)


def read_kept(run: RunFolder) -> Kept:
    """Read what the run was; `ResumeError` or `RunLocked` where there is nothing to go on with."""
    manifest = run.manifest()
    if manifest.state == "finished":
        raise ResumeError(
            f"run {run.path.name} is finished",
            hint=f"`ft runs show {run.path}` shows it, `ft report {run.path}` writes its report",
            code="resume.finished",
        )
    if run.is_locked():
        raise RunLocked(f"run {run.path.name} is at work", hint="wait for it, or stop it first")
    missing = [name for name in NEEDED if not run.file(name).exists()]
    if missing:
        raise ResumeError(
            f"run {run.path.name} ended before it had written {missing[0]}",
            hint=ANEW,
            code="resume.too-early",
        )
    try:
        plan, environment, job = (
            run.read_json(f"{n}.json") for n in ("plan", "environment", "job")
        )
    except ValueError as error:
        raise _damaged(run, "its plan, environment or job", error) from error
    if job is not None and job["folder"] != str(run.path):
        raise ResumeError(
            f"run {run.path.name} was made in {job['folder']}; its checkpoints name that place",
            hint="move it back there, or start it anew",
            code="resume.moved",
        )
    if job is not None and job.get("observe"):
        raise ResumeError(
            f"run {run.path.name} is one side of a comparison, which runs in one go",
            hint="start the comparison anew",
            code="resume.compared",
        )
    return Kept(plan, environment, job, manifest.backend)


def refuse(run: RunFolder, changes: list[Problem]) -> None:
    """Raise `ResumeError` with everything that is not as it was."""
    if changes:
        raise ResumeError(
            f"run {run.path.name} cannot go on as the run that it was: "
            f"{len(changes)} thing{'s' if len(changes) > 1 else ''} changed since",
            hint=f"put back what changed, or {ANEW}",
            code="resume.changed",
            problems=changes,
        )


def put_in_order(
    run: RunFolder,
    prepared: Prepared,
    environment: Environment,
    kept: Kept,
    observer: Observer,
) -> Job:
    """Make the directory ready to go on and return the job of what is left to do.

    The run is held by this process, and no worker of it is left.
    """
    state = run.manifest().state
    if state == "finished":
        raise ResumeError(f"run {run.path.name} was finished meanwhile", code="resume.finished")
    trim_half_lines(run)
    whole = same_job(run, prepared, kept)
    done = done_stages(run, whole)
    finished = [stage for stage in whole.stages if stage.name in done]
    identity = answer_identity(prepared, environment)
    keep_baselines(replace(whole, stages=finished), identity=identity)
    checkpoint = None
    if "train" not in done:
        checkpoint = max(
            (c for c in whole_checkpoints(run) if c.resumable), key=_step, default=None
        )
        keep_until(run, checkpoint)
    job = replace(
        whole,
        stages=[stage for stage in whole.stages if stage.name not in done],
        finished=done,
        resume_from=str(checkpoint.path) if checkpoint else None,
        first_step=checkpoint.step if checkpoint else 0,
    )
    write_message(job, run.file("job.json"))
    observer.notice(_goes_on(job, prepared))
    behind = done["train"]["steps"] if "train" in done else job.first_step
    entry = {"time": time.time(), "from_step": behind, "after": state}
    resumed = [*run.manifest().resumed, entry]
    run.update(state="running", stage=None, finished=None, error=None, resumed=resumed)
    return job


def same_job(run: RunFolder, prepared: Prepared, kept: Kept) -> Job:
    """Write the whole job as before; `ResumeError` where other prompts are asked than were."""
    evaluator = kept.job["evaluator"] if kept.job else prepared.spec.evaluator
    asked = {path: path.read_bytes() for path in run.file("requests").glob("*.jsonl")}
    job = write_job(run, prepared, evaluator=evaluator)
    other = [path for path, text in asked.items() if kept.job and path.read_bytes() != text]
    for path in other:
        path.write_bytes(asked[path])
    names = ", ".join(sorted(path.stem for path in other))
    refuse(
        run, [Problem(f"the prompts of {names}", fix="they come from data.test")] if other else []
    )
    return job


def done_stages(run: RunFolder, job: Job) -> dict[str, dict[str, Any]]:
    """Return what the finished stages made, those left out whose files are no longer whole.

    What follows training is done only if training is.
    """
    said = finished_stages(run)
    done: dict[str, dict[str, Any]] = {}
    for stage in job.stages:
        follows = stage.kind != "train" and stage.adapter is not None
        if stage.name in said and (not follows or "train" in done):
            with suppress(ProtocolViolation):
                _check_files(run, stage, said[stage.name])
                done[stage.name] = said[stage.name]
    return done


def _check_files(run: RunFolder, stage: Stage, made: dict[str, Any]) -> None:
    if stage.kind == "generate":
        check_predictions(stage)
    elif stage.kind == "export":
        check_exports(stage, made)
    else:
        check_adapter(Path(stage.output))
        if engine_config(run) is None:
            raise ProtocolViolation("the trainer left no engine_config.json")


def _goes_on(job: Job, prepared: Prepared) -> str:
    if "train" in job.finished:
        left = ", ".join(stage.name for stage in job.stages) or "scoring"
        return f"resuming: training was complete; what is left: {left}"
    if job.first_step:
        return f"resuming after step {job.first_step} of {prepared.order.steps}"
    return "resuming: there is no whole checkpoint yet, so training begins anew"


def _step(checkpoint: Checkpoint) -> int:
    return checkpoint.step


def _damaged(run: RunFolder, name: str, error: Exception) -> ResumeError:
    return ResumeError(
        f"{name} of run {run.path.name} cannot be read: {error}", hint=ANEW, code="resume.damaged"
    )
