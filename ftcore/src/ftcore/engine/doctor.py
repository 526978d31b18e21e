"""Checks of this machine and of what is installed: what a run will need, before it needs it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from ftcore.cache import cache_dir, human_size
from ftcore.errors import FtError
from ftcore.plugins import DISABLE, Plugins

LOW_DISK = 8_000_000_000  # bytes: an environment, a model and some runs
LEAST_DISK = 2_000_000_000  # bytes: not even the smallest environment fits
LOW_MEMORY = 3_000_000_000  # bytes: the embedded model in training
OLDEST_PYTHON = (3, 11)
PACKAGE_SETTINGS = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "SSL_CERT_FILE",
    "ALL_PROXY",
    "HTTPS_PROXY",
    "https_proxy",
)
STATES = {"ok": "ok", "warn": "look", "fail": "FAIL"}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: "fail" stops runs, "warn" may; ``fix`` is one thing to try."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    fix: str | None = None


def run_checks(plugins: Plugins) -> list[Check]:
    """Return every finding; nothing is built or fetched."""
    found: list[Check] = []
    steps: tuple[Callable[[], Iterator[Check]], ...] = (
        _python,
        _uv,
        _cache,
        _memory,
        _packages,
        _hub,
        _accelerator,
        lambda: _plugins(plugins),
        lambda: _environments(plugins),
        _models,
    )
    for step in steps:
        try:
            found += step()
        except FtError as error:
            found.append(Check(error.code, "fail", error.message, error.hint))
    return found


def _python() -> Iterator[Check]:
    text = f"{platform.python_version()} at {sys.executable}, {platform.platform()}"
    if sys.platform == "win32":
        yield Check("python", "fail", text, "use ft inside WSL")
    elif sys.version_info < OLDEST_PYTHON:
        yield Check("python", "fail", text, "ft needs Python 3.11 or newer")
    else:
        yield Check("python", "ok", text)


def _uv() -> Iterator[Check]:
    from ftcore.packages.installer import find_uv

    binary = find_uv()
    try:
        done = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        yield Check(
            "uv", "fail", f"{binary} does not run: {error}", "pip install --force-reinstall uv"
        )
    else:
        yield Check("uv", "ok", f"{done.stdout.strip()} at {binary}")


def _cache() -> Iterator[Check]:
    folder = cache_dir()
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Check(
            "cache", "fail", f"{folder}: {error.strerror}", "set FT_CACHE to another folder"
        )
        return
    free = shutil.disk_usage(folder).free
    state: Literal["ok", "warn", "fail"] = "ok"
    if free < LOW_DISK:
        state = "fail" if free < LEAST_DISK else "warn"
    fix = None if state == "ok" else "free some space, or set FT_CACHE to a folder on a larger disk"
    yield Check("cache", state, f"{folder}, {human_size(free)} free", fix)


def _memory() -> Iterator[Check]:
    import psutil

    memory = psutil.virtual_memory()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = f"{human_size(memory.available)} of {human_size(memory.total)} free, {cores} cores"
    low = memory.available < LOW_MEMORY
    yield Check("memory", "warn" if low else "ok", text, "close other programs" if low else None)


def _packages() -> Iterator[Check]:
    from ftcore.packages.settings import package_settings, redact

    settings = package_settings()
    chosen = [
        f"{name}={redact(settings.environment[name])}"
        for name in PACKAGE_SETTINGS
        if settings.environment.get(name)
    ]
    if settings.no_index:
        chosen.append("no index at all (no-index)")
    yield Check(
        "packages from", "ok", ", ".join(chosen) or "the public index, no settings of yours"
    )
    for note in settings.notes:
        yield Check("packages from", "warn", note, "correct pip's configuration")


def _hub() -> Iterator[Check]:
    from ftcore.packages.settings import redact

    names = ("HF_ENDPOINT", "HF_HOME", "HF_HUB_OFFLINE", "MODELSCOPE_CACHE", "USE_MODELSCOPE_HUB")
    chosen = [f"{name}={redact(os.environ[name])}" for name in names if os.environ.get(name)]
    yield Check("models from", "ok", ", ".join(chosen) or "the public hub, no settings of yours")


def _accelerator() -> Iterator[Check]:
    from ftcore.environments.accelerator import detect_accelerator

    found = detect_accelerator("auto")
    yield Check("accelerator", "ok", f"{found.kind} {found.detail}".strip())


def _plugins(plugins: Plugins) -> Iterator[Check]:
    if not plugins.infos:
        fix = "pip install ft-trl"
        yield Check("plugins", "fail", "none is installed, so there is no backend", fix)
    for info in plugins.infos:
        brings = ", ".join(info.backends) or ", ".join(info.hooks)
        if info.state == "broken":
            fix = f"reinstall or update {info.distribution}, or set {DISABLE}={info.name}"
            yield Check("plugin", "fail", f"{info} is broken: {info.problem}", fix)
        elif info.state == "disabled":
            yield Check("plugin", "ok", f"{info} is disabled by {DISABLE}")
        else:
            yield Check("plugin", "ok", f"{info} brings {brings}")


def _environments(plugins: Plugins) -> Iterator[Check]:
    from ftcore.environments.list import list_environments

    found = list_environments()
    for info in found:
        size = human_size(info.bytes)
        if info.in_use and not info.ready:
            yield Check("environment", "ok", f"{info.name} is being built ({size})")
        elif not info.ready:
            fix = f"ft backends remove {info.backend}"
            yield Check("environment", "warn", f"{info.name} is partial ({size})", fix)
        else:
            parts = f", Python {info.parts.python}, {info.parts.accelerator}" if info.parts else ""
            yield Check("environment", "ok", f"{info.name} is ready ({size}{parts})")
    ready = {info.backend for info in found if info.ready}
    for name, spec in plugins.backends().items():
        if spec.environment.name not in ready:
            yield Check("environment", "ok", f"that of {name} is built with the first run")


def _models() -> Iterator[Check]:
    from ftcore.models.embedded import cached, embedded_models

    for alias, model in embedded_models().items():
        folder = cached(model)
        text = f"{alias} is in {folder}" if folder else f"{alias} is fetched when first used"
        yield Check("model", "ok", text)
