"""Fans the runs of a comparison out over a Ray cluster that exists already."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from ftcore.engine.compare.cells import Cell
from ftcore.engine.compare.progress import DoneCell, Progress
from ftcore.engine.compare.ray_task import Order, run_order, what_is_here
from ftcore.engine.observer import Observer
from ftcore.engine.parity.trainings import Workplace
from ftcore.errors import ClusterError, Problem
from ftcore.launcher import Stopped, sigterm_as_stop
from ftcore.report.numbers import duration

KNOCK_SECONDS = 10.0
LOOK_SECONDS = 120.0
STATUS_SECONDS = 30.0
STOP_SECONDS = 60.0
START = "start one with `ray start --head`, and name it in $RAY_ADDRESS if it is not on this host"


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster: its id and name, and how many CPUs and GPUs Ray gives out on it."""

    id: str
    name: str
    cpus: float
    gpus: float


def carry_out_on_ray(cells: Sequence[Cell], workplace: Workplace, out: Path) -> list[DoneCell]:
    """Do the cells on the nodes of a Ray cluster, and return how all ended, in order.

    A run takes as many GPUs as it has processes; in a cluster without GPUs, a node to itself.
    Every node must see the same files at the same paths and have the same ft. Ctrl-C stops all
    runs; the same command goes on. Raises `ClusterError` where there is no cluster, or a node
    cannot do what is asked.
    """
    with connected() as ray:
        nodes = nodes_of(ray)
        check_nodes(ray, nodes, workplace.runs, sorted({cell.backend for cell in cells}))
        progress = Progress(cells, out, workplace.observer, at_once=slots(nodes, cells))
        with sigterm_as_stop():
            _FanOut(ray, nodes, progress, workplace).carry_out()
        return progress.done


@contextmanager
def connected() -> Iterator[ModuleType]:
    """Connect to the cluster of $RAY_ADDRESS, or the one that this machine is part of."""
    # Ray would pack the folder and build it anew on each node when it is started by `uv run`.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
    except ImportError:
        raise ClusterError(
            "Ray is not installed here",
            hint="python -m pip install 'ftcore[ray]', on every node",
            code="cluster.no-ray",
        ) from None
    if ray.is_initialized():
        yield ray
        return
    address = os.environ.get("RAY_ADDRESS") or "auto"
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise ClusterError(
            f"no Ray cluster can be used at {address}: {said[0]}", hint=START
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise `OSError` where nobody listens at ``HOST:PORT``; Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS).close()


def nodes_of(ray: ModuleType) -> list[Node]:
    """Return the nodes that are alive and give out CPUs."""
    found = [
        Node(
            one["NodeID"],
            one.get("NodeName") or one["NodeManagerAddress"],
            one["Resources"].get("CPU", 0.0),
            one["Resources"].get("GPU", 0.0),
        )
        for one in ray.nodes()
        if one["Alive"]
    ]
    able = [node for node in found if node.cpus >= 1]
    if not able:
        raise ClusterError("the Ray cluster has no node with a CPU to give", hint=START)
    return able


def resources(nodes: Sequence[Node], processes: int) -> dict[str, float]:
    """Return what Ray is to keep for a run.

    GPUs where the cluster has some, one a process, and of the CPUs the same share; else all CPUs
    of the smallest node, since two trainings on one machine's CPUs only hinder each other.
    """
    with_gpu = [node for node in nodes if node.gpus >= 1]
    if with_gpu:
        share = min(node.cpus / node.gpus for node in with_gpu)
        return {"num_gpus": processes, "num_cpus": max(1, int(share * processes))}
    return {"num_cpus": int(min(node.cpus for node in nodes))}


def slots(nodes: Sequence[Node], cells: Sequence[Cell]) -> int:
    """Return how many runs the cluster does at once when nobody else uses it."""
    processes = max((cell.processes for cell in cells), default=1)
    wanted = resources(nodes, processes)
    found = sum(_fits(node, wanted) for node in nodes)
    return max(1, min(found, len(cells)))


