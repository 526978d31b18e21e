"""Exit codes and error codes, from the exception tree and from where ft raises its errors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from docs_parts.text import code, first_sentence, table

from ftcore import errors

SOURCE = Path(errors.__file__).parent
CODE = re.compile(r"[a-z]+(?:[.-][a-z-]+)*")
OUTSIDE = {
    errors.EXIT_OK: ("success", ""),
    errors.EXIT_BUG: ("a bug in ft", "a report file is written; its path is shown"),
    errors.EXIT_INTERRUPTED: ("Ctrl-C", "the run is kept as `interrupted`"),
    errors.EXIT_TERMINATED: ("SIGTERM", "the run is kept as `interrupted`"),
}


@dataclass
class Use:
    """One error code: the classes that carry it, and what the first of them says."""

    classes: set[str] = field(default_factory=set)
    message: str = ""
    hint: str = ""


def tree() -> list[type[errors.FtError]]:
    """Return every error class, a parent before its children."""
    found: list[type[errors.FtError]] = []

    def walk(cls: type[errors.FtError]) -> None:
        found.append(cls)
        for child in cls.__subclasses__():
            if child.__module__ == errors.__name__:
                walk(child)

    walk(errors.FtError)
    return found


def exit_codes() -> str:
    """Return every exit code with the errors behind it."""
    rows = [(number, code(str(number)), *words) for number, words in OUTSIDE.items()]
    for cls in tree()[1:]:
        words = (code(cls.__name__), first_sentence(cls))
        rows.append((cls.exit_code, code(str(cls.exit_code)), *words))
    rows.sort(key=lambda row: row[0])
    return table(("exit", "error", "what happened"), [row[1:] for row in rows])


def codes() -> str:
    """Return every stable error code with its class and what it says."""
    uses = dict(sorted(_uses().items()))
    exits = {cls.__name__: cls.exit_code for cls in tree()}
    rows = []
    for name, use in uses.items():
        classes = sorted(use.classes)
        carried = ", ".join(code(cls) for cls in classes) or "a problem in an error's list"
        numbers = ", ".join(sorted({str(exits[cls]) for cls in classes}))
        hint = f" *{_plain(use.hint)}*" if use.hint else ""
        rows.append((code(name), carried, numbers, _plain(use.message) + hint))
    return table(("code", "carried by", "exit", "says, *and suggests*"), rows)


def _plain(text: str) -> str:
    """Return text in which Markdown sees no markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("*", "\\*")


def _uses() -> dict[str, Use]:
    known = {cls.__name__ for cls in tree()}
    uses: dict[str, Use] = {}
    for cls in tree()[1:]:
        uses.setdefault(cls.default_code, Use(message=first_sentence(cls))).classes.add(cls.__name__)
    for path in sorted(SOURCE.rglob("*.py")):
        for name, raised, message, hint in _in_file(ast.parse(path.read_text("utf-8"))):
            use = uses.setdefault(name, Use())
            use.classes |= {raised} & known
            use.message, use.hint = use.message or message, use.hint or hint
    return uses


def _in_file(module: ast.Module) -> Iterator[tuple[str, str, str, str]]:
    """Yield (code, class, message, hint) for every error that is made in a file."""
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and _targets(node) == ["CODE"]:
            for name in _strings(node.value):
                yield name, "", _docstring(module), ""
        if isinstance(node, ast.Call):
            keywords = {word.arg: word.value for word in node.keywords if word.arg}
            given = keywords.get("code")
            called = _called(node)
            if given is None and called == "problem" and len(node.args) == 4:
                given = node.args[3]
                keywords["hint"] = node.args[2]
                message = _text(node.args[1])
            else:
                message = _text(node.args[0]) if node.args else ""
            hint = _text(keywords.get("hint") or keywords.get("fix"))
            for name in _strings(given):
                yield name, called, message, hint


def _targets(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _strings(node: ast.expr | None) -> list[str]:
    """Return the codes that an expression can have the value of."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value] if CODE.fullmatch(node.value) else []
    if isinstance(node, ast.IfExp):
        return _strings(node.body) + _strings(node.orelse)
    if isinstance(node, ast.BoolOp):
        return [name for value in node.values for name in _strings(value)]
    return []


def _text(node: ast.expr | None) -> str:
    """Return a message as its source writes it, with … where a value is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            part.value if isinstance(part, ast.Constant) else "…"  # type: ignore[misc]
            for part in node.values
        )
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.IfExp):
        return _text(node.body)
    return ""


def _docstring(module: ast.Module) -> str:
    return (ast.get_docstring(module) or "").split("\n\n")[0].replace("\n", " ")
