"""Fans the runs of a comparison out over the nodes of a Ray cluster."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from ftcore.engine.compare.cells import Cell
from ftcore.engine.compare.progress import DoneCell, Progress
from ftcore.engine.compare.ray_cluster import (
    Node,
    check_nodes,
    connected,
    fits,
    last_line,
    nodes_of,
    resources,
    slots,
)
from ftcore.engine.compare.ray_task import Order, run_order
from ftcore.engine.observer import Observer
from ftcore.engine.parity.trainings import Workplace
from ftcore.launcher import Stopped, sigterm_as_stop

STATUS_SECONDS = 30.0
STOP_SECONDS = 60.0


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
            if not any(fits(node, wanted) for node in self._nodes):
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
            return {"state": "failed", "error": f"on its node: {last_line(error)}"}
        except self._ray.exceptions.RayError as error:
            return {"state": "failed", "error": f"its node failed: {last_line(error)}"}
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
