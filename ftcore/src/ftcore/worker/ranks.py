"""Starts the ranks of a job by torchrun, and lets the rank that failed first speak for all."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from ftcore.protocol import (
    MEETING,
    NODES,
    PROTOCOL_VERSION,
    Meeting,
    RankFailure,
    read_message,
    write_message,
)

RESULT = "result.json"
FAILED = "failed-{}.json"
MEET_SECONDS = 600
OTHERS_SECONDS = 10.0


def run_ranks(job_file: str, ranks: int, node: int | None = None) -> int:
    """Run ``ranks`` processes of this very command line to their end; returns the exit code.

    ``node`` is this machine's number where several train together. Where a rank failed, its own
    result becomes the job's. Where a signal ended one, this process dies of the same, so that it
    is seen from outside as one process would be.
    """
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    folder = Path(job_file).parent
    options = [*_meeting_options(folder, node), f"--nproc-per-node={ranks}"]
    # The same interpreter, its options, and all arguments but the number of ranks.
    command = [sys.executable, *sys.orig_argv[1:-1]]
    try:
        run.run(run.parse_args([*options, "--no-python", *command]))
    except ChildFailedError as error:
        failures = [
            RankFailure(PROTOCOL_VERSION, rank, found.exitcode, found.timestamp)
            for rank, found in error.failures.items()
        ]
        first = _first_of_all(folder, node, min(failures, key=_order))
        # The first machine speaks for all.
        return _end_as(first) if node else _speak_for(folder, first)
    except SignalException as error:
        die_of(int(error.sigval))
    return 0


def rank_result(rank: int) -> str:
    """Return the name of the file that a rank writes its result into."""
    return f"result.rank{rank}.json" if rank else RESULT


def _meeting_options(folder: Path, node: int | None) -> list[str]:
    """Return torchrun's options for where the ranks find each other."""
    if node is None:
        return ["--standalone", "--local-addr=127.0.0.1"]
    meeting = read_message(Meeting, folder / MEETING)
    return [
        f"--nnodes={meeting.nodes}",
        f"--node-rank={node}",
        f"--master-addr={meeting.address}",
        f"--master-port={meeting.port}",
        f"--rdzv-conf=timeout={MEET_SECONDS}",
    ]


def _order(failure: RankFailure) -> tuple[bool, bool, float]:
    """Sort what ended first: torchrun terminates the others, and those miss one that was killed."""
    number = -failure.exit_code
    return number == signal.SIGTERM, number <= 0, failure.time


def _first_of_all(folder: Path, node: int | None, here: RankFailure) -> RankFailure:
    """Return what failed first on any machine.

    Each tells the others what failed on it; the first one waits for them.
    """
    if node is None:
        return here
    if node > 0:
        with suppress(FileNotFoundError):  # the first machine is over already
            write_message(here, folder / NODES / FAILED.format(node))
        return here
    wanted = read_message(Meeting, folder / MEETING).nodes
    deadline = time.monotonic() + OTHERS_SECONDS
    others, told_by = folder / NODES, FAILED.format("*")
    while len(list(others.glob(told_by))) < wanted - 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    told = [read_message(RankFailure, path) for path in others.glob(told_by)]
    return min([here, *told], key=_order)


def _speak_for(folder: Path, first: RankFailure) -> int:
    said = folder / rank_result(first.rank)
    if not said.exists():
        (folder / RESULT).unlink(missing_ok=True)
    elif first.rank:
        said.replace(folder / RESULT)
    return _end_as(first)


def _end_as(first: RankFailure) -> int:
    sys.stdout.write(f"rank {first.rank} ended first, with exit code {first.exit_code}\n")
    if first.exit_code < 0:
        die_of(-first.exit_code)
    return first.exit_code


def die_of(number: int) -> None:
    """End this process by a signal, as if nobody had caught it."""
    sys.stdout.flush()
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
