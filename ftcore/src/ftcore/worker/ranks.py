"""Starts the ranks of a job by torchrun, and lets the rank that failed first speak for all."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

RESULT = "result.json"


def run_ranks(job_file: str, ranks: int) -> int:
    """Run ``ranks`` processes of this very command line to their end; returns the exit code.

    Where one failed, its own result becomes the job's. Where a signal ended one, this process dies
    of the same, so that it is seen from outside as one process would be.
    """
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    options = ["--standalone", "--local-addr=127.0.0.1", f"--nproc-per-node={ranks}"]
    # The same interpreter, its options, and all arguments but the number of ranks.
    command = [sys.executable, *sys.orig_argv[1:-1]]
    try:
        run.run(run.parse_args([*options, "--no-python", *command]))
    except ChildFailedError as error:
        rank, failure = min(error.failures.items(), key=lambda found: _order(found[1]))
        return _speak_for(Path(job_file).parent, rank, failure.exitcode)
    except SignalException as error:
        die_of(int(error.sigval))
    return 0


def rank_result(rank: int) -> str:
    """Return the name of the file that a rank writes its result into."""
    return f"result.rank{rank}.json" if rank else RESULT


def _order(failure: Any) -> tuple[bool, bool, int]:
    """Sort what ended first: torchrun terminates the others, and those miss one that was killed."""
    number = -failure.exitcode
    return number == signal.SIGTERM, number <= 0, failure.timestamp


def _speak_for(folder: Path, rank: int, exit_code: int) -> int:
    said = folder / rank_result(rank)
    if not said.exists():
        (folder / RESULT).unlink(missing_ok=True)
    elif rank:
        said.replace(folder / RESULT)
    sys.stdout.write(f"rank {rank} ended first, with exit code {exit_code}\n")
    if exit_code < 0:
        die_of(-exit_code)
    return exit_code


def die_of(number: int) -> None:
    """End this process by a signal, as if nobody had caught it."""
    sys.stdout.flush()
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
