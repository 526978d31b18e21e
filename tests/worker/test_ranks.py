"""How several ranks end: the one that failed first speaks for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftcore.protocol import MEETING, PROTOCOL_VERSION, Meeting, RankFailure, write_message
from ftcore.worker import ranks
from ftcore.worker.context import Ranks, WorkerContext
from ftcore.worker.main import most


def failed(rank: int, exit_code: int, time: float) -> RankFailure:
    return RankFailure(PROTOCOL_VERSION, rank, exit_code, time)


@pytest.mark.parametrize(
    ("failures", "first"),
    [
        ([failed(0, 1, 7)], 0),
        ([failed(0, 1, 8), failed(1, 1, 7)], 1),
        # Killed: the other one only misses it. Terminated: that was torchrun.
        ([failed(0, 1, 7), failed(1, -9, 8)], 1),
        ([failed(0, -15, 7), failed(1, 1, 8)], 1),
        ([failed(0, -15, 7), failed(1, -11, 7)], 1),
        ([failed(0, -15, 8), failed(1, -15, 7)], 1),
    ],
)
def test_which_failure_was_the_first(failures, first: int):
    assert min(failures, key=ranks._order).rank == first


def test_which_failure_was_the_first_of_several_machines(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(ranks, "OTHERS_SECONDS", 0.3)
    (tmp_path / "nodes").mkdir()
    write_message(Meeting(PROTOCOL_VERSION, 3, "127.0.0.1", 1, True), tmp_path / MEETING)
    missing, killed, mine = failed(4, 1, 5), failed(3, -9, 8), failed(0, 1, 7)
    assert ranks._first_of_all(tmp_path, None, mine) == mine
    assert ranks._first_of_all(tmp_path, 2, missing) == missing
    # Of the machine that tells nothing in time, nothing is known.
    assert ranks._first_of_all(tmp_path, 0, mine) == missing
    assert ranks._first_of_all(tmp_path, 1, killed) == killed
    assert ranks._first_of_all(tmp_path, 0, mine) == killed


@pytest.mark.parametrize(("rank", "said"), [(0, "zero"), (1, "one"), (2, None)])
def test_its_result_becomes_the_jobs(tmp_path: Path, rank: int, said: str | None, capsys):
    (tmp_path / "result.json").write_text("zero")
    (tmp_path / "result.rank1.json").write_text("one")
    assert ranks._speak_for(tmp_path, failed(rank, 1, 7)) == 1
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
