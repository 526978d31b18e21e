"""Training in two processes on a CPU: the same training as in one, on every engine."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from ftcore.cache import cache_dir
from ftcore.code_folder import code_folder
from ftcore.engine import run as engine_run
from ftcore.engine.observer import Observer
from ftcore.engine.place import place
from ftcore.engine.resume import resume
from ftcore.errors import FtError
from ftcore.launcher import Launcher, spawn
from ftcore.plugins import load_plugins
from ftcore.protocol import Receipt, Result, Stage, decode, read_message, write_message
from ftcore.runs.folder import RunFolder

pytestmark = pytest.mark.heavy

BACKENDS = ("trl", "swift", "llamafactory")
TWO = ("launch.processes=2", 'launch.strategy="ddp"')
# Three and a half groups: the last one is shorter, and dealt evenly. With this seed the longest
# answer is among the rows.
SHORT = ("data.limit=7", "data.split.seed=1", "train.max_steps=", "train.epochs=4")
# Long enough that it is not over before it is struck.
SAVING = (
    "data.limit=7",
    "train.max_steps=",
    "train.epochs=30",
    "train.checkpoints.every_steps=1",
    "train.lora.dropout=0.1",
    "export.formats=[]",
)
PLAIN = ("data.test=[]", "export.formats=[]")

Cells = Callable[..., Any]


def one_and_two(cells: Cells, backend: str, *overrides: str) -> tuple[Any, Any]:
    """Run with groups of four micro-batches in one process, and of two in each of two."""
    one = cells(backend, "train.accumulation=4", *overrides)
    return one, cells(backend, *TWO, *overrides)


def check_receipts(cell: Any) -> None:
    """Both ranks have left the receipts of their share of the stream, in order."""
    run, prepared = cell.done.folder, cell.done.prepared
    expected = list(prepared.stream.expected_receipts(prepared.order))
    for rank, name in enumerate(("receipts.jsonl", "receipts.rank1.jsonl")):
        found = [decode(Receipt, line) for line in run.read_lines(name)]
        mine = [item for item in expected if item[2] == rank]
        assert [(r.step, r.micro, r.rank, r.digest) for r in found] == mine
    assert run.read_json("receipts.json")["micro_batches"] == len(expected)


def supervised(cell: Any) -> list[tuple[int, int]]:
    """Return the supervised tokens of each rank, step by step."""
    run, order = cell.done.folder, cell.done.prepared.order
    tokens = np.load(run.file("stream") / "train" / "supervised.npy")
    found = [[0, 0] for _ in range(order.steps)]
    for step, _, rank, rows in order.iter_micro_batches():
        found[step][rank] += int(tokens[rows].sum())
    return [(first, second) for first, second in found]


@pytest.mark.parametrize("backend", BACKENDS)
def test_losses_are_those_of_one_process(cells: Cells, backend: str):
    one, two = one_and_two(cells, backend, *SHORT)
    check_receipts(two)
    # A mean of the ranks' means would be another loss.
    assert any(a != b for a, b in supervised(two))
    assert len(one.values("loss")) == len(two.values("loss")) == 4
    assert np.allclose(one.values("loss"), two.values("loss"), rtol=0, atol=1e-5)
    assert np.allclose(one.values("grad_norm"), two.values("grad_norm"), rtol=1e-4, atol=1e-5)
    assert one.values("learning_rate") == two.values("learning_rate")
    mine, theirs = one.weights(), two.weights()
    assert all(np.allclose(mine[name], theirs[name], rtol=0, atol=1e-4) for name in mine)
    # What comes after is done by one process, with the adapter of both.
    stages = two.done.result.stages
    assert set(stages) >= {"train", "after", "export", "process"}
    assert stages["export"]["merged"]["verified_prompts"] == {"compared": 2, "equal": 2}
    assert two.done.folder.read_json("job.json")["world_size"] == 2


@pytest.mark.parametrize(("first", "other"), list(itertools.combinations(BACKENDS, 2)))
def test_engines_train_the_same_to_the_bit(cells: Cells, first: str, other: str):
    a, b = (cells(backend, *TWO, *SHORT) for backend in (first, other))
    assert a.values("loss") == b.values("loss")
    mine, theirs = a.weights(), b.weights()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize("backend", BACKENDS)
def test_validation_is_shared_out_and_agreed_on(cells: Cells, backend: str):
    wanted = (
        "data.split.validation=0.5",
        "train.validation.every_steps=2",
        "train.validation.load_best=true",
        "train.checkpoints.every_steps=2",
    )
    one, two = one_and_two(cells, backend, *wanted, *PLAIN)
    assert len(two.values("validation_loss")) == 2
    assert np.allclose(
        one.values("validation_loss"), two.values("validation_loss"), rtol=0, atol=1e-5
    )
    assert Path(one.train["best"]).name == Path(two.train["best"]).name


def ranks(run_folder: Path) -> list[psutil.Process]:
    """Return the processes that train, torchrun aside, in the order of their ranks."""
    found = {}
    for process in psutil.process_iter():
        try:
            told = process.environ()
        except (psutil.Error, OSError):
            continue
        if told.get("FT_RUN_FOLDER") == str(run_folder) and "RANK" in told:
            found[told["RANK"]] = process
    return [found[rank] for rank in sorted(found)]


def kill_second_rank(run_folder: Path) -> None:
    ranks(run_folder)[1].kill()


def interrupt(run_folder: Path) -> None:
    assert len(ranks(run_folder)) == 2
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("strike", [kill_second_rank, interrupt])
@pytest.mark.parametrize("backend", BACKENDS)
def test_one_rank_down_ends_all_and_the_run_goes_on(
    cells: Cells, interrupted: Cells, backend: str, strike
):
    wanted = (*TWO, *SAVING)
    cell = interrupted(backend, wanted, strike, after=2)
    run = RunFolder(cell.folder)
    assert ranks(run.path) == []
    killed = strike is kill_second_rank
    assert run.manifest().state == ("crashed" if killed else "interrupted")
    if killed:
        assert "signal 9" in str(run.manifest().error)
        assert "rank 1 ended first" in run.file("worker.log").read_text("utf-8", "replace")
    cell.outcome = resume(run, load_plugins(), observer=cell)
    check_receipts(cell)
    whole = cells(backend, *wanted)
    mine, theirs = cell.weights(), whole.weights()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
    assert run.manifest().resumed[0]["from_step"] >= 2


ALONE = """
import os, sys
code, job = sys.argv[1:3]
sys.path.insert(0, code)
from ftcore.worker import main
os.environ.update(RANK="0", WORLD_SIZE="2")
main.check_world = lambda *found: [os.environ.pop(name) for name in ("RANK", "WORLD_SIZE")]
sys.exit(main.run_job_file(job))
"""


def only_one(
    args: Sequence[str], *, env: Mapping[str, str], log: Path, pass_fds: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Start one process that takes itself for one of two, while its engine knows of no other."""
    if args[-1] == "2":
        args = [args[0], "-I", "-c", ALONE, *args[-3:-1]]
    return spawn(args, env=env, log=log, pass_fds=pass_fds)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_world_that_silently_becomes_one_is_an_error(
    cells: Cells, backend: str, monkeypatch: pytest.MonkeyPatch
):
    class Broken(Launcher):
        def __init__(self, python: Path, code: Path, home: Path) -> None:
            super().__init__(python, code, home, start=only_one)

    monkeypatch.setattr(engine_run, "Launcher", Broken)
    # The engine misses the others itself, or ft does.
    missed = "process group has not been initialized|torch joined 1, the engine counts 1"
    with pytest.raises(FtError, match=missed):
        cells(backend, *TWO, *PLAIN, "train.seed=3")


