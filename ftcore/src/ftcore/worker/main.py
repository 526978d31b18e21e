"""Runs one job file in the worker and writes its result, whatever happens."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Literal

from ftcore.errors import FtError, UnsupportedError
from ftcore.protocol import PROTOCOL_VERSION, Failure, Job, Result, read_message, write_message
from ftcore.worker import world
from ftcore.worker.context import Ranks, WorkerContext
from ftcore.worker.devices import limit_devices
from ftcore.worker.memory import cuda_memory, peak_memory_mib
from ftcore.worker.ranks import rank_result
from ftcore.worker.stages import StageRunner

EXIT_FAILED = 1
# How torch on each device, and the system, say it.
OUT_OF_MEMORY = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "cublas_status_alloc_failed",
)
RECORDED = ("torch", "transformers", "peft", "trl", "datasets", "accelerate", "tokenizers", "numpy")
RECORDED_ENGINES = ("ms-swift", "llamafactory", "bitsandbytes", "deepspeed", "safetensors")


def run_job_file(path: str) -> int:
    """Run the job in ``path``; returns 0 when a valid result was written, else 1."""
    job = read_message(Job, Path(path))
    ranks = Ranks(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))
    context = WorkerContext(job, ranks)
    limit_devices(job.device, job.world_size, os.environ)
    set_threads(job.threads, job.world_size // job.nodes)
    if job.deterministic:
        use_deterministic_kernels(os.environ)
    runner = StageRunner(context, job)
    status: Literal["ok", "failed", "stopped"] = "ok"
    failure = None
    try:
        check_world(job, ranks)
        runner.run()
        status = "stopped" if runner.stopped else "ok"
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        status, failure = "failed", describe(error, runner.current)
    context.events.close()
    if ranks.rank == 0 or failure is not None:
        runner.results["process"] = most(job.finished.get("process", {}), used_memory())
        result = Result(PROTOCOL_VERSION, status, runner.results, versions(), failure)
        write_message(result, Path(job.folder) / rank_result(ranks.rank))
    if ranks.world_size > 1:
        leave_others(status == "failed")
    sys.stdout.flush()
    return EXIT_FAILED if status == "failed" else 0


def leave_others(failed: bool) -> None:
    """Leave the other ranks in order; one that failed ends at once, as they may wait for it."""
    if not failed:
        world.leave()
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_FAILED)


def check_world(job: Job, ranks: Ranks) -> None:
    """Refuse a world of another size than planned: replicas would train unsynchronised.

    Raises `UnsupportedError` where this machine's processes have too few GPUs.
    """
    if ranks.world_size != job.world_size:
        raise FtError(f"{job.world_size} processes were planned, {ranks.world_size} started")
    if job.device == "cuda" and job.world_size > 1:
        import torch

        seen, wanted = torch.cuda.device_count(), job.world_size // job.nodes
        if seen < wanted:
            raise UnsupportedError(
                f"{wanted} processes need as many GPUs; torch sees {seen}",
                hint=f"set launch.processes = {max(seen, 1)}",
                code="unsupported.gpus",
            )


def used_memory() -> dict[str, Any]:
    """Return the most memory that this process has used, by kind, in MiB."""
    return {"peak_memory_mib": peak_memory_mib(), **cuda_memory()}


def most(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Return the greater of two processes' figures, one by one."""
    return {name: max(value, before.get(name, value)) for name, value in now.items()}


def set_threads(threads: int | None, processes: int) -> None:
    """Let torch, where the engine has it, use ``threads`` CPU threads, or its share of them all."""
    try:
        import torch
    except ImportError:
        return
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(threads or max((available or 1) // processes, 1))


def use_deterministic_kernels(environment: MutableMapping[str, str]) -> None:
    """Have torch, where the engine has it, take kernels that give the same bits every time.

    One that has no such kernel warns and is used. NVIDIA's matrix products need the workspace of
    fixed size that ``CUBLAS_WORKSPACE_CONFIG`` asks for, before they are first used.
    """
    environment.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        import torch
    except ImportError:
        return
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False


def describe(error: BaseException, stage: str | None) -> Failure:
    """Classify what ended the job."""
    name, text = type(error).__name__, str(error) or type(error).__name__
    if isinstance(error, SystemExit):
        return Failure("engine", stage, name, f"the engine called sys.exit({error.code})")
    if isinstance(error, MemoryError) or any(sign in text.lower() for sign in OUT_OF_MEMORY):
        return Failure("memory", stage, name, text)
    if "no space left on device" in text.lower():
        return Failure("expected", stage, "DiskFull", text, "free some space", "machine.disk")
    if isinstance(error, FtError):
        return Failure("expected", stage, name, text, error.hint, error.code)
    return Failure("engine", stage, name, text)


def versions() -> dict[str, str]:
    """Return python's version and those of the libraries that the numbers depend on."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in RECORDED + RECORDED_ENGINES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
