"""The worker's own account of how a job went."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ftcore.errors import DataError, DiskFull, OutOfMemory
from ftcore.protocol import Decoding, Job, Result, Stage, read_message, write_message
from ftcore.worker.context import Ranks
from ftcore.worker.main import check_world, describe
from ftcore.worker.stream import WorkerStream

DECODING = Decoding(16, False, 1.0, 1.0, 0, 1.0, 4, 0, 1, [1])


def work(job: Job, toy_site: Path, **env: str) -> tuple[int, Result, str]:
    """Run a job in a process of its own; return its exit code, result and log."""
    write_message(job, Path(job.folder) / "job.json")
    code = (
        f"import sys; sys.path.insert(0, {str(toy_site)!r})\n"
        "from ftcore.worker.main import run_job_file\n"
        f"sys.exit(run_job_file({str(Path(job.folder) / 'job.json')!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    return done.returncode, read_message(Result, Path(job.folder) / "result.json"), done.stderr


def test_a_job_without_stages(make_job: Callable[..., Job], toy_site: Path):
    code, result, _ = work(make_job(), toy_site)
    assert (code, result.status, result.failure) == (0, "ok", None)
    assert result.stages["process"]["peak_memory_mib"] > 1
    assert result.versions["numpy"] == np.__version__


def test_a_request_file_of_no_requests(make_job: Callable[..., Job], toy_site: Path, tmp_path):
    (tmp_path / "requests.jsonl").write_text("")
    output = tmp_path / "answers.jsonl"
    stage = Stage(
        "before", "generate", str(output), str(tmp_path / "requests.jsonl"), None, DECODING
    )
    code, result, _ = work(make_job([stage]), toy_site)
    assert (code, result.stages["before"]["rows"]) == (0, 0)
    assert output.read_text() == ""


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"evaluator": "no_such_package.worker:X"}, "engine", "No module named"),
        ({"evaluator": "ft_toy.worker:Nothing"}, "engine", "Nothing"),
        ({"world_size": 2}, "expected", "2 processes were planned, 1 started"),
    ],
)
def test_a_job_that_cannot_work(
    make_job: Callable[..., Job], toy_site: Path, tmp_path: Path, changes, kind, message
):
    (tmp_path / "requests.jsonl").write_text('{"row_id": "a", "prompt_ids": [5]}\n')
    stage = Stage(
        "before", "generate", str(tmp_path / "a"), str(tmp_path / "requests.jsonl"), None, DECODING
    )
    code, result, log = work(make_job([stage], **changes), toy_site)
    assert (code, result.status) == (1, "failed")
    assert result.failure is not None
    assert result.failure.kind == kind
    assert message in result.failure.message
    assert "Traceback" in log


def test_a_stage_without_its_input_is_refused(make_job: Callable[..., Job], toy_site: Path):
    code, result, _ = work(make_job([Stage("before", "generate", "answers")]), toy_site)
    assert code == 1
    assert result.failure is not None
    assert (result.failure.type, result.failure.stage) == ("ProtocolViolation", "before")


def test_a_stop_before_the_first_stage(make_job: Callable[..., Job], toy_site: Path):
    job = make_job([Stage("train", "train", "out", "in")])
    (Path(job.folder) / "stop.request").touch()
    code, result, _ = work(job, toy_site)
    assert (code, result.status) == (0, "stopped")
    assert set(result.stages) == {"process"}


@pytest.mark.parametrize(
    ("error", "kind", "name"),
    [
        (ValueError("odd"), "engine", "ValueError"),
        (SystemExit(3), "engine", "SystemExit"),
        (MemoryError(), "memory", "MemoryError"),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), "memory", "RuntimeError"),
        (OSError(12, "Cannot allocate memory"), "memory", "OSError"),
        (OutOfMemory("20 GiB"), "expected", "OutOfMemory"),
        (OSError(28, "No space left on device"), "expected", "DiskFull"),
        (DataError("odd", code="data.odd", hint="h"), "expected", "DataError"),
    ],
)
def test_what_ended_a_job(error: BaseException, kind: str, name: str):
    failure = describe(error, "train")
    assert (failure.kind, failure.type, failure.stage) == (kind, name, "train")
    assert failure.message


def test_an_expected_error_keeps_its_code_and_hint():
    failure = describe(DataError("odd", code="data.odd", hint="h"), "train")
    assert (failure.code, failure.hint) == ("data.odd", "h")
    full = describe(OSError(28, "No space left on device"), "train")
    assert full.code == DiskFull("x").code


def test_the_world_must_be_as_planned(make_job: Callable[..., Job]):
    check_world(make_job(), Ranks(0, 1))
    with pytest.raises(Exception, match="1 processes were planned, 2 started"):
        check_world(make_job(), Ranks(0, 2))


def test_a_part_without_rows_is_none(toy):
    prepared = toy.prepare()
    folder = prepared.stream.link_into(toy.root)
    prepared.order.save(folder / "order.npz")
    stream = WorkerStream(folder, Ranks(0, 1))
    assert (stream.has("train"), stream.has("validation"), stream.has("other")) == (
        True,
        False,
        False,
    )
    assert sum(stream.tokens_per_step()) == 2 * prepared.stream.tokens("train")
    assert len(stream.tokens_per_step()) == prepared.order.steps