WORLD = """
import os, sys
from types import SimpleNamespace
sys.path.insert(0, sys.argv[1])
import torch
from ftcore.errors import GuaranteeError
from ftcore.worker import world

def refused(code, check, *given):
    try:
        check(*given)
    except GuaranteeError as error:
        assert error.code == code, error.code
        return True
    return False

def engine(world_size, n_gpu=0):
    return SimpleNamespace(world_size=world_size, n_gpu=n_gpu)

assert not refused("guarantee.world-size", world.check_world, engine(1), 1)
assert refused("guarantee.world-size", world.check_world, engine(1), 2)
assert refused("guarantee.world-size", world.check_world, engine(1, 4), 1)
torch.distributed.init_process_group("gloo")
rank = torch.distributed.get_rank()
assert not refused("guarantee.world-size", world.check_world, engine(2), 2)
assert refused("guarantee.world-size", world.check_world, engine(1), 2)
torch.manual_seed(0)
network = torch.nn.Linear(3, 2)
assert not refused("guarantee.replicas", world.check_replicas, network, "cpu")
if rank == 1:
    with torch.no_grad():
        network.bias[0] += 1e-6
assert refused("guarantee.replicas", world.check_replicas, network, "cpu")
assert world.any_rank(rank == 1, "cpu") and not world.any_rank(False, "cpu")
assert world.total([1.5, rank], "cpu") == [3.0, 1.0]
world.leave()
assert not torch.distributed.is_initialized()
"""


