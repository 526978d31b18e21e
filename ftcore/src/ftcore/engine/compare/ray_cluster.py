"""Looks at a Ray cluster that exists already: its nodes, and what each of them can take."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ftcore.engine.compare.cells import Cell
from ftcore.engine.compare.ray_task import what_is_here
from ftcore.errors import ClusterError, Problem
from ftcore.report.numbers import duration

KNOCK_SECONDS = 10.0
LOOK_SECONDS = 120.0
START = "start one with `ray start --head`, and name it in $RAY_ADDRESS if it is not on this host"


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster: its id and name, and how many CPUs and GPUs Ray gives out on it."""

    id: str
    name: str
    cpus: float
    gpus: float


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
    found = sum(fits(node, wanted) for node in nodes)
    return max(1, min(found, len(cells)))


def fits(node: Node, wanted: Mapping[str, float]) -> int:
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
        return {"problem": f"Ray failed there: {last_line(error)}"}
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


def last_line(error: BaseException) -> str:
    """Return the last line of an error of Ray, which is what was raised on the node."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