def _fits(node: Node, wanted: Mapping[str, float]) -> int:
    """Return how many runs that want ``wanted`` a node can hold."""
    cpus = int(node.cpus // wanted["num_cpus"])
    return min(cpus, int(node.gpus // wanted["num_gpus"])) if "num_gpus" in wanted else cpus


def check_nodes(
    ray: ModuleType, nodes: Sequence[Node], runs: Path, backends: Sequence[str]
) -> None:
    """Look at every node before anything is computed; `ClusterError` names each that cannot."""
    runs.mkdir(parents=True, exist_ok=True)
    marker = runs / f".cluster-{secrets.token_hex(4)}"
    marker.write_text(marker.name, encoding="utf-8")
    try:
        seen = _looks(ray, nodes, str(marker))
    finally:
        marker.unlink(missing_ok=True)
    here = what_is_here()
    problems = []
    for node, found in zip(nodes, seen, strict=True):
        problem, fix = _problem(found, here["ft"], backends)
        if problem is not None:
            problems.append(Problem(f"{node.name}: {problem}", fix=fix))
    if problems:
        raise ClusterError(
            f"{len(problems)} of {len(nodes)} nodes cannot take runs",
            problems=problems,
            hint="runs, recipes, data and models must be on a file system that all nodes share",
            code="cluster.node",
        )


def _problem(
    found: Mapping[str, Any], own: str, backends: Sequence[str]
) -> tuple[str | None, str | None]:
    """Return what keeps a node from taking runs, and what to do about it."""
    if "problem" in found:
        return found["problem"], found.get("fix")
    if found["ft"] != own:
        return f"it has ft {found['ft']}, here is {own}", "install the same ft there"
    missing = [name for name in backends if name not in found["backends"]]
    if missing:
        return f"it does not have the backend {', '.join(missing)}", "install its plugin there"
    return None, None


def _looks(ray: ModuleType, nodes: Sequence[Node], marker: str) -> list[dict[str, Any]]:
    """Look at all nodes at once; one that does not answer has that as its problem."""
    task = ray.remote(num_cpus=0, max_retries=0)(_looker())
    refs = [
        task.options(scheduling_strategy=_at(node)).remote(
            str(Path.cwd()), marker, Path(marker).name
        )
        for node in nodes
    ]
    ray.wait(refs, num_returns=len(refs), timeout=LOOK_SECONDS)
    return [_looked(ray, ref) for ref in refs]


def _looked(ray: ModuleType, ref: Any) -> dict[str, Any]:
    try:
        found: dict[str, Any] = ray.get(ref, timeout=0)
    except ray.exceptions.GetTimeoutError:
        ray.cancel(ref, force=True)
        return {"problem": f"it did not answer within {duration(LOOK_SECONDS)}"}
    except ray.exceptions.RayError as error:
        return {"problem": f"Ray failed there: {_last_line(error)}"}
    return found


def _looker() -> Callable[[str, str, str], dict[str, Any]]:
    """Return a function that travels by its code, since ft may be missing where it arrives."""

    def looker(folder: str, marker: str, word: str) -> dict[str, Any]:
        import importlib
        import sys

        try:
            task = importlib.import_module("ftcore.engine.compare.ray_task")
        except ImportError as error:
            where = f"the Python that Ray runs there ({sys.executable})"
            return {"problem": f"{where} cannot import ft: {error}", "fix": "install ft there"}
        found: dict[str, Any] = task.look(folder, marker, word)
        return found

    return looker


def _at(node: Node) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node.id, soft=False)


class _FanOut:
    """Hands the cells to Ray, listens to what they tell, and notes how they end."""

    def __init__(
        self, ray: ModuleType, nodes: Sequence[Node], progress: Progress, workplace: Workplace
    ) -> None:
        from ray.util.queue import Queue

        self._ray = ray
        self._nodes = nodes
        self._progress = progress
        self._workplace = workplace
        self._mail = Queue(actor_options={"num_cpus": 0})
        self._status: dict[int, str] = {}
        self._told = time.monotonic()

    def carry_out(self) -> None:
        """Do all; what interrupts this stops the runs that are under way."""
        waiting = self._hand_out()
        try:
            while waiting:
                ended, _ = self._ray.wait(list(waiting), timeout=0.5)
                self._listen()
                for ref in ended:
                    number = waiting.pop(ref)
                    self._status.pop(number, None)
                    self._progress.end(number, **self._ended(ref))
                self._tell(len(waiting))
        except (Stopped, KeyboardInterrupt):
            self._stop(list(waiting))
            raise
        finally:
            with suppress(self._ray.exceptions.RayError):
                self._mail.shutdown(force=True)

    def _hand_out(self) -> dict[Any, int]:
        """Give every cell to Ray that fits on a node; return its handles."""
        refs = {}
        for number, cell in enumerate(self._progress.cells):
            wanted = resources(self._nodes, cell.processes)
            if not any(_fits(node, wanted) for node in self._nodes):
                error = f"no node has {cell.processes} GPUs for its processes"
                self._progress.end(number, state="failed", error=error)
                continue
            task = self._ray.remote(max_retries=0, **wanted)(_run_on_node)
            refs[task.remote(self._order(number, cell), self._mail)] = number
        return refs

    def _order(self, number: int, cell: Cell) -> Order:
        place = self._workplace
        silent = replace(place, runs=place.runs.absolute(), observer=Observer())
        return Order(number, cell.choice, cell.seed, Path.cwd(), silent)

    def _listen(self) -> None:
        """Take what the runs told since."""
        for number, kind, text in self._mail.get_nowait_batch(self._mail.qsize()):
            cell = self._progress.cells[number]
            if kind == "begins":
                self._progress.begin(number, text)
            elif kind == "run":
                self._progress.change(number, run=text)
            elif kind == "notice":
                self._workplace.observer.notice(f"{cell.name}: {text}")
            else:
                self._status[number] = text

    def _tell(self, left: int) -> None:
        """Say in one line, now and then, how far the runs under way are."""
        if time.monotonic() - self._told < STATUS_SECONDS or not left:
            return
        self._told = time.monotonic()
        running = [
            f"{self._progress.cells[number].name} ({text})" for number, text in self._status.items()
        ]
        text = "; ".join(running) or "waiting for a free node"
        self._workplace.observer.notice(f"{left} runs left: {text}")

    def _ended(self, ref: Any) -> dict[str, Any]:
        """Return how a run ended; a node that died has failed its run only."""
        try:
            ended: dict[str, Any] = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:
            return {"state": "failed", "error": f"on its node: {_last_line(error)}"}
        except self._ray.exceptions.RayError as error:
            return {"state": "failed", "error": f"its node failed: {_last_line(error)}"}
        return ended

    def _stop(self, refs: list[Any]) -> None:
        """Interrupt the runs as Ctrl-C would, and wait until they have saved what they have."""
        for ref in refs:
            self._ray.cancel(ref)
        with suppress(KeyboardInterrupt):
            self._ray.wait(refs, num_returns=len(refs), timeout=STOP_SECONDS)
        self._listen()
        self._progress.stopped()


def _run_on_node(order: Order, mail: Any) -> dict[str, Any]:
    return run_order(order, mail.put)


def _last_line(error: BaseException) -> str:
    """Return the last line of an error of Ray, which is what was raised on the node."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
