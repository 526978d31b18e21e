from __future__ import annotations

import json
import math
import types
import typing
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.errors import ProtocolViolation
from ftcore.protocol import (
    PROTOCOL_VERSION,
    Event,
    Failure,
    Job,
    Receipt,
    Result,
    Stage,
    decode,
    encode,
    finite,
    parse,
    read_message,
    write_json,
    write_message,
)

MESSAGES = (Job, Event, Receipt, Result)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(2**53), 2**53)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
RECEIPT = {"version": 1, "stage": "train", "step": 0, "micro": 1, "rank": 0, "digest": "ab"}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for a field's type."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if is_dataclass(hint):
        return messages(hint)
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([st.none() if o is type(None) else values(o) for o in inner])
    if origin is list:
        return st.lists(values(inner[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(TEXTS, values(inner[1]), max_size=2)
    return {Any: JSON, float: NUMBERS, int: INTEGERS, bool: st.booleans(), str: TEXTS}[hint]


def messages(cls: type) -> st.SearchStrategy[Any]:
    """Return a strategy for a protocol dataclass of this version."""
    hints = typing.get_type_hints(cls)
    parts = {item.name: values(hints[item.name]) for item in fields(cls)}
    if "version" in parts:
        parts["version"] = st.just(PROTOCOL_VERSION)
    return st.builds(cls, **parts)


@pytest.mark.parametrize("cls", MESSAGES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_back(cls: type, data: st.DataObject):
    message = data.draw(messages(cls))
    line = json.dumps(encode(message), ensure_ascii=False, allow_nan=False)
    # As the writers do it: half surrogate pairs leave as escapes.
    read = parse(line.encode("utf-8", "backslashreplace"))
    assert decode(cls, read) == message


@settings(max_examples=30, deadline=None)
@given(message=messages(Result))
def test_files_are_read_back(message: Result, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("result") / "result.json"
    write_message(message, path)
    assert read_message(Result, path) == message
    assert [item.name for item in path.parent.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": "0"}, "Receipt.step: expected int, found '0'"),
        ({"step": 1.0}, "Receipt.step: expected int, found 1.0"),
        ({"step": True}, "Receipt.step: expected int, found True"),
        ({"digest": None}, "Receipt.digest: expected str, found None"),
        ({"colour": "red"}, "Receipt: unknown field 'colour'"),
        ({"version": 2, "colour": "red"}, "Receipt: protocol version 2, not 1"),
        ({"version": "1"}, "Receipt: protocol version '1', not 1"),
        ({"version": True}, "Receipt.version: expected int, found True"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], message: str):
    with pytest.raises(ProtocolViolation) as caught:
        decode(Receipt, {**RECEIPT, **change})
    assert caught.value.message == message


@pytest.mark.parametrize("name", sorted(RECEIPT))
def test_a_missing_field_is_named(name: str):
    data = {key: value for key, value in RECEIPT.items() if key != name}
    with pytest.raises(ProtocolViolation, match=f"Receipt: field '{name}' is missing"):
        decode(Receipt, data)


@pytest.mark.parametrize("data", [None, [], "x", 3])
def test_only_an_object_is_a_message(data: Any):
    with pytest.raises(ProtocolViolation, match="Receipt: expected an object"):
        decode(Receipt, data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "surprise"}, "Event.type: expected one of"),
        ({"type": ["metric"]}, "Event.type: expected one of"),
        ({"time": math.nan}, "Event.time: expected a finite number, found nan"),
        ({"time": 10**400}, "Event.time: expected a finite number, found inf"),
        ({"time": None}, "Event.time: expected a number, found None"),
        ({"data": [1]}, r"Event.data: expected an object, found \[1\]"),
        ({"stage": 3}, "Event.stage: expected str, found 3"),
    ],
)
def test_a_wrong_event_is_refused(change: dict[str, Any], message: str):
    good = encode(Event(1, 0, 1.0, "metric", None, 0, {}))
    with pytest.raises(ProtocolViolation, match=message):
        decode(Event, {**good, **change})


def test_a_wrong_field_deep_inside_is_named_with_its_path(make_job):
    data = encode(make_job([Stage("train", "train", "out")]))
    data["stages"][0]["kind"] = "cook"
    with pytest.raises(ProtocolViolation, match=r"Job.stages\[0\].kind: expected one of"):
        decode(Job, data)
    data = encode(make_job())
    data["settings"]["lora"]["targets"] = ["q_proj", 3]
    with pytest.raises(ProtocolViolation, match=r"Job.settings.lora.targets\[1\]: expected str"):
        decode(Job, data)


def test_whole_numbers_are_numbers(make_job):
    data = encode(make_job())
    data["settings"]["learning_rate"] = 1
    rate = decode(Job, data).settings.learning_rate
    assert (rate, type(rate)) == (1.0, float)


def test_numbers_that_are_not_finite_become_null():
    event = Event(1, 0, 1.0, "metric", None, 0, {"loss": math.nan, "all": [math.inf, {"x": 1.5}]})
    assert encode(event)["data"] == {"loss": None, "all": [None, {"x": 1.5}]}
    assert finite({1: (math.nan,)}) == {"1": [None]}


@pytest.mark.parametrize("text", ["NaN", '{"a": Infinity}', "[-Infinity]"])
def test_constants_that_json_lacks_are_refused(text: str):
    with pytest.raises(ValueError, match="is not JSON"):
        parse(text)


@pytest.mark.parametrize("content", [None, b"", b'{"version": 1', b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_missing_or_half_is_named(content: bytes | None, tmp_path: Path):
    path = tmp_path / "result.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ProtocolViolation, match=r"result\.json cannot be read"):
        read_message(Result, path)


def test_a_failed_write_leaves_what_was_there(tmp_path: Path):
    path = tmp_path / "x.json"
    write_json({"a": 1}, path)

    class Odd:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with pytest.raises(RuntimeError):
        write_json({"a": Odd()}, path)
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_engines_odd_values_are_written_as_text(tmp_path: Path):
    write_json({"set": {"b", "a"}, "path": Path("x/y")}, tmp_path / "x.json")
    assert json.loads((tmp_path / "x.json").read_text()) == {"set": ["a", "b"], "path": "x/y"}


def test_a_reader_never_sees_half_a_file(tmp_path: Path, make_job):
    import threading

    path, job, done = tmp_path / "job.json", make_job(), threading.Event()
    write_message(job, path)

    def write() -> None:
        for number in range(200):
            write_message(replace(job, run=f"{number}" * 50), path)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        read_message(Job, path)
    writer.join()


def test_a_failure_keeps_code_and_hint():
    failure = Failure("expected", "train", "DataError", "m", "h", "data.x")
    result = Result(1, "failed", {}, {}, failure)
    assert decode(Result, encode(result)).failure == failure
