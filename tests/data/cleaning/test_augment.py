"""Steps that add rows: the same for the same seed, and never in place of a row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ftcore.data.rows import Row
from ftcore.errors import DataError

QUESTION = "When does the Timetable of the library change?"


def questions(rows: Sequence[Row]) -> list[str]:
    return [row.messages[0].content for row in rows]


def test_noise(clean, make_row) -> None:
    rows = [make_row(f"{QUESTION} {n}", "In May.", n) for n in range(1, 30)]
    step = ("noise", {"rate": 0.2, "copies": 2})
    cleaned = clean(rows, step)
    assert cleaned.counts[0].added == len(cleaned.rows) - 29
    assert cleaned.counts[0].added > 50
    assert [row for row in cleaned.rows if row in rows] == rows
    assert {row.reference for row in cleaned.rows} == {"In May."}
    for row in cleaned.rows:
        assert row.messages[0].content.endswith(f"? {row.source.line}")
    assert clean(rows, step).rows == cleaned.rows
    assert questions(clean(rows, step, seed=1).rows) != questions(cleaned.rows)


def test_noise_of_a_row_does_not_depend_on_the_others(clean, make_row) -> None:
    rows = [make_row(f"{QUESTION} {n}", "In May.", n) for n in range(1, 10)]
    step = ("noise", {"share": 0.5})
    alone = {row.row_id for row in rows for row in clean([row], step).rows}
    assert {row.row_id for row in clean(rows, step).rows} == alone
    assert len(alone) < 18


@pytest.mark.parametrize(
    ("kind", "expected"), [("drop", "?1"), ("double", "aabb?1"), ("swap", "ba?1")]
)
def test_kinds_of_noise(clean, make_row, kind, expected) -> None:
    cleaned = clean([make_row("ab?1", "x")], ("noise", {"rate": 1, "kinds": [kind]}))
    assert questions(cleaned.rows) == ["ab?1", expected]


def test_noise_that_leaves_no_question_adds_nothing_blank(clean, make_row) -> None:
    cleaned = clean([make_row("ab", "x")], ("noise", {"rate": 1, "kinds": ["drop"]}))
    assert questions(cleaned.rows) == ["ab"]


def test_synonyms(clean, make_row, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text(
        "# groups\ntimetable, schedule\nlibrary,reading room\n图书馆，书馆\n\n", encoding="utf-8"
    )
    step = ("synonyms", {"file": "words.txt", "rate": 1})
    rows = [make_row(QUESTION, "x"), make_row("图书馆几点开门", "九点", 2)]
    assert questions(clean(rows, step).rows) == [
        QUESTION,
        "When does the Schedule of the reading room change?",
        "图书馆几点开门",
        "书馆几点开门",
    ]
    assert questions(clean([make_row("libraryless", "x")], step).rows) == ["libraryless"]


def test_paraphrases(clean, make_row, tmp_path: Path) -> None:
    lines = (
        '{"text": "When do you open?", "paraphrases": ["Opening time?", "From when?"]}\n'
        '{"text": "Never asked", "paraphrases": ["x"]}\n'
    )
    (tmp_path / "more.jsonl").write_text(lines)
    cleaned = clean([make_row("When do you open? ", "At nine.")], ("paraphrases", FILE))
    assert questions(cleaned.rows) == ["When do you open? ", "Opening time?", "From when?"]
    assert {row.reference for row in cleaned.rows} == {"At nine."}
    assert str(cleaned.counts[0]) == (
        "paraphrases: 2 added (1 rows); 1 texts of more.jsonl occur in no row"
    )
    few = clean([make_row("When do you open?", "x")], ("paraphrases", {**FILE, "most": 1}))
    assert questions(few.rows) == ["When do you open?", "Opening time?"]


FILE = {"file": "more.jsonl"}


@pytest.mark.parametrize(
    ("step", "text", "what"),
    [
        ("synonyms", "", "holds no group"),
        ("synonyms", "a, b\nalone\n", "more.jsonl:2: a group needs two words"),
        ("synonyms", "a, b\nA, c\n", "more.jsonl:2: 'A' is in a group already"),
        ("paraphrases", "\n", "holds no paraphrase"),
        ("paraphrases", "{\n", "no paraphrases can be read"),
        ("paraphrases", "[]\n", "no paraphrases can be read"),
        ("paraphrases", '{"text": 1, "paraphrases": []}', "another type"),
        ("paraphrases", '{"text": "a", "paraphrases": [" "]}', "is blank or no text"),
    ],
)
def test_files_that_cannot_be_used(clean, make_row, tmp_path, step, text, what) -> None:
    (tmp_path / "more.jsonl").write_text(text)
    with pytest.raises(DataError) as caught:
        clean([make_row("q", "a")], (step, FILE))
    assert what in str(caught.value.problems[0])
    assert caught.value.code == "data.clean.file"


def test_a_file_that_is_not_there(clean, make_row) -> None:
    with pytest.raises(DataError, match=r"more\.jsonl cannot be read"):
        clean([make_row("q", "a")], ("synonyms", FILE))
