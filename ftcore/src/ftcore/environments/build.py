"""Environments: found ready, or built with uv from a backend's lock.

Ready? -> take the lock beside the folder -> ready now? -> wipe what is partial -> build -> health
check -> state by atomic rename. What is ready never changes: another lock, plugin version, Python
or accelerator is another key, and another folder.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from ftcore.backends import EnvironmentSpec
from ftcore.cache import (
    Notify,
    folder_size,
    human_size,
    locked,
    refuse_windows,
    require_disk,
    write_json,
)
from ftcore.environments.accelerator import Accelerator, detect_accelerator
from ftcore.environments.environment import (
    STATE,
    STATE_FORMAT,
    Environment,
    environment_folder,
    from_state,
    interpreter,
    lock_file,
    read_state,
)
from ftcore.environments.health import Health, check_health, import_failure
from ftcore.environments.key import KeyParts, explain, key_parts
from ftcore.environments.list import latest_parts
from ftcore.environments.pythons import PythonChoice, choose_python
from ftcore.environments.torch_source import TorchSource, choose_torch_source
from ftcore.errors import BuildError, DiskFull
from ftcore.packages.installer import Installer, UvInstaller, judge_failure, log_tail
from ftcore.packages.settings import PackageSettings, package_settings

# Bytes to have free before a build: the packages, and uv's cache of them.
_DISK = {"none": 300_000_000, "cpu": 2_500_000_000, "mps": 2_500_000_000, "cuda": 12_000_000_000}


@dataclass(frozen=True)
class Plan:
    """What will be built, all of it decided before anything is fetched."""

    spec: EnvironmentSpec
    accelerator: Accelerator
    python: PythonChoice
    torch: TorchSource
    settings: PackageSettings
    parts: KeyParts
    offline: bool

    @property
    def folder(self) -> Path:
        """The environment's folder."""
        return environment_folder(self.spec.name, self.parts.key)


def plan_environment(
    spec: EnvironmentSpec, *, device: str = "auto", python: str | None = None, offline: bool = False
) -> Plan:
    """Decide which environment ``spec`` means here; nothing is built.

    Raises UnsupportedError for a device that is not there, BuildError for a Python that does not
    fit, PluginError for a bad lock.
    """
    refuse_windows()
    settings = package_settings()
    accelerator = detect_accelerator(device)
    choice = choose_python(spec.requires_python, python)
    torch = choose_torch_source(spec.torch, choice.version, accelerator, settings)
    parts = key_parts(
        spec, python=choice.version, accelerator=accelerator.kind, torch_source=torch.label
    )
    return Plan(spec, accelerator, choice, torch, settings, parts, offline)


def find_ready(plan: Plan) -> Environment | None:
    """Return the planned environment if it is ready, without building it."""
    state = read_state(plan.folder)
    return None if state is None else from_state(plan.folder, state, built=False, reason="reused")


def ensure(
    spec: EnvironmentSpec,
    *,
    device: str = "auto",
    python: str | None = None,
    offline: bool = False,
    notify: Notify,
    installer: Installer | None = None,
) -> Environment:
    """Return the environment of ``spec`` for this machine, built if it is not ready.

    ``device`` as in the recipe; ``python`` the interpreter to build with (default: choose);
    ``offline`` takes packages from uv's cache and local folders only. Raises BuildError with the
    end of uv's output, the log's path and a hint; DiskFull; what `plan_environment` raises.
    """
    plan = plan_environment(spec, device=device, python=python, offline=offline)
    ready = find_ready(plan)
    if ready is None:
        purpose = f"building the {spec.name} environment"
        with locked(lock_file(plan.folder), purpose=purpose, timeout=7200, notify=notify):
            ready = find_ready(plan)
            if ready is None:
                return _build(plan, notify, installer or UvInstaller(_relay(spec.name, notify)))
    notify(f"environment {spec.name}: reused ({ready.key})")
    return ready


def _relay(name: str, notify: Notify) -> Notify:
    """Return a notifier that says whose environment a line of uv's output is about."""
    return lambda line: notify(f"environment {name}: {line}")


