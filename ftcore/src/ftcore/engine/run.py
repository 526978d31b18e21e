"""One run from plan to report; whatever ends it, the run directory says so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ftcore.cache import cache_dir, require_disk
from ftcore.code_folder import code_folder
from ftcore.engine.baselines import identity, keep_baselines, reuse_baselines
from ftcore.engine.estimates import BYTES, remember_rate
from ftcore.engine.gates import Gates
from ftcore.engine.guarantees import Evidence, ReceiptCheck
from ftcore.engine.job import legs, write_job
from ftcore.engine.nodes import await_others, meeting_place
from ftcore.engine.observer import Observer
from ftcore.engine.place import place
from ftcore.engine.prepare import Prepared, padded_tokens
from ftcore.engine.result_check import check_result
from ftcore.engine.scoring import score_run
from ftcore.environments.environment import Environment
from ftcore.errors import FtError, UnsupportedError
from ftcore.evaluation.gates import GateResult
from ftcore.launcher import Launcher, Observers, Stopped, sigterm_as_stop
from ftcore.protocol import Event, Job, Result, write_json, write_message
from ftcore.recipe.resolved import dump_resolved
from ftcore.runs.folder import RunFolder
from ftcore.runs.unfinished import written_receipts

SPARE_BYTES = 200 * 2**20


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run: its directory, plan and metrics (the data of ``metrics.json``), its gates."""

    folder: RunFolder
    prepared: Prepared
    result: Result
    metrics: dict[str, Any]
    gates: tuple[GateResult, ...] = ()


def execute(
    prepared: Prepared,
    *,
    runs: Path,
    observer: Observer,
    python: str | None = None,
    offline: bool = False,
    evaluator: str | None = None,
    gates: Gates | None = None,
) -> Outcome:
    """Build or reuse the environment, run the worker, check its receipts, score and report.

    Gates are in the outcome, whether they hold or not.
    """
    gates = gates or Gates(prepared.loaded)
    gates.require_rows(prepared.inputs.test)
    refuse_machine_problems(prepared)
    require_disk(runs.absolute(), expected_bytes(prepared), "the run")
    with sigterm_as_stop():
        observer.phase("environment")
        environment = place(
            prepared.spec, prepared.device, python=python, offline=offline, observer=observer
        )
        run = create_run(prepared, runs)
        with run.lock(), recorded_end(run), environment.lease() as lease:
            observer.started(str(run.path))
            write_recipe(run, prepared)
            write_used(run, prepared, environment)
            job = write_job(run, prepared, evaluator=evaluator or prepared.spec.evaluator)
            return carry_out(run, prepared, environment, job, observer, lease, gates)


def carry_out(
    run: RunFolder,
    prepared: Prepared,
    environment: Environment,
    job: Job,
    observer: Observer,
    lease: int | None,
    gates: Gates | None = None,
) -> Outcome:
    """Do the job in the worker, check what it left, score and report."""
    gates = gates or Gates(prepared.loaded)
    decided = answer_identity(prepared, environment)
    job = reuse_baselines(run, job, identity=decided, notify=observer.notice)
    observer.phase("work")
    run.update(state="running")
    lease_fds = () if lease is None else (lease,)
    result = _work(run, prepared, environment, observer, lease_fds, job)
    if prepared.watch is not None:  # it was trained to be compared, and answers nothing
        run.update(state="finished", stage=None)
        return Outcome(run, prepared, result, {})
    keep_baselines(job, identity=decided)
    observer.phase("score")
    metrics = score_run(run, prepared.loaded, prepared.inputs.test, prepared.inputs.train)
    held = gates.check(run, metrics, prepared.inputs.test)
    observer.scored(metrics)
    run.update(state="finished", stage=None)
    observer.phase("report")
    write_reports(run)
    return Outcome(run, prepared, result, metrics, held)


def refuse_machine_problems(prepared: Prepared) -> None:
    """Raise `UnsupportedError` for what this machine cannot do."""
    if prepared.plan.machine_problems:
        raise UnsupportedError(
            "this machine cannot run the recipe as it is: "
            + "; ".join(prepared.plan.machine_problems)
        )


def answer_identity(prepared: Prepared, environment: Environment) -> str:
    """Return what, besides prompts and decoding, decides the untuned model's answers."""
    return identity(prepared.model, environment, prepared.spec)


def expected_bytes(prepared: Prepared) -> int:
    """Return about how many bytes the run will write: adapter, checkpoints, merged model."""
    settings = prepared.settings
    adapter = settings.trainable_parameters * 4
    checkpoints = (settings.keep_checkpoints + 1) * adapter * 3 if settings.save_every else 0
    merged = 0
    if "merged" in prepared.loaded.recipe.export.formats:
        merged = prepared.facts.parameters * BYTES.get(prepared.facts.dtype, 4)
    return adapter * 3 + checkpoints + merged + SPARE_BYTES


