"""Rendering in several processes, in order, without forking the parent.

Each worker is a Python of its own that talks by pickles over its pipes. `multiprocessing` is not
used: a fork of a process with threads can hang, and a spawn runs the user's script again.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any

from ftcore.data.render_chunk import Chunk, Renderable, render_chunk
from ftcore.errors import FtError, MachineError
from ftcore.rendering.renderer import Renderer

IN_FLIGHT = 2  # tasks per process that wait or run, so that no process idles
PIPE_BYTES = 1 << 20  # where the system allows it; fewer switches between the processes
_LENGTH = struct.Struct("<Q")
_START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from ftcore.data.render_pool import serve; serve()"
)


class RenderTask:
    """Renders chunks, in whichever process it runs."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def __call__(self, items: list[Renderable]) -> Chunk:
        """Render one chunk."""
        return render_chunk(self._renderer, items)


def run_parallel(
    task: Callable[[Any], Any], inputs: Iterable[Any], processes: int | None = None
) -> Iterator[Any]:
    """Yield ``task(item)`` for each item, in order, with a bounded number of items in flight.

    ``task`` and its results must pickle. Raises what the task raised if that is an `FtError`,
    MachineError when a process died.
    """
    count = processes or usable_cores()
    setup = pickle.dumps(task)
    workers: list[_Worker] = []
    local = threading.local()

    def run(item: Any) -> Any:
        if not hasattr(local, "worker"):
            local.worker = _Worker(setup)
            workers.append(local.worker)
        return local.worker.call(item)

    waiting: deque[Future[Any]] = deque()
    pool = ThreadPoolExecutor(count, thread_name_prefix="ft-render")
    try:
        for item in inputs:
            waiting.append(pool.submit(run, item))
            if len(waiting) > count * IN_FLIGHT:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        for worker in list(workers):
            worker.close()
        pool.shutdown(wait=True)
        for worker in workers:  # one may have been starting meanwhile
            worker.close()


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Worker:
    """The parent's end of one worker process."""

    def __init__(self, setup: bytes) -> None:
        command = [sys.executable, "-c", _START]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pipesize=PIPE_BYTES,
            env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            pickle.dump(sys.path, self._in)
            _send(self._in, setup)

    def call(self, item: Any) -> Any:
        try:
            _send(self._in, pickle.dumps(item, protocol=pickle.HIGHEST_PROTOCOL))
            answer = _receive(self._out)
        except (BrokenPipeError, EOFError) as error:
            code = self._process.wait()
            raise MachineError(
                f"a rendering process died (exit status {code})",
                hint="it may have run out of memory; see what it wrote above",
                code="machine.worker-died",
            ) from error
        good, value = pickle.loads(answer)
        if good:
            return value
        if isinstance(value, FtError):
            raise value
        raise RuntimeError(f"a rendering process failed:\n{value}")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):
            self._in.close()
        self._out.close()


def serve() -> None:
    """Run in a worker process: answer tasks from stdin on stdout until the pipe closes."""
    gc.set_threshold(100_000)  # rows are many, and none is part of a cycle
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not mix with the answers
    try:
        task = pickle.loads(_receive(source))
        while True:
            item = pickle.loads(_receive(source))
            _send(target, _answer(task, item))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return


def _answer(task: Callable[[Any], Any], item: Any) -> bytes:
    try:
        return pickle.dumps((True, task(item)), protocol=pickle.HIGHEST_PROTOCOL)
    except FtError as error:
        return pickle.dumps((False, error))
    except Exception:
        import traceback

        return pickle.dumps((False, traceback.format_exc()))


def _send(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data
