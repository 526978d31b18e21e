from __future__ import annotations

from pathlib import Path

import pytest

from ftcore.errors import RunLocked, RunNotFound
from ftcore.protocol import write_json
from ftcore.runs.folder import MANIFEST, RunFolder
from ftcore.runs.listing import find_run, list_runs, remove_run, runs_root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three runs: ner-1 (oldest), ner-12, sql-1 (newest)."""
    for age, name in enumerate(("ner-1", "ner-12", "sql-1")):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        data = {"id": name, "recipe": name[:3], "profile": None, "backend": "toy", "model": "m"}
        write_json({**data, "seed": 1, "created": age, "state": "finished"}, folder / MANIFEST)
    return tmp_path / "runs"


def names(runs: list[RunFolder]) -> list[str]:
    return [run.path.name for run in runs]


def test_newest_first(root: Path):
    assert names(list_runs(root)) == ["sql-1", "ner-12", "ner-1"]


def test_what_is_no_run_is_left_out(root: Path):
    (root / "notes").mkdir()
    (root / "half").mkdir()
    (root / "half" / MANIFEST).write_text('{"id"')
    (root / "newer").mkdir()
    (root / "newer" / MANIFEST).write_text('{"id": "newer", "shape": "round"}')
    assert names(list_runs(root)) == ["sql-1", "ner-12", "ner-1"]
    assert list_runs(root / "none") == []


@pytest.mark.parametrize(
    ("name", "found"),
    [("ner-1", "ner-1"), ("ner-12", "ner-12"), ("sq", "sql-1"), ("last", "sql-1")],
)
def test_by_id_by_its_beginning_and_the_last(root: Path, name: str, found: str):
    assert find_run(name, root).path.name == found


def test_by_folder(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert find_run(str(root / "ner-1"), tmp_path).path == root / "ner-1"
    monkeypatch.chdir(root)
    assert find_run("ner-1", tmp_path).path == root / "ner-1"


def test_a_beginning_of_several_runs(root: Path):
    with pytest.raises(RunNotFound, match="'ner' names 2 runs") as caught:
        find_run("ner", root)
    assert caught.value.hint == "it may be one of: ner-12, ner-1"
    assert caught.value.exit_code == 2


def test_a_misspelt_run_names_the_nearest(root: Path):
    with pytest.raises(RunNotFound, match="no run 'net-12'") as caught:
        find_run("net-12", root)
    assert str(caught.value.hint).startswith("there are: ner-12")


@pytest.mark.parametrize("name", ["", "last", "x", "a/b"])
def test_no_runs_yet(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunNotFound) as caught:
        find_run(name, tmp_path / "runs")
    assert caught.value.hint == f"there are no runs in {tmp_path / 'runs'} yet"


def test_an_empty_name_is_not_the_folder_here(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(root / "ner-1")
    with pytest.raises(RunNotFound, match="no run ''"):
        find_run("", root)


def test_removing(root: Path):
    run = find_run("ner-1", root)
    (run.path / "stream").mkdir()
    (run.path / "stream" / "rows").write_bytes(b"x" * 1000)
    (run.path / "stream" / "rows").chmod(0o444)
    size = (run.path / MANIFEST).stat().st_size
    assert remove_run(run) == 1000 + size
    assert names(list_runs(root)) == ["sql-1", "ner-12"]


def test_a_run_in_use_is_not_removed(root: Path):
    run = find_run("ner-1", root)
    with run.lock(), pytest.raises(RunLocked, match="is in use"):
        remove_run(run)
    assert (run.path / MANIFEST).exists()


def test_where_runs_are_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("FT_RUNS", raising=False)
    assert runs_root() == Path("runs")
    monkeypatch.setenv("FT_RUNS", "/elsewhere")
    assert runs_root() == Path("/elsewhere")
    assert runs_root("here") == Path("here")
