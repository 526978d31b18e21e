"""What `ft data check` says, each message made by the check itself on two or three rows."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from docs_parts.text import block
from ftcore.data.checks import LookFor, check
from ftcore.errors import Problem

Rows = tuple[str, ...]


def _row(prompt: str, completion: str, **fields: Any) -> str:
    record = {"prompt": prompt, "completion": completion, **fields}
    return json.dumps(record, ensure_ascii=False)


ASKED = "Which days of the week is the reading hall of the main library open until ten"
GOOD = _row("When do you open?", "At nine.")
# Title, rows, test rows.
REFUSED: tuple[tuple[str, Rows], ...] = (
    ("Broken JSON", (GOOD, '{"prompt": "When do you close?", "completion": ')),
    ("A key twice", (GOOD, '{"prompt": "a", "prompt": "b", "completion": "c"}')),
    ("A column that is missing", (GOOD, '{"prompt": "When do you close?"}')),
    ("A value of another type", (GOOD, '{"prompt": "How many?", "completion": 3}')),
    ("A blank answer", (GOOD, _row("When do you close?", " "))),
    (
        "Turns out of order",
        (
            GOOD,
            '{"prompt": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], '
            '"completion": "c"}',
        ),
    ),
    ("Broken Unicode", (GOOD, '{"prompt": "When\\ud83d?", "completion": "At nine."}')),
)
ODD: tuple[tuple[str, Rows, Rows], ...] = (
    ("Odd characters", (_row("When do\x07 you open?", "At nine."), GOOD), ()),
    ("Duplicates", (GOOD, GOOD), ()),
    ("Contradictory answers", (GOOD, _row("When do you open?", "At ten.")), ()),
    ("Secrets and personal data", (GOOD, _row("Who helps?", "ann@library.org does.")), ()),
    ("Near-duplicates (with `--near`)", (_row(f"{ASKED}?", "Most."), _row(ASKED, "Most.")), ()),
    ("A test row that is also in training", (GOOD,), (GOOD,)),
    ("A test prompt that is also in training", (GOOD,), (_row("When do you open?", "Nine"),)),
    (
        "A test prompt that is nearly one of training (with `--near`)",
        (_row(f"{ASKED}?", "Most."),),
        (_row(f"{ASKED}!", "All."),),
    ),
    (
        "A group on both sides (`data.split.group`, here `database`)",
        (_row("How many ships?", "SELECT 1", database="harbour"),),
        (_row("How many docks?", "SELECT 2", database="harbour"),),
    ),
)


def refused() -> str:
    """Return what refuses a row, with its message."""
    return "\n\n".join(part for title, rows in REFUSED for part in _shown(title, rows))


def odd() -> str:
    """Return what is only warned of, with its message."""
    return "\n\n".join(part for title, rows, test in ODD for part in _shown(title, rows, test))


def _shown(title: str, rows: Rows, test: Rows = ()) -> list[str]:
    problems = messages(rows, test)
    codes = ", ".join(dict.fromkeys(f"`{problem.code}`" for problem in problems))
    files = [("rows.jsonl", rows), ("test.jsonl", test)]
    text = "\n".join(line for name, lines in files for line in _file(name, lines, bool(test)))
    return [
        f"### {title}",
        f"Code {codes}.",
        block(text, "json"),
        block("\n".join(map(str, problems)), "text"),
    ]


def _file(name: str, lines: Rows, named: bool) -> list[str]:
    return [f"// {name}", *lines] if named and lines else list(lines)


def messages(rows: Rows, test: Rows = ()) -> list[Problem]:
    """Return what the check finds in rows and, where there are any, test rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, lines in (("rows.jsonl", rows), ("test.jsonl", test)):
            (folder / file).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        report = check(
            "rows.jsonl",
            base=folder,
            format="prompt_completion",
            test="test.jsonl" if test else None,
            look_for=LookFor(near=0.85, group="database" if "database" in rows[0] else None),
        )
    found = [*report.problems, *report.warnings]
    if not found:
        raise ValueError(f"nothing is found in {rows}")
    return found
