from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.evaluation.causes import family, plain_family
from ftcore.evaluation.error_analysis import STATES, analyse, summary
from ftcore.evaluation.metric import Example, MetricContext

CONTEXT = MetricContext(no_entity="None.", strip_prefix="Ahoy!")
ENTITY = json.dumps({"entity_text": "Ada", "entity_label": "PER"})
REFERENCES = {
    "sql": "SELECT a FROM t WHERE b = 1",
    "ner": ENTITY,
    "qa": "It costs 10 crowns.",
    "chat": "Ahoy! I am Pip.",
    "general": "Paris.",
}
PIECES = st.one_of(
    st.sampled_from(
        ["SELECT ", "a ", "FROM t ", "WHERE b = 1", "WHERE a > 2", ";", "```sql\n", "```", "\n\n",
         ENTITY, "\n", "None.", '{"entity_text": "A", "entity_label": "X"}', "{", "It costs ",
         "10 ", "crowns.", "I do not know.", "Ahoy! ", "I am Pip.", "Rex", "Paris.", "巴黎", ""]
    ),
    st.text(max_size=12),
)  # fmt: skip
ANSWERS = st.lists(PIECES, max_size=6).map("".join)


def row(task: str, number: int, answer: str, reference: str | None = None) -> Example:
    fields = {"must": ["Pip"], "must_not": ["Rex"]}
    text = REFERENCES[task] if reference is None else reference
    return Example(f"r{number}", (), text, answer, fields)


@pytest.mark.parametrize("task", list(REFERENCES))
@given(st.lists(st.tuples(ANSWERS, ANSWERS, ANSWERS), min_size=1, max_size=4), st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_row_has_one_state_and_wrong_rows_one_main_cause(task, answers, odd_reference):
    reference = "?" if odd_reference else None
    stages = {
        stage: [row(task, n, found[place], reference) for n, found in enumerate(answers)]
        for place, stage in enumerate(("before", "few_shot", "after"))
    }
    rows = analyse(stages, family(task), CONTEXT)
    assert [r.row_id for r in rows] == [f"r{n}" for n in range(len(answers))]
    for found in rows:
        known = {**family(task).causes, **plain_family().causes}
        before, after = not found.causes["before"], not found.causes["after"]
        words = {(0, 1): "fixed", (1, 0): "broken", (1, 1): "still_right", (0, 0): "still_wrong"}
        assert found.state == words[before, after]
        assert (found.cause is None) == after
        for causes in found.causes.values():
            names = [finding.cause for finding in causes]
            assert len(set(names)) == len(names)
            assert set(names) <= set(known)
        if found.cause is not None:
            assert found.cause == found.causes["after"][0].cause
        json.dumps(found.to_json(), allow_nan=False)
    counts = summary(rows, family(task))
    assert sum(counts["states"].values()) == len(rows)
    wrong = sum(found.cause is not None for found in rows)
    assert sum(counts["causes"]["after"].values()) == wrong
    assert set().union(*counts["causes"].values()) == set(counts["definitions"])


@pytest.mark.parametrize("task", list(REFERENCES))
def test_the_reference_itself_is_right(task):
    (found,) = analyse({"after": [row(task, 0, REFERENCES[task])]}, family(task), CONTEXT)
    assert (found.state, found.cause, found.causes) == ("right", None, {"after": ()})


def test_what_a_row_is_compared_with():
    wrong, right = [row("general", 0, "Rome.")], [row("general", 0, "Paris.")]

    def state(**stages):
        (found,) = analyse(stages, family("general"), CONTEXT)
        return found.state

    assert state(before=wrong, few_shot=right, after=right) == "fixed"
    assert state(few_shot=right, after=wrong) == "broken"
    assert state(after=wrong) == "wrong"
    assert state(before=wrong) == "wrong"
    assert analyse({}, family("general"), CONTEXT) == []


def test_rows_that_the_family_cannot_judge_are_texts():
    (found,) = analyse({"after": [row("sql", 0, "eleven", "Twelve.")]}, family("sql"), CONTEXT)
    assert (found.family, found.cause) == ("text", "other_text")


def test_every_state_and_cause_is_explained():
    assert all(STATES.values())
    for task in REFERENCES:
        assert family(task).right.endswith(".")
        assert all(words.endswith(".") for words in family(task).causes.values())
