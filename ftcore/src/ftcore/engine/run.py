"""One run from plan to report; whatever ends it, the run directory says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftcore.cache import cache_dir, require_disk
from ftcore.code_folder import code_folder
from ftcore.engine.estimates import BYTES, remember_rate
from ftcore.engine.guarantees import ReceiptCheck, check_effective
from ftcore.engine.job import write_job
from ftcore.engine.observer import Observer
from ftcore.engine.prepare import Prepared, padded_tokens
from ftcore.engine.scoring import score_run
from ftcore.environments.build import ensure
from ftcore.environments.environment import Environment
from ftcore.errors import FtError, ProtocolViolation, UnsupportedError
from ftcore.launcher import Launcher, Observers, Stopped
from ftcore.protocol import Event, Job, Result, write_json
from ftcore.recipe.resolved import dump_resolved
from ftcore.runs.folder import RunFolder

SPARE_BYTES = 200 * 2**20


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run: its directory, plan and metrics (the data of ``metrics.json``)."""

    folder: RunFolder
    prepared: Prepared
    result: Result
    metrics: dict[str, Any]


def execute(
    prepared: Prepared,
    *,
    runs: Path,
    observer: Observer,
    python: str | None = None,
    offline: bool = False,
    evaluator: str | None = None,
) -> Outcome:
    """Build or reuse the environment, run the worker, check its receipts, score and report."""
    if prepared.plan.machine_problems:
        raise UnsupportedError(
            "this machine cannot run the recipe as it is: "
            + "; ".join(prepared.plan.machine_problems)
        )
    require_disk(runs.absolute(), expected_bytes(prepared), "the run")
    observer.phase("environment")
    environment = ensure(
        prepared.spec.environment,
        device=prepared.device,
        python=python,
        offline=offline,
        notify=observer.notice,
    )
    run = open_run(prepared, runs)
    observer.started(str(run.path))
    with run.lock(), recorded_end(run), environment.lease() as lease:
        write_used(run, prepared, environment)
        job = write_job(run, prepared, evaluator=evaluator or prepared.spec.evaluator)
        observer.phase("work")
        run.update(state="running")
        result = _work(run, prepared, environment, observer, () if lease is None else (lease,), job)
        observer.phase("score")
        metrics = score_run(run, prepared.loaded, prepared.inputs.test)
        observer.scored(metrics)
        run.update(state="finished", stage=None)
        observer.phase("report")
        write_reports(run)
    return Outcome(run, prepared, result, metrics)


def expected_bytes(prepared: Prepared) -> int:
    """Return about how many bytes the run will write: adapter, checkpoints, merged model."""
    settings = prepared.settings
    adapter = settings.trainable_parameters * 4
    checkpoints = (settings.keep_checkpoints + 1) * adapter * 3 if settings.save_every else 0
    merged = 0
    if "merged" in prepared.loaded.recipe.export.formats:
        merged = prepared.facts.parameters * BYTES.get(prepared.facts.dtype, 4)
    return adapter * 3 + checkpoints + merged + SPARE_BYTES


def open_run(prepared: Prepared, runs: Path) -> RunFolder:
    """Make the run directory with the recipe as given and as resolved."""
    loaded = prepared.loaded
    run = RunFolder.create(
        runs,
        recipe=loaded.recipe.name,
        profile=loaded.profile,
        backend=prepared.spec.name,
        model=prepared.model.id,
        seed=loaded.recipe.train.seed,
    )
    run.file("recipe.toml").write_text(loaded.text, encoding="utf-8")
    run.file("resolved.toml").write_text(dump_resolved(loaded), encoding="utf-8")
    write_json(prepared.plan.to_json(), run.file("plan.json"))
    return run


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
    """Write into the manifest how the run ended when it does not finish."""
    try:
        yield
    except (Stopped, KeyboardInterrupt):
        run.update(state="interrupted")
        raise
    except FtError as error:
        state = "crashed" if error.code == "worker.crashed" else "failed"
        run.update(state=state, error=error.to_json())
        raise
    except BaseException as error:
        run.update(state="failed", error={"error": type(error).__name__, "message": str(error)})
        raise


def _work(
    run: RunFolder,
    prepared: Prepared,
    environment: Environment,
    observer: Observer,
    lease_fds: tuple[int, ...],
    job: Job,
) -> Result:
    check = ReceiptCheck(prepared.stream, prepared.order)
    launcher = Launcher(
        environment.python,
        code_folder(cache_dir(), prepared.spec.package),
        cache_dir() / "home" / prepared.spec.name,
    )

    def on_event(event: Event) -> None:
        if event.type == "started":
            run.update(stage=event.stage)
        observer.event(event)

    result = launcher.run(job, Observers(on_event, check, observer.notice), lease_fds=lease_fds)
    check_result(run, prepared, result, check)
    return result


def check_result(run: RunFolder, prepared: Prepared, result: Result, check: ReceiptCheck) -> None:
    """Hold the result against the plan: receipts, effective configuration, artifacts."""
    train = result.stages.get("train")
    if train is None:
        raise ProtocolViolation("the result has no train stage")
    check.finish(int(train["steps"]), prepared.order)
    check_effective(run.read_json("engine_config.json"), prepared.settings)
    if not any(run.file("adapter").glob("*.safetensors")):
        raise ProtocolViolation("the trainer left no adapter")
    for name, made in result.stages.get("export", {}).items():
        if not Path(made["path"]).exists():
            raise ProtocolViolation(f"the exporter left no {name}")
    write_json(
        {"micro_batches": check.seen, "planned": check.planned, "equal": True},
        run.file("receipts.json"),
    )
    seconds = float(train.get("seconds") or 0.0)
    if seconds > 0 and int(train["steps"]) == prepared.order.steps:
        tokens = padded_tokens(
            prepared.order,
            prepared.stream.lengths("train"),
            prepared.settings.padding_multiple,
        )
        remember_rate(cache_dir(), prepared.rate_key, tokens / seconds)


def write_reports(run: RunFolder) -> None:
    """Write ``report.md``, ``report.html`` and the plots from what the run directory holds."""
    from ftcore.report import write_report

    write_report(run)