def _build(plan: Plan, notify: Notify, installer: Installer) -> Environment:
    """Build the planned environment; the lock is held."""
    spec, folder = plan.spec, plan.folder
    reason = explain(latest_parts(spec.name), plan.parts)
    require_disk(folder.parent, _disk_needed(plan), f"The {spec.name} environment")
    notify(
        f"environment {spec.name}: building with Python {plan.python.version} for "
        f"{plan.accelerator.kind} ({reason}); once, later runs reuse it"
    )
    started = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _install(plan, installer, notify)
        health = _healthy(plan, notify)
    except BaseException:
        shutil.rmtree(folder / "venv", ignore_errors=True)
        raise
    seconds = time.monotonic() - started
    state = {
        "format": STATE_FORMAT,
        "backend": spec.name,
        "key": plan.parts.key,
        "parts": asdict(plan.parts),
        "python": health.python,
        "packages": dict(sorted(health.packages.items())),
        "devices": dict(health.devices),
        "reason": reason,
        "built_at": time.time(),
        "seconds": round(seconds, 1),
        "bytes": folder_size(folder),
    }
    write_json(folder / STATE, state)
    size = human_size(folder_size(folder))
    notify(f"environment {spec.name}: ready in {seconds:.0f} s ({size}) in {folder}")
    return from_state(folder, state, built=True, reason=reason)


def _disk_needed(plan: Plan) -> int:
    return _DISK["none" if not plan.spec.torch else plan.accelerator.kind]


def _install(plan: Plan, installer: Installer, notify: Notify) -> None:
    """Make the venv, install the lock by hash, then torch within the lock's versions.

    The lock comes first: packages that torch shares with it are then the hashed ones.
    """
    folder = plan.folder
    log = folder / "build.log"
    log.write_text("".join(f"{note}\n" for note in plan.settings.notes), encoding="utf-8")
    common = ["--offline"] if plan.offline else []
    _run(plan, installer, log, ["venv", "--python", plan.python.request, "venv", *common])
    target = ["--python", str(interpreter(folder)), *common]
    target += ["--no-index"] if plan.settings.no_index else []
    notify(f"environment {plan.spec.name}: installing {len(plan.parts.pins)} locked packages")
    for lock in plan.spec.locks:
        exactly = ["--no-deps", "--require-hashes", "--no-build", "-r", str(lock)]
        _run(plan, installer, log, ["pip", "install", *target, *exactly])
    if plan.torch.requirement:
        notify(
            f"environment {plan.spec.name}: installing {plan.torch.requirement} "
            f"from {_torch_place(plan)}"
        )
        constraints = folder / "constraints.txt"
        constraints.write_text(
            "".join(f"{name}=={version}\n" for name, version in plan.parts.pins.items()),
            encoding="utf-8",
        )
        torch = ["--no-build", "-c", str(constraints), *plan.torch.args, plan.torch.requirement]
        _run(plan, installer, log, ["pip", "install", *target, *torch])


def _torch_place(plan: Plan) -> str:
    """Return the torch source for people, with what to do where it may be needlessly big."""
    label = plan.torch.label
    if label == "find-links":
        return "your find-links folder"
    if label.startswith("pytorch:"):
        return f"PyTorch's index ({label.removeprefix('pytorch:')})"
    if plan.accelerator.kind == "cpu":
        return (
            "your package index (on Linux that may be the big CUDA build: UV_TORCH_BACKEND=cpu "
            "takes the CPU one from PyTorch's index)"
        )
    return "the package index"


def _run(plan: Plan, installer: Installer, log: Path, args: list[str]) -> None:
    """Run one uv command; raise BuildError or DiskFull when it fails."""
    environment = dict(plan.settings.environment)
    environment.pop("UV_TORCH_BACKEND", None)  # passed where it is meant, and only there
    if installer.run(args, environment, log) == 0:
        return
    code, hint = judge_failure(log_tail(log, 60), plan.offline)
    failure = DiskFull if code == "environment.disk" else BuildError
    raise failure(
        f"The {plan.spec.name} environment could not be built (uv {args[0]}):\n{log_tail(log)}",
        hint=f"{hint} The whole log: {log}",
        code="machine.disk" if failure is DiskFull else code,
        details={"log": str(log)},
    )


def _healthy(plan: Plan, notify: Notify) -> Health:
    """Import the engine in the new environment. Raises BuildError when that fails."""
    notify(f"environment {plan.spec.name}: checking that {', '.join(plan.spec.imports)} import")
    health = check_health(interpreter(plan.folder), plan.spec.imports)
    if health.errors:
        raise BuildError(
            f"The {plan.spec.name} environment was built, but its engine does not import:\n"
            f"{import_failure(health)}",
            hint=f"The whole log: {plan.folder / 'build.log'}",
            code="environment.health",
        )
    if plan.accelerator.kind == "cuda" and plan.spec.torch and not health.devices.get("cuda"):
        notify(
            f"environment {plan.spec.name}: this torch does not see the GPU "
            f"({plan.accelerator.detail}); training would run on the CPU"
        )
    return health
