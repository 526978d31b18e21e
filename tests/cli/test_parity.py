"""`ft parity` and `ft parity verify`: exit codes and what is printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def parity(toy: Any, install_plugin: Any, ft: Any) -> Callable[..., Any]:
    """A function that runs ``ft parity`` on toys."""
    install_plugin(
        "ft-twins",
        "twins",
        """
from dataclasses import replace
from ft_toy import plugin
from ftcore.hookspecs import hookimpl

@hookimpl
def ft_backends():
    (toy,) = plugin.ft_backends()
    yield replace(toy, name="twin")
    yield replace(toy, name="wrong", trainer="ft_toy.misbehaving:OtherLabels")
""",
    )
    options = ("--python", "current", "--runs", toy.runs, "--quiet", "--steps", "2")

    def run(backends: str, *more: object) -> Any:
        return ft("parity", toy.recipe, "--backends", backends, *options, *more)

    return run


def test_it_holds(parity, toy):
    said = parity("toy,twin", "--out", toy.root / "c.json")
    assert said.code == 0, said.err
    assert "toy and twin trained 2 steps to the same bits." in said.out
    assert "same tokens and labels" in said.out
    assert f"ft parity verify {toy.root / 'c.json'}" in said.out
    assert json.loads((toy.root / "c.json").read_text())["holds"]


def test_it_breaks(parity):
    said = parity("toy,wrong")
    assert "breaks at L1" in said.refused(7)
    assert "BREAKS" in said.out


def test_as_data(parity):
    said = parity("toy,twin", "--json")
    assert said.code == 0
    assert said.data["identical"]
    assert said.data["certificate"].endswith("recipe.parity.json")
    broken = parity("toy,wrong", "--json")
    assert broken.code == 7
    assert broken.data["breaks_at"] == "L1"


def test_options_may_come_first(parity, ft, toy):
    options = ["--python", "current", "--runs", toy.runs, "--quiet", "--steps", "1"]
    assert ft("parity", "--backends", "toy,twin", *options, toy.recipe).code == 0
    assert ft("parity", "check", toy.recipe, "--backends", "toy,twin", *options).code == 0


def test_verify(parity, ft, toy):
    path = toy.root / "c.json"
    assert parity("toy,twin", "--out", path).code == 0
    options = ["--python", "current", "--runs", toy.runs, "--quiet"]
    said = ft("parity", "verify", path, *options)
    assert said.code == 0, said.err
    assert "confirmed; the final weights are the same bits as then" in said.out
    assert ft("parity", "verify", path, *options, "--json").data["confirmed"]
    toy.recipe.write_text(toy.recipe.read_text() + "# changed\n")
    assert "the recipe's text is not what it was" in ft("parity", "verify", path, *options).refused(
        7
    )


def test_verify_of_no_certificate(ft, tmp_path):
    (tmp_path / "c.json").write_text("{}")
    assert "not a parity certificate" in ft("parity", "verify", tmp_path / "c.json").refused(2)


def test_the_group_says_what_there_is(ft):
    said = ft("parity", "--help")
    assert said.code == 0
    assert "verify" in said.out
    assert "check" in said.out
