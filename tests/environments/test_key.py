from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from ftcore.environments.key import KeyParts, explain, key_parts

Maker = Callable[..., Any]


def parts(make_spec: Maker, **spec: Any) -> KeyParts:
    return key_parts(make_spec(**spec), python="3.11", accelerator="cpu", torch_source="index")


def test_the_same_inputs_give_the_same_key(make_spec: Maker):
    assert parts(make_spec).key == parts(make_spec).key
    assert len(parts(make_spec).key) == 16


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("plugin_version", "0.2.0", "ft-tiny 0.1.0 -> 0.2.0"),
        ("python", "3.12", "Python 3.11 -> 3.12"),
        ("platform", "darwin-arm64", "-> darwin-arm64"),
        ("accelerator", "cuda", "accelerator cpu -> cuda"),
        ("torch", "2.13.0", "torch none -> 2.13.0"),
        ("torch_source", "find-links", "torch from index -> find-links"),
        ("lock", "other", "lock rewritten (same versions)"),
    ],
)
def test_each_part_changes_the_key_and_has_its_reason(
    make_spec: Maker, field: str, value: str, reason: str
):
    old = parts(make_spec)
    new = replace(old, **{field: value})
    assert new.key != old.key
    assert reason in explain(old, new)


def test_a_changed_lock_names_the_packages(make_spec: Maker):
    old = parts(make_spec, lock="a==1\nb==1\nc==1\nd==1\n")
    new = parts(make_spec, lock="a==2\nb==2\nc==2\ne==1\n")
    assert explain(old, new) == "lock changed: a 1 -> 2, b 1 -> 2, c 1 -> 2 and 2 more"


def test_the_first_and_the_unchanged(make_spec: Maker):
    assert explain(None, parts(make_spec)) == "first build"
    assert explain(parts(make_spec), parts(make_spec)) == "the earlier one is incomplete"


def test_parts_survive_their_state(make_spec: Maker):
    old = parts(make_spec)
    assert KeyParts.from_state({"parts": asdict(old)}) == old
    assert KeyParts.from_state({"parts": {"backend": "x"}}) is None
    assert KeyParts.from_state({}) is None
