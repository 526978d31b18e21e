"""How protocol messages become JSON and back: strict, finite, whole files only.

Decoding refuses a missing, unknown or wrongly typed field with a `ProtocolViolation` that names it.
"""

from __future__ import annotations

import json
import math
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from ftcore.errors import ProtocolViolation

PROTOCOL_VERSION = 1

T = TypeVar("T")


def encode(message: Any) -> dict[str, Any]:
    """Return a protocol dataclass as JSON-ready data; non-finite numbers become None."""
    return typing.cast(dict[str, Any], finite(asdict(message)))


def finite(value: Any) -> Any:
    """Replace NaN and infinities by None, everywhere inside ``value``: JSON has none."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def decode(cls: type[T], data: Any, where: str = "") -> T:
    """Build a protocol dataclass from parsed JSON.

    Raises `ProtocolViolation` for a missing, unknown or wrongly typed field, a number that is not
    finite, or a version that this ftcore does not speak.
    """
    where = where or cls.__name__
    if not isinstance(data, Mapping):
        raise ProtocolViolation(f"{where}: expected an object, found {type(data).__name__}")
    hints, required = _fields(cls)  # type: ignore[arg-type]  # classes are hashable
    version = data.get("version", PROTOCOL_VERSION)
    # First, since another version may well have other fields.
    if "version" in hints and version != PROTOCOL_VERSION:
        raise ProtocolViolation(f"{where}: protocol version {version!r}, not {PROTOCOL_VERSION}")
    unknown = sorted(set(data) - set(hints))
    if unknown:
        raise ProtocolViolation(f"{where}: unknown field {unknown[0]!r}")
    missing = sorted(required - set(data))
    if missing:
        raise ProtocolViolation(f"{where}: field {missing[0]!r} is missing")
    return cls(**{n: _value(hints[n], item, f"{where}.{n}") for n, item in data.items()})


@cache
def _fields(cls: type) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the fields of a dataclass with their types, and which of them have no default."""
    hints = typing.get_type_hints(cls)
    known = fields(cls)
    required = {f.name for f in known if f.default is MISSING and f.default_factory is MISSING}
    return {f.name: hints[f.name] for f in known}, frozenset(required)


def _value(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if hint is Any:
        return value
    if is_dataclass(hint):
        return decode(hint, value, where)  # type: ignore[arg-type]
    if origin is Literal:
        return _checked(value in typing.get_args(hint), value, where, _one_of(hint))
    if origin in (typing.Union, types.UnionType):
        return _union(hint, value, where)
    if origin is list:
        _checked(isinstance(value, list), value, where, "a list")
        (inner,) = typing.get_args(hint)
        return [_value(inner, item, f"{where}[{index}]") for index, item in enumerate(value)]
    if origin is dict:
        _checked(isinstance(value, Mapping), value, where, "an object")
        inner = typing.get_args(hint)[1]
        return {key: _value(inner, item, f"{where}.{key}") for key, item in value.items()}
    if hint is float:
        return _number(value, where)
    good = isinstance(value, hint) and not (hint is int and isinstance(value, bool))
    return _checked(good, value, where, hint.__name__)


def _one_of(hint: Any) -> str:
    return "one of " + ", ".join(typing.get_args(hint))


def _number(value: Any, where: str) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    _checked(good, value, where, "a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return float(_checked(math.isfinite(number), number, where, "a finite number"))


def _union(hint: Any, value: Any, where: str) -> Any:
    options = typing.get_args(hint)
    if value is None:
        return _checked(type(None) in options, value, where, "a value")
    (inner,) = [option for option in options if option is not type(None)]
    return _value(inner, value, where)


def _checked(good: bool, value: Any, where: str, expected: str) -> Any:
    if not good:
        raise ProtocolViolation(f"{where}: expected {expected}, found {value!r}"[:400])
    return value


def plain(value: Any) -> Any:
    """Return JSON-ready data for what engines keep in their configurations: sets, paths, enums."""
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return str(value)


def parse(text: str | bytes) -> Any:
    """Parse JSON; ValueError also for ``NaN`` and ``Infinity``, which are none."""
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def read_message(cls: type[T], path: Path) -> T:
    """Read one protocol file; `ProtocolViolation` when it is missing, not JSON or not valid."""
    try:
        data = parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ProtocolViolation(f"{path.name} cannot be read: {error}") from error
    return decode(cls, data)


def write_message(message: Any, path: Path) -> None:
    """Write one protocol file by atomic rename, so that a reader never sees half of it."""
    write_json(encode(message), path)


def write_json(data: Any, path: Path) -> None:
    """Write JSON by atomic rename; non-finite numbers become null."""
    text = json.dumps(finite(data), ensure_ascii=False, indent=2, allow_nan=False, default=plain)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        # Half a surrogate pair, as in a file's name, has no UTF-8; the escape is valid JSON.
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
