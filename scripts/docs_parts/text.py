"""Pieces of Markdown."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; line feeds and bars inside cells are made harmless."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Return inline code, also of text that holds a backtick."""
    fence = "``" if "`" in text else "`"
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def block(text: str, language: str = "") -> str:
    """Return a code block."""
    return f"```{language}\n{text.rstrip()}\n```"


def first_sentence(documented: object) -> str:
    """Return the first paragraph of a docstring as one line, without RST's double backticks."""
    text = (inspect.getdoc(documented) or "").split("\n\n")[0]
    return " ".join(text.split()).replace("``", "`")
