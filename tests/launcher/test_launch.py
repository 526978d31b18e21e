from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ftcore.errors import MachineError, ProtocolViolation, WorkerCrashed
from ftcore.launcher import Launcher, Observers, Stopped, launch, process_tree
from ftcore.protocol import Job, Receipt


def gone(pid: int) -> bool:
    """Whether a process has ended, its parent's wait left aside."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "GRACE_SECONDS", 1.0)
    monkeypatch.setattr(process_tree, "TERM_SECONDS", 0.5)


def test_events_and_receipts_arrive_in_order(worker):
    script = """
for step in range(3):
    line("receipts.jsonl", version=1, stage="train", step=step, micro=0, rank=0, digest="ab")
    event("metric", step=step)
result()
"""
    assert worker.run(script).status == "ok"
    assert [event.data["step"] for event in worker.events] == [0, 1, 2]
    assert worker.receipts[2] == Receipt(1, "train", 2, 0, 0, "ab")


def test_a_worker_of_a_moment_is_heard_in_full(worker):
    """Whatever is written before the first look counts too."""
    worker.run('event("started"); result(); event("finished")')
    assert [event.type for event in worker.events] == ["started", "finished"]


def test_lines_of_an_earlier_try_are_not_new(worker):
    worker.run('event("started"); result()')
    worker.run('event("finished"); result()')
    assert [event.type for event in worker.events] == ["started", "finished"]


def test_an_earlier_result_does_not_count(worker):
    worker.run("result()")
    with pytest.raises(WorkerCrashed, match="left no result"):
        worker.run("pass")


def test_both_outputs_go_to_the_log(worker):
    worker.run('print("out"); print("err", file=sys.stderr); os.write(1, b"\\xff\\n"); result()')
    log = (worker.folder / "worker.log").read_bytes()
    assert b"out\n" in log
    assert b"err\n" in log


def test_the_worker_stands_in_the_run_directory_and_has_no_input(worker):
    script = 'Path("cwd").write_text(os.getcwd() + "|" + sys.stdin.read()); result()'
    worker.run(script)
    assert (worker.folder / "cwd").read_text() == f"{worker.folder.resolve()}|"


def test_the_lease_is_handed_on(worker, tmp_path: Path):
    path = tmp_path / "lease"
    path.write_text("held")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        worker.run(f'assert os.read({descriptor}, 9) == b"held"; result()', lease_fds=[descriptor])
    finally:
        os.close(descriptor)


def test_a_python_that_is_not_there(make_job: Callable[..., Job], tmp_path: Path):
    launcher = Launcher(tmp_path / "none", tmp_path, tmp_path / "home")
    observers = Observers(lambda event: None, lambda receipt: None, lambda text: None)
    with pytest.raises(MachineError, match="cannot be started") as caught:
        launcher.run(make_job(), observers)
    assert caught.value.code == "machine.worker"


def test_the_command_line(make_job: Callable[..., Job], tmp_path: Path):
    launcher = Launcher(Path("/python"), Path("/code"), tmp_path)
    command = launcher.command(make_job())
    assert command[:2] == ["/python", "-I"]
    assert command[-3:-1] == ["/code/ftcore/worker/bootstrap.py", "/code"]
    assert command[-1].endswith("/run/job.json")
    ranks = launcher.command(make_job(world_size=2))
    assert ranks == [*command, "2"]


@pytest.mark.parametrize(
    "line",
    ['line("events.jsonl", version=1)', 'open("receipts.jsonl", "a").write("x\\n")'],
)
def test_a_line_that_breaks_the_protocol_ends_the_worker(worker, line: str):
    begin = time.monotonic()
    with pytest.raises(ProtocolViolation):
        worker.run(f'Path("pid").write_text(str(os.getpid())); {line}; time.sleep(600)')
    assert time.monotonic() - begin < 30
    assert gone(int((worker.folder / "pid").read_text()))


def test_an_observer_that_raises_ends_the_worker(worker):
    class Odd(Exception):
        pass

    def refuse(event: object) -> None:
        raise Odd

    worker.on_event = refuse
    with pytest.raises(Odd):
        worker.run('Path("pid").write_text(str(os.getpid())); event("started"); time.sleep(600)')
    assert gone(int((worker.folder / "pid").read_text()))


GRANDCHILD = """
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                         start_new_session=True)
Path("grandchild").write_text(str(child.pid))
"""


@pytest.mark.parametrize("end", ["result()", "os.kill(os.getpid(), signal.SIGKILL)", "os._exit(3)"])
def test_what_a_worker_leaves_running_is_ended(worker, end: str):
    try:
        worker.run(GRANDCHILD + end)
    except WorkerCrashed:
        assert end != "result()"
    assert gone(int((worker.folder / "grandchild").read_text()))
    assert worker.notices == ["ended 1 processes that the worker had left running"]


def test_processes_of_another_run_are_left_alone(worker, tmp_path: Path):
    env = {**os.environ, process_tree.MARK: str(tmp_path / "other")}
    with psutil.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env=env) as other:
        worker.run("result()")
        assert other.is_running()
        assert process_tree.marked_processes(tmp_path / "other") == [psutil.Process(other.pid)]
        other.kill()


def stop_at_first_event(worker, *signals: int, pause: float = 0.3) -> None:
    """Send signals to this process once the worker has said something."""

    def send(event: object) -> None:
        worker.on_event = lambda event: None

        def later() -> None:
            for number in signals:
                os.kill(os.getpid(), number)
                time.sleep(pause)

        threading.Thread(target=later).start()

    worker.on_event = send


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_worker_that_stops_in_order(worker, number: int, code: int):
    stop_at_first_event(worker, number)
    script = """
