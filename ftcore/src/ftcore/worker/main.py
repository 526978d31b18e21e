"""Runs one job file in the worker and writes its result, whatever happens."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sys
import traceback
from pathlib import Path
from typing import Literal

from ftcore.errors import FtError
from ftcore.protocol import PROTOCOL_VERSION, Failure, Job, Result, read_message, write_message
from ftcore.worker.context import Ranks, WorkerContext
from ftcore.worker.devices import limit_devices
from ftcore.worker.memory import cuda_memory, peak_memory_mib
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
    set_threads(job.threads)
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
    if ranks.rank == 0:
        runner.results["process"] = {"peak_memory_mib": peak_memory_mib(), **cuda_memory()}
        result = Result(PROTOCOL_VERSION, status, runner.results, versions(), failure)
        write_message(result, Path(job.folder) / "result.json")
    sys.stdout.flush()
    return EXIT_FAILED if status == "failed" else 0


def check_world(job: Job, ranks: Ranks) -> None:
    """A world of another size than planned is an error: replicas would train unsynchronised."""
    if ranks.world_size != job.world_size:
        raise FtError(f"{job.world_size} processes were planned, {ranks.world_size} started")


def set_threads(threads: int | None) -> None:
    """Let torch, where the engine has it, use ``threads`` CPU threads or all that are allowed."""
    try:
        import torch
    except ImportError:
        return
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(threads or available or 1)


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
