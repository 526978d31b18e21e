"""Pieces that several readers share: typed access to columns, lists of turns, histories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ftcore.data.formats.base import Record, RowProblem
from ftcore.data.strict_json import DECODER
from ftcore.rendering.messages import Message, Role

ROLES: tuple[str, ...] = ("system", "user", "assistant", "tool")
ROLE_NAMES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "tool": "tool",
    "observation": "tool",
}
TYPE_NAMES = {
    "str": "text",
    "int": "a number",
    "float": "a number",
    "bool": "true/false",
    "list": "a list",
    "dict": "an object",
    "NoneType": "null",
}


def kind(value: object) -> str:
    """Name the type of a JSON value in a reader's words."""
    return TYPE_NAMES.get(type(value).__name__, type(value).__name__)


def required_text(record: Record, name: str) -> str:
    """Return a text column that must be there; `RowProblem` otherwise."""
    if name not in record:
        found = ", ".join(map(repr, list(record)[:8])) or "no column"
        raise RowProblem(
            name,
            f"missing; the record has {found}",
            f'add {name!r}, or map it: [data.columns] {name} = "your column"',
        )
    return as_text(record[name], name)


def optional_text(record: Record, name: str) -> str:
    """Return a text column, or an empty text where it is absent or null."""
    value = record.get(name)
    return "" if value is None else as_text(value, name)


def as_text(value: object, where: str) -> str:
    """Return ``value`` if it is text; `RowProblem` otherwise."""
    if isinstance(value, str):
        return value
    raise RowProblem(where, f"expected text, found {kind(value)}", "write it as a JSON string")


def as_list(value: object, where: str) -> list[Any]:
    """Return a list, also one that a table holds as JSON text; `RowProblem` otherwise."""
    if isinstance(value, list):
        return value
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            parsed = DECODER.decode(value)
        except (ValueError, RecursionError) as error:
            raise RowProblem(
                where, f"the text is not a JSON list: {error}", "write a JSON list"
            ) from None
        if isinstance(parsed, list):
            return parsed
    raise RowProblem(where, f"expected a list, found {kind(value)}", "write a JSON list")


def looks_like_list(value: object) -> bool:
    """Tell whether ``value`` is a list, or JSON text of one (as a table holds it)."""
    return isinstance(value, list) or (isinstance(value, str) and value.lstrip()[:1] == "[")


def plain_turns(value: object, where: str) -> Iterable[Message]:
    """Read a list of ``{"role", "content"}`` turns, with an optional ``weight`` of 0 or 1."""
    for index, turn in enumerate(as_list(value, where)):
        yield one_turn(turn, f"{where}[{index}]", "role", "content")


def one_turn(turn: object, where: str, role_key: str, content_key: str) -> Message:
    """Read one turn; unknown keys are a problem, since what they say would be lost."""
    if not isinstance(turn, Mapping):
        raise RowProblem(where, f"expected an object, found {kind(turn)}", _shape(role_key))
    for key in (role_key, content_key):
        if key not in turn:
            raise RowProblem(f"{where}.{key}", "missing", _shape(role_key))
    if len(turn) > 2:
        _refuse_unknown(turn, where, (role_key, content_key, "weight"))
    role = as_role(turn[role_key], f"{where}.{role_key}")
    content = turn[content_key]
    if type(content) is not str:
        content = as_text(content, f"{where}.{content_key}")
    weight = turn.get("weight")
    return Message(role, content, 1 if weight is None else as_weight(weight, f"{where}.weight"))


def as_role(value: object, where: str) -> Role:
    """Return the role that ``value`` names; `RowProblem` for an unknown one."""
    role = ROLE_NAMES.get(value) if isinstance(value, str) else None
    if role is None:
        raise RowProblem(
            where,
            f"unknown role {value!r}; known are {', '.join(ROLE_NAMES)}",
            "use system, user, assistant or tool",
        )
    return role


def as_weight(value: object, where: str) -> int:
    """Return a weight of 0 or 1; `RowProblem` otherwise."""
    if value in (0, 1) and not isinstance(value, bool):
        return int(value)
    raise RowProblem(where, f"expected 0 or 1, found {value!r}", "use 0 (context) or 1 (learn)")


def history_turns(record: Record, name: str = "history") -> Iterable[Message]:
    """Read earlier exchanges: a list of ``[user, assistant]`` pairs; absent, null or "" is none."""
    value = record.get(name)
    if value is None or value == "":
        return
    for index, pair in enumerate(as_list(value, name)):
        where = f"{name}[{index}]"
        if not isinstance(pair, list) or len(pair) != 2:
            found = f"a list of {len(pair)}" if isinstance(pair, list) else kind(pair)
            raise RowProblem(
                where, f"expected a pair of texts, found {found}", "write [question, answer]"
            )
        yield Message("user", as_text(pair[0], f"{where}[0]"))
        yield Message("assistant", as_text(pair[1], f"{where}[1]"))


def system_turn(record: Record, name: str = "system") -> Iterable[Message]:
    """Yield the system prompt of a column, where there is one."""
    text = optional_text(record, name)
    if text:
        yield Message("system", text)


def _refuse_unknown(turn: Mapping[str, Any], where: str, known: tuple[str, ...]) -> None:
    for key, value in turn.items():
        if key not in known and value is not None:
            raise RowProblem(
                f"{where}.{key}",
                f"a turn has no place for {key!r}; it would be lost",
                f"remove it, or write it into the content; known keys: {', '.join(known)}",
            )


def _shape(role_key: str) -> str:
    if role_key == "from":
        return 'write {"from": "human", "value": "..."}'
    return 'write {"role": "user", "content": "..."}'