def create_run(prepared: Prepared, runs: Path) -> RunFolder:
    """Make the run directory."""
    return RunFolder.create(
        runs,
        recipe=prepared.loaded.recipe.name,
        profile=prepared.loaded.profile,
        backend=prepared.spec.name,
        model=prepared.model.id,
        seed=prepared.loaded.recipe.train.seed,
    )


def write_recipe(run: RunFolder, prepared: Prepared) -> None:
    """Write the recipe as given and as resolved, and the plan."""
    loaded = prepared.loaded
    run.file("recipe.toml").write_text(loaded.text, encoding="utf-8")
    run.file("resolved.toml").write_text(dump_resolved(loaded), encoding="utf-8")
    write_json(prepared.plan.to_json(), run.file("plan.json"))


def write_used(run: RunFolder, prepared: Prepared, environment: Environment) -> None:
    """Write ``environment.json``: what the worker runs in."""
    spec = prepared.spec
    write_json(
        {
            "backend": spec.name,
            "plugin_version": spec.version,
            "key": environment.key,
            "python": str(environment.python),
            "torch_source": environment.torch_source,
            "packages": environment.packages,
            "built": environment.built,
            "reason": environment.reason,
            "code": code_folder(cache_dir(), spec.package).name,
        },
        run.file("environment.json"),
    )


@contextmanager
def recorded_end(run: RunFolder) -> Iterator[None]:
    """Write into the manifest how a run ended that did not finish, and report what there is."""
    try:
        yield
    except (Stopped, KeyboardInterrupt):
        _ended(run, state="interrupted")
        raise
    except FtError as error:
        state = "crashed" if error.code == "worker.crashed" else "failed"
        _ended(run, state=state, error=error.to_json())
        raise
    except BaseException as error:
        _ended(run, state="failed", error={"error": type(error).__name__, "message": str(error)})
        raise


def _ended(run: RunFolder, **changes: Any) -> None:
    run.update(**changes)
    # What ended the run matters more than a report that cannot be written.
    with suppress(FtError, OSError):
        write_reports(run)


def _work(
    run: RunFolder,
    prepared: Prepared,
    environment: Environment,
    observer: Observer,
    lease_fds: tuple[int, ...],
    job: Job,
) -> Result:
    kind = Evidence if prepared.watch else ReceiptCheck
    check = kind(prepared.stream, prepared.order)
    for receipt in written_receipts(run):
        check(receipt)
    launcher = Launcher(
        environment.python,
        code_folder(cache_dir(), prepared.spec.package),
        cache_dir() / "home" / prepared.spec.name,
    )

    def on_event(event: Event) -> None:
        if event.type == "started":
            run.update(stage=event.stage)
        observer.event(event)

    heard = Observers(on_event, check, observer.notice)
    result = run_legs(launcher, job, heard, lease_fds)
    seconds = check_result(run, prepared, job, result, check)
    if seconds > 0 and prepared.watch is None:
        lengths = prepared.stream.lengths("train")
        tokens = padded_tokens(prepared.order, lengths, prepared.settings.padding_multiple)
        remember_rate(cache_dir(), prepared.rate_key, tokens / seconds)
    return result


def run_legs(launcher: Launcher, job: Job, heard: Observers, lease_fds: tuple[int, ...]) -> Result:
    """Run the job, its training in several processes where it has them, all else in one."""
    written, finished = Path(job.folder) / "job.json", dict(job.finished)
    try:
        with meeting_place(job, heard.notice):
            for leg in legs(job):
                leg = replace(leg, finished=finished)
                write_message(leg, written)
                await_others(leg, heard.notice)
                result = launcher.run(leg, heard, lease_fds=lease_fds)
                finished = result.stages
    finally:
        write_message(job, written)
    return result


def write_reports(run: RunFolder) -> None:
    """Write ``report.md``, ``report.html`` and the plots from what the run directory holds."""
    from ftcore.report import write_report

    with matplotlib_folder():
        write_report(run)


@contextmanager
def matplotlib_folder() -> Iterator[None]:
    """Let matplotlib keep its list of fonts in ft's cache, not in the user's home."""
    if "MPLCONFIGDIR" in os.environ:
        yield
        return
    folder = cache_dir() / "matplotlib"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["MPLCONFIGDIR"] = str(folder)
    try:
        yield
    finally:
        del os.environ["MPLCONFIGDIR"]
