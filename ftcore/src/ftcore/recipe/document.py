"""The text of a recipe file as TOML, with a line for everything that is wrong with it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from ftcore.errors import Problem, RecipeError
from ftcore.recipe.shipped import shipped_recipes
from ftcore.recipe.suggestions import nearest

PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
DEEPEST = 40


def read_text(path: Path) -> str:
    """Return the text of a recipe file; `RecipeError` when there is none or it is not UTF-8."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise RecipeError(
            f"there is no recipe {path}", hint=_nearby(path), code="recipe.missing"
        ) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise RecipeError(
            f"{path} cannot be read: {reason}",
            hint="give the path of a recipe file (.toml)",
            code="recipe.unreadable",
        ) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problem = Problem(
            f"byte 0x{raw[error.start]:02x} is not UTF-8", str(path), line, fix="save it as UTF-8"
        )
        raise _broken(path, problem) from None


def parse(text: str, path: Path) -> dict[str, Any]:
    """Return the tables of a TOML ``text``; `RecipeError` with line and text where it is broken."""
    try:
        values = tomllib.loads(text)
        if _shallow(values):
            return values
        problem = Problem("lists or tables are nested too deeply", str(path), 1)
    except RecursionError:
        problem = Problem("lists or tables are nested too deeply", str(path), 1)
    except ValueError as error:
        problem = _syntax_problem(str(error), text, path)
    raise _broken(path, problem)


def _shallow(values: Any) -> bool:
    """Say whether nesting stays within what the recursive functions of this room can walk."""
    level = [values]
    for _ in range(DEEPEST):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [item for group in inner for item in group if isinstance(item, dict | list)]
        if not level:
            return True
    return False


def _syntax_problem(message: str, text: str, path: Path) -> Problem:
    lines = text.replace("\r\n", "\n").split("\n")
    found = PLACE.search(message)
    what = PLACE.sub("", message)
    what = what[:1].lower() + what[1:]
    if found and found.group(1):
        number = min(int(found.group(1)), len(lines))
    else:
        # "End of document": the last line that says anything is where to look.
        number = max((i for i, line in enumerate(lines, 1) if line.strip()), default=1)
    shown = lines[number - 1].strip()[:120]
    return Problem(f"not valid TOML: {what}: `{shown}`", str(path), number, fix=_advice(what))


def _advice(what: str) -> str | None:
    if what.startswith("invalid value"):
        return 'text needs quotes ("..."), and truth values are `true` and `false`'
    if "overwrite" in what or "twice" in what or "mutate" in what:
        return "a key or table may be written once only"
    if what.startswith(("unclosed", "unterminated", "expected")):
        return "look for a missing quote, bracket or `=` on this line or just above it"
    return None


def _broken(path: Path, problem: Problem) -> RecipeError:
    return RecipeError(f"{path.name} is not valid TOML", code="recipe.toml", problems=[problem])


def _nearby(path: Path) -> str:
    folder = path.parent
    names = sorted(found.name for found in folder.glob("*.toml")) if folder.is_dir() else []
    close = nearest(path.name, names) or nearest(f"{path.name}.toml", names)
    if close:
        return f"did you mean {folder / close}?"
    shipped = ", ".join(shipped_recipes())
    there = f"{folder} holds {', '.join(names[:8])}; " if names else ""
    return f"{there}`ft recipe new NAME` copies a recipe that ships with ft: {shipped}"
