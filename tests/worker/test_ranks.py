"""How several ranks end: the one that failed first speaks for all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from ftcore.worker import ranks
from ftcore.worker.context import Ranks, WorkerContext
from ftcore.worker.main import most


@dataclass(frozen=True)
class Failed:
    exitcode: int
    timestamp: int


@pytest.mark.parametrize(
    ("failures", "first"),
    [
        ({0: Failed(1, 7)}, 0),
        ({0: Failed(1, 8), 1: Failed(1, 7)}, 1),
        # Killed: the other one only misses it. Terminated: that was torchrun.
        ({0: Failed(1, 7), 1: Failed(-9, 8)}, 1),
        ({0: Failed(-15, 7), 1: Failed(1, 8)}, 1),
        ({0: Failed(-15, 7), 1: Failed(-11, 7)}, 1),
        ({0: Failed(-15, 8), 1: Failed(-15, 7)}, 1),
    ],
)
def test_which_failure_was_the_first(failures, first: int):
    assert min(failures, key=lambda rank: ranks._order(failures[rank])) == first


@pytest.mark.parametrize(("rank", "said"), [(0, "zero"), (1, "one"), (2, None)])
def test_its_result_becomes_the_jobs(tmp_path: Path, rank: int, said: str | None, capsys):
    (tmp_path / "result.json").write_text("zero")
    (tmp_path / "result.rank1.json").write_text("one")
    assert ranks._speak_for(tmp_path, rank, 1) == 1
    result = tmp_path / "result.json"
    assert (result.read_text() if result.exists() else None) == said
    assert capsys.readouterr().out == f"rank {rank} ended first, with exit code 1\n"


def test_what_all_ranks_see_is_told_once(make_job, tmp_path: Path):
    context = WorkerContext(make_job(world_size=2), Ranks(1, 2))
    context.emit("started")
    context.emit("metric", loss=1.0)
    context.warn("odd")
    context.events.close()
    lines = (tmp_path / "run" / "events.rank1.jsonl").read_text().splitlines()
    assert ["started" in lines[0], "odd" in lines[1], len(lines)] == [True, True, 2]


def test_memory_is_the_most_of_all_workers():
    assert most({}, {"peak_memory_mib": 5.0}) == {"peak_memory_mib": 5.0}
    before = {"peak_memory_mib": 7.0, "peak_cuda_memory_mib": 1.0}
    now = {"peak_memory_mib": 5.0, "peak_cuda_memory_mib": 2.0}
    assert most(before, now) == {"peak_memory_mib": 7.0, "peak_cuda_memory_mib": 2.0}