def test_what_ranks_agree_on(tmp_path: Path):
    """The worker's own checks, with a real group of two and without one."""
    done = in_two_ranks(tmp_path / "world.py", WORLD)
    assert done.returncode == 0, done.stderr


def in_two_ranks(script: Path, text: str, *given: str) -> subprocess.CompletedProcess[str]:
    """Run a script as two ranks in TRL's environment; ``given`` follow the folder of ft's code."""
    spec = load_plugins().backend("trl")
    environment = place(spec, "cpu", python=None, offline=False, observer=Observer())
    script.write_text(text)
    ranks = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [environment.python, *ranks, script, code_folder(cache_dir(), spec.package), *given]
    return subprocess.run(command, capture_output=True, text=True, cwd=script.parent, timeout=120)


MEETS = """
import sys
code, here, job, struck = sys.argv[1:]
sys.path[:0] = [code, here]
import torch
from ftcore.backends import Trainer, TrainOutcome
from ftcore.errors import DataError
from ftcore.worker.main import run_job_file

class Meets(Trainer):
    def train(self, stage):
        torch.distributed.init_process_group("gloo")
        if torch.distributed.get_rank() == int(struck):
            raise DataError("a row that cannot be")
        torch.distributed.barrier()
        return TrainOutcome(stage.output, 1, {})

if __name__ == "__main__":
    code = run_job_file(job)
    assert not torch.distributed.is_initialized()
    sys.exit(code)
"""


@pytest.mark.parametrize("struck", [-1, 0, 1])
def test_ranks_leave_their_group_before_they_end(make_job, tmp_path: Path, struck: int):
    """torch aborts now and then where an interpreter ends while its group stands."""
    stages = [Stage("train", "train", str(tmp_path / "made"))]
    job = make_job(stages, world_size=2, trainer="meeting:Meets")
    written = tmp_path / "run" / "job.json"
    write_message(job, written)
    script = tmp_path / "meeting.py"
    done = in_two_ranks(script, MEETS, str(tmp_path), str(written), str(struck))
    assert (done.returncode == 0) == (struck < 0), done.stderr
    assert "SIGABRT" not in done.stderr
    name = "result.rank1.json" if struck == 1 else "result.json"
    result = read_message(Result, tmp_path / "run" / name)
    told = result.failure.message if result.failure else None
    assert told == ("a row that cannot be" if struck >= 0 else None)
