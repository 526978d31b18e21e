"""Comparisons on a Ray cluster: a real one of two nodes on this machine."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ftcore
from ftcore.comparison_result import ComparisonResult
from ftcore.engine.compare.ray_cluster import Node, resources, slots
from ftcore.errors import ClusterError
from ftcore.runs.listing import list_runs

Compare = Callable[..., ComparisonResult]

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")


def test_a_run_has_a_node_of_cpus_or_its_gpus_to_itself() -> None:
    small, large = Node("a", "a", 4, 0), Node("b", "b", 16, 0)
    assert resources([small, large], 1) == {"num_cpus": 4}
    gpus = [Node("a", "a", 4, 0), Node("b", "b", 16, 4)]
    assert resources(gpus, 1) == {"num_gpus": 1, "num_cpus": 4}
    assert resources(gpus, 2) == {"num_gpus": 2, "num_cpus": 8}
    assert slots([small, large], []) == 1


def test_no_cluster_is_said(toy: Any, compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(
        ClusterError, match=r"no Ray cluster can be used at 127\.0\.0\.1:1"
    ) as caught:
        compare(backends=["toy", "twin"], executor="ray")
    assert "ray start" in str(caught.value.hint)
    assert not list_runs(toy.runs)


@pytest.fixture
def cluster(
    toy: Any, toy_site: Path, compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """Two nodes of one CPU each, whose Python finds the toys."""
    # Read by Ray when it is imported: below `uv run` it would build a Python anew for the nodes.
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    utils = pytest.importorskip("ray.cluster_utils")
    paths = [str(toy_site), str(tmp_path / "compared")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("RAY_DISABLE_MEMORY_MONITOR", "1")
    made = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
    made.wait_for_nodes()
    monkeypatch.setenv("RAY_ADDRESS", made.address)
    yield made
    made.shutdown()


@pytest.mark.heavy
def test_two_nodes_share_the_runs(toy: Any, compare: Compare, cluster: Any) -> None:
    result = compare(backends=["toy", "twin", "crashes"], seeds=2, executor="ray")
    states = [(cell.variant, cell.seed, cell.state) for cell in result.cells]
    assert states == [
        ("toy", 7, "finished"),
        ("twin", 7, "finished"),
        ("crashes", 7, "failed"),
        ("toy", 8, "finished"),
        ("twin", 8, "finished"),
        ("crashes", 8, "failed"),
    ]
    assert "the same on every test row" in result.verdict
    begun = [text for text in toy.heard.notices if " of 6] " in text]
    assert len(begun) == 6
    assert all(" on " in text for text in begun)
    times = [run.manifest() for run in list_runs(toy.runs)]
    assert any(
        one.created < other.created < (one.finished or 0) for one in times for other in times
    ), "no two runs were at work at once"
    # The same here, without the cluster: the runs of the nodes are ordinary runs.
    again = compare(backends=["toy", "twin"], seeds=2)
    assert {cell.state for cell in again.cells} == {"reused"}


@pytest.mark.heavy
def test_nodes_with_another_ft_are_named(
    toy: Any, compare: Compare, cluster: Any, tmp_path: Path
) -> None:
    # Comes before the installed one on the nodes' path; this process has imported that already.
    other = shutil.copytree(Path(ftcore.__file__).parent, tmp_path / "compared" / "ftcore")
    with (other / "errors.py").open("a", encoding="utf-8") as changed:
        changed.write("# changed\n")
    with pytest.raises(ClusterError, match="2 of 2 nodes cannot take runs") as caught:
        compare(backends=["toy", "twin"], executor="ray")
    assert "install the same ft there" in str(caught.value.problems[0].fix)
    assert not list_runs(toy.runs)
    assert not list(toy.runs.glob(".cluster-*"))


@pytest.mark.heavy
def test_ctrl_c_stops_the_nodes_and_the_same_command_goes_on(
    toy: Any, compare: Compare, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        import _thread

        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not any(
            run.manifest().state == "running" for run in list_runs(toy.runs)
        ):
            time.sleep(0.05)
        _thread.interrupt_main()

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        compare(vary=["train.lora.rank=2,3"], seeds=2, executor="ray")
    stopped = list_runs(toy.runs)
    assert stopped
    states = {run.manifest().state for run in stopped}
    assert "interrupted" in states
    assert states <= {"interrupted", "finished"}
    result = compare(vary=["train.lora.rank=2,3"], seeds=2, executor="ray")
    assert {cell.state for cell in result.cells} <= {"finished", "reused"}
    assert len(list_runs(toy.runs)) == 4  # those that were interrupted went on
    assert any(run.manifest().resumed for run in list_runs(toy.runs))