event("started")
while not Path("stop.request").exists():
    time.sleep(0.01)
event("checkpoint", path="last")
result("stopped")
"""
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Stopped) as caught:
        worker.run(script)
    assert caught.value.exit_code == code
    assert caught.value.result is not None
    assert caught.value.result.status == "stopped"
    # What it said while it was stopping is heard.
    assert [event.type for event in worker.events] == ["started", "checkpoint"]
    assert worker.notices == ["stopping after this step; Ctrl-C again ends it at once"]
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


STUBBORN = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
Path("pid").write_text(str(os.getpid()))
event("started")
time.sleep(600)
"""


def test_a_worker_that_does_not_stop_is_ended_after_the_grace(worker):
    stop_at_first_event(worker, signal.SIGINT)
    begin = time.monotonic()
    with pytest.raises(Stopped) as caught:
        worker.run(GRANDCHILD + STUBBORN)
    assert 1.0 < time.monotonic() - begin < 30
    assert caught.value.result is None
    assert gone(int((worker.folder / "pid").read_text()))
    assert gone(int((worker.folder / "grandchild").read_text()))


def test_a_second_signal_does_not_wait(worker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(launch, "GRACE_SECONDS", 600.0)
    stop_at_first_event(worker, signal.SIGINT, signal.SIGINT)
    begin = time.monotonic()
    with pytest.raises(Stopped) as caught:
        worker.run(STUBBORN)
    assert (caught.value.exit_code, time.monotonic() - begin < 30) == (130, True)
    assert gone(int((worker.folder / "pid").read_text()))


def test_outside_the_main_thread_signals_are_left_alone(worker):
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(worker.run("result()").status))
    thread.start()
    thread.join()
    assert found == ["ok"]


def test_an_ignored_interrupt_stays_ignored(worker):
    """As under nohup, or in the background of a script."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        stop_at_first_event(worker, signal.SIGINT)
        assert worker.run('event("started"); time.sleep(1); result()').status == "ok"
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_every_rank_is_heard(worker, make_job: Callable[..., Job]):
    """Receipts of all, events of the first, warnings of the others."""
    worker.job = make_job(world_size=2)
    lines = [
        'event("started"); event("metric", loss=0.5)',
        'line("receipts.jsonl", version=1, stage="train", step=0, micro=0, rank=0, digest="a")',
        'line("receipts.rank1.jsonl", version=1, stage="train", step=0, micro=0, rank=1, '
        'digest="b")',
        'data = dict(version=1, sequence=0, time=0.0, stage="train", rank=1)',
        'line("events.rank1.jsonl", type="heartbeat", data={}, **data)',
        'line("events.rank1.jsonl", type="warning", data={"message": "odd"}, **data)',
        "result()",
    ]
    worker.run("\n".join(lines))
    assert sorted(receipt.digest for receipt in worker.receipts) == ["a", "b"]
    heard = sorted((event.rank, event.type) for event in worker.events)
    assert heard == [(0, "metric"), (0, "started"), (1, "warning")]


def test_results_of_an_earlier_worker_are_gone(worker):
    for name in ("result.json", "result.rank1.json"):
        (worker.folder / name).write_text("{}")
    with pytest.raises(WorkerCrashed, match="left no result"):
        worker.run("pass")
    assert list(worker.folder.glob("result*.json")) == []
