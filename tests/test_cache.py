import json
import os
import threading
from pathlib import Path

import pytest

from ftcore.cache import (
    atomic_folder,
    cache_dir,
    folder_size,
    human_size,
    locked,
    require_disk,
    write_json,
)
from ftcore.errors import DiskFull, MachineError


def test_the_cache_is_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "here"))
    assert cache_dir("models") == tmp_path / "here" / "models"
    assert cache_dir("models").is_dir()


def test_a_cache_that_cannot_be_made_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(MachineError, match="cannot be made") as caught:
        cache_dir()
    assert "FT_CACHE" in (caught.value.hint or "")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path):
    target = tmp_path / "model"
    with pytest.raises(FileNotFoundError), atomic_folder(target) as partial:
        (partial / "half").rename(partial / "none")
    assert list(tmp_path.iterdir()) == []
    with atomic_folder(target) as partial:
        (partial / "whole").write_text("x")
        assert not target.exists()
    with atomic_folder(target) as partial:
        (partial / "newer").write_text("x")
    assert [path.name for path in target.iterdir()] == ["newer"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_the_second_waits_and_learns_who_holds_the_lock(tmp_path: Path):
    path, order, said = tmp_path / "a.lock", [], []
    inside, leave = threading.Event(), threading.Event()

    def first():
        with locked(path, purpose="building the trl environment"):
            inside.set()
            leave.wait(10)
            order.append("first")

    def tell(line: str):
        said.append(line)
        leave.set()

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait(10)
    with locked(path, purpose="the same", timeout=10, notify=tell):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert said[0].startswith(f"waiting for building the trl environment (process {os.getpid()} on")


def test_waiting_ends_with_an_error_that_names_the_holder(tmp_path: Path):
    path = tmp_path / "a.lock"
    with (
        locked(path, purpose="building"),
        pytest.raises(MachineError, match="Waited 0 s for building"),
        locked(path, purpose="again", timeout=0.05),
    ):
        pass


def test_json_is_replaced_whole(tmp_path: Path):
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", float("nan"))
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_too_little_disk_says_both_figures(tmp_path: Path):
    require_disk(tmp_path / "not" / "yet", 1)
    with pytest.raises(DiskFull, match=r"needs 1000000\.0 TB .* are free"):
        require_disk(tmp_path, 10**18, "The model")


@pytest.mark.parametrize(
    ("count", "text"), [(5, "5 bytes"), (538_090_408, "538 MB"), (1_208_326_398, "1.2 GB")]
)
def test_sizes_for_people(count: int, text: str):
    assert human_size(count) == text


def test_a_hard_link_counts_once(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"x" * 1000)
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    assert folder_size(tmp_path) == 1000
