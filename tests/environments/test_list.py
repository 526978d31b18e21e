import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from ftcore.environments.build import ensure
from ftcore.environments.list import (
    collect_garbage,
    latest_parts,
    list_environments,
    remove_environment,
)
from ftcore.errors import BuildError, MachineError

Maker = Callable[..., Any]


def test_nothing_yet():
    assert list_environments() == []
    assert latest_parts("tiny") is None


def test_what_is_built_is_listed(make_spec: Maker, recorder: Any, said: list[str]):
    found = ensure(make_spec(), notify=said.append, installer=recorder)
    (info,) = list_environments()
    assert (info.backend, info.key, info.ready, info.in_use) == ("tiny", found.key, True, False)
    assert info.last_used is None
    with found.lease():
        (info,) = list_environments()
        assert info.in_use
        assert info.last_used


def test_what_is_leased_is_not_removed(make_spec: Maker, recorder: Any, said: list[str]):
    found = ensure(make_spec(), notify=said.append, installer=recorder)
    with found.lease():
        (info,) = list_environments()
        with pytest.raises(MachineError, match="in use"):
            remove_environment(info)
        assert collect_garbage(unused_days=0) == []
    assert remove_environment(info) > 0
    assert list_environments() == []
    with pytest.raises(BuildError, match="removed meanwhile"), found.lease():
        pass


def test_a_worker_keeps_the_lease_when_its_parent_is_gone(
    make_spec: Maker, recorder: Any, said: list[str]
):
    found = ensure(make_spec(), notify=said.append, installer=recorder)
    with found.lease() as descriptor:
        worker = subprocess.Popen(
            [sys.executable, "-I", "-c", "input()"],
            stdin=subprocess.PIPE,
            pass_fds=(descriptor,),
        )
    with worker:
        assert list_environments()[0].in_use
        worker.communicate(b"\n")
    assert not list_environments()[0].in_use


def test_the_unused_and_the_partial_are_collected(
    make_spec: Maker, recorder: Any, said: list[str], own_cache: Any
):
    kept = ensure(make_spec(), notify=said.append, installer=recorder)
    newer = ensure(make_spec(version="0.2.0"), notify=said.append, installer=recorder)
    (own_cache / "environments" / "tiny-feedfeed").mkdir()
    assert [info.key for info in collect_garbage()] == ["feedfeed"]
    removed = collect_garbage(unused_days=-1, keep=frozenset({kept.key}))
    assert [info.key for info in removed] == [newer.key]
    assert [info.key for info in list_environments()] == [kept.key]


def test_the_last_use_decides(make_spec: Maker, recorder: Any, said: list[str]):
    found = ensure(make_spec(), notify=said.append, installer=recorder)
    with found.lease():
        pass
    lease = found.folder.with_name(found.folder.name + ".lease")
    state = found.folder / "state.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"built_at": 0.0}))
    assert collect_garbage(unused_days=1) == []
    os.utime(lease, (1, 1))
    assert [info.key for info in collect_garbage(unused_days=1)] == [found.key]
