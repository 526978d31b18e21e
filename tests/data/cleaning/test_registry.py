"""Steps by name; wrong names and options are told with their fields."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ftcore.data.cleaning import Removed, Step, choose_steps, get_step, register_step, steps
from ftcore.data.cleaning import registry as registry_module
from ftcore.errors import DataError


def test_every_step_says_what_it_does() -> None:
    for name, step in steps().items():
        assert (step.name, bool(step.describe), bool(step.__doc__)) == (name, True, True)


@pytest.mark.parametrize(
    ("name", "options", "field", "what"),
    [
        ("noize", {}, "data.clean[0].name", "did you mean 'noise'?"),
        ("noise", {"rat": 1}, "data.clean[0].options.rat", "did you mean rate?"),
        ("noise", {"rate": "x"}, "data.clean[0].options.rate", "valid number"),
        ("noise", {"rate": 3}, "data.clean[0].options.rate", "less than or equal to 1, found 3"),
        ("noise", {"roles": []}, "data.clean[0].options.roles", "at least 1 item"),
        ("synonyms", {}, "data.clean[0].options.file", "required"),
        ("drop_duplicates", {"by": "x"}, "data.clean[0].options.by", "'row' or 'prompt'"),
        ("length_limits", {}, "data.clean[0].options", "set at least one limit"),
    ],
)
def test_wrong_steps(name, options, field, what) -> None:
    with pytest.raises(DataError) as caught:
        choose_steps([(name, options)])
    (problem,) = caught.value.problems
    assert problem.field == field
    assert what in str(problem)


def test_all_problems_come_at_once() -> None:
    with pytest.raises(DataError) as caught:
        choose_steps([("x", {}), ("noise", {"a": 1, "rate": 0})])
    assert [problem.field for problem in caught.value.problems] == [
        "data.clean[0].name",
        "data.clean[1].options.a",
        "data.clean[1].options.rate",
    ]


@dataclass(frozen=True)
class Most:
    most: int = 3


class Short(Step):
    """Keeps short answers."""

    name = "short"
    describe = "short answers"
    Options = Most

    def row(self, row):
        return (row,) if len(row.reference) <= self.options.most else Removed("too long")


def test_a_step_of_somebody_else(clean, make_row, monkeypatch) -> None:
    monkeypatch.setattr(registry_module, "_STEPS", steps())
    register_step(Short)
    register_step(Short)
    rows = [make_row("q", "abc"), make_row("q", "abcd")]
    cleaned = clean(rows, ("short", {}))
    assert (cleaned.rows, cleaned.removed[0].reason) == (rows[:1], "short")
    assert clean(rows, ("short", {"most": 4})).rows == rows


def test_a_name_that_is_taken(monkeypatch) -> None:
    monkeypatch.setattr(registry_module, "_STEPS", steps())
    taken = type("Other", (Short,), {"name": "noise"})
    with pytest.raises(DataError, match="is taken by ftcore"):
        register_step(taken)
    assert get_step("noise").__name__ == "Noise"
