"""Exit codes and error codes, from the exception tree and from where ft raises its errors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
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
# What is said by codes whose message is put together elsewhere; KeyError asks for another one.
MEANINGS = {
    "data.leakage": "a held-out row, its prompt or its group is in training too",
    "data.table": "a record of a CSV, TSV or Parquet file cannot be read",
    "recipe.path": "a file or folder that the recipe names is not there",
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
        rows.append((code(name), carried, numbers, _plain(use.message or MEANINGS[name]) + hint))
    return table(("code", "carried by", "exit", "says, *and suggests*"), rows)


def _plain(text: str) -> str:
    """Return text in which Markdown sees no markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("*", "\\*")


def _uses() -> dict[str, Use]:
    known = {cls.__name__ for cls in tree()}
    uses: dict[str, Use] = {}
    for cls in tree()[1:]:
        uses.setdefault(cls.default_code, Use(message=first_sentence(cls))).classes.add(
            cls.__name__
        )
    for path in sorted(SOURCE.rglob("*.py")):
        module = ast.parse(path.read_text("utf-8"))
        for name, raised, message, hint in _in_file(module):
            use = uses.setdefault(name, Use())
            use.classes |= {raised} & known
            if not use.message:
                use.message, use.hint = message, hint
    return uses


def _in_file(module: ast.Module) -> Iterator[tuple[str, str, str, str]]:
    """Yield (code, class, message, hint) for every error that is made in a file."""
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and _targets(node) == ["CODE"]:
            for name in _strings(node.value):
                yield name, "", _docstring(module), ""
        if isinstance(node, ast.FunctionDef):
            yield from _in_function(node)


def _in_function(function: ast.FunctionDef) -> Iterator[tuple[str, str, str, str]]:
    assigned = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
    assigned.sort(key=lambda node: node.lineno)
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            # What a variable was last given before the call, as far as the lines tell.
            before = [item for item in assigned if item.lineno < node.lineno]
            variables = {name: _text(item.value, {}) for item in before for name in _targets(item)}
            made, given, words = _parts(node)
            message, hint = (_text(part, variables) for part in words)
            for name in _strings(given):
                yield name, made, message, hint


def _parts(
    call: ast.Call,
) -> tuple[str, ast.expr | None, tuple[ast.expr | None, ast.expr | None]]:
    """Return what is called, its code, and its message and hint."""
    made = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    made = call.func.id if isinstance(call.func, ast.Name) else made
    if made == "problem" and len(call.args) == 4:  # place, message, fix, code
        return made, call.args[3], (call.args[1], call.args[2])
    keywords = {word.arg: word.value for word in call.keywords if word.arg}
    message = call.args[0] if call.args else keywords.get("message")
    return made, keywords.get("code"), (message, keywords.get("hint") or keywords.get("fix"))


def _targets(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def _strings(node: ast.expr | None) -> list[str]:
    """Return the codes that an expression can have the value of."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value] if CODE.fullmatch(node.value) else []
    if isinstance(node, ast.IfExp):
        return _strings(node.body) + _strings(node.orelse)
    if isinstance(node, ast.BoolOp):
        return [name for value in node.values for name in _strings(value)]
    return []


def _text(node: ast.expr | None, variables: Mapping[str, str]) -> str:
    """Return a message as its source writes it, with … where a value is filled in."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr():
            return "".join(_text(part, {}) or "…" for part in node.values)
        case ast.BinOp():
            return "".join(_text(side, {}) or "…" for side in (node.left, node.right))
        case ast.IfExp():
            return _text(node.body, variables)
        case ast.Name():
            return variables.get(node.id, "")
    return ""


def _docstring(module: ast.Module) -> str:
    return (ast.get_docstring(module) or "").split("\n\n")[0].replace("\n", " ")
