"""The one-pass path from files gives what reading, splitting and building give."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ftcore.data import blocks
from ftcore.data.file_stream import FileStream, build_stream_from_files
from ftcore.data.formats import FormatOptions
from ftcore.data.read import read_rows
from ftcore.data.split import SplitOptions, split_rows
from ftcore.data.stream import build_stream
from ftcore.errors import DataError
from ftcore.rendering.renderer import Renderer

MakeRenderer = Callable[..., Renderer]
SPLIT = SplitOptions(validation=0.2, test=0.1, seed=4)


def write_data(folder: Path, count: int = 300) -> list[str]:
    def line(n: int) -> str:
        turns = [
            {"role": "user", "content": f"question {n % (count - 20)} 问题"},
            {"role": "assistant", "content": "the quick fox " * (n % 4 + 1)},
        ]
        return json.dumps({"messages": turns, "n": n}, ensure_ascii=False) + "\n"

    half = count // 2
    (folder / "a.jsonl").write_text("".join(map(line, range(half))) + "\n", encoding="utf-8")
    data = "".join(map(line, range(half, count))).encode()
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(data))
    return ["a.jsonl", "b.jsonl.gz"]


def build(folder: Path, sources: list[str], renderer: Renderer) -> FileStream:
    return build_stream_from_files(
        sources,
        renderer,
        base=folder,
        format="auto",
        options=FormatOptions(),
        split=SPLIT,
        cache=folder / "cache",
        processes=2,
    )


def test_it_equals_the_path_through_memory(
    tmp_path: Path, make_renderer: MakeRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 4000)
    sources, renderer = write_data(tmp_path), make_renderer(max_length=200)
    found = build(tmp_path, sources, renderer)
    report = read_rows(sources, base=tmp_path, format="auto", options=FormatOptions())
    split = split_rows(report.rows, validation=0.2, test=0.1, seed=4)
    parts = {"train": split.train, "validation": split.validation}
    stream = build_stream(parts, renderer, cache=tmp_path / "other")
    assert found.counts == report.counts
    assert found.counts["blank_lines"] == 1
    assert found.test == split.test
    for part in parts:
        assert found.stream.counts(part) == stream.counts(part)
        assert (found.stream.digests(part) == stream.digests(part)).all()
        assert list(found.stream.entries(part)) == list(stream.entries(part))
    assert any("-2" in entry.row_id for entry in stream.entries("train"))


def test_the_second_time_nothing_is_read(tmp_path: Path, make_renderer: MakeRenderer) -> None:
    sources = write_data(tmp_path, 60)
    first = build(tmp_path, sources, make_renderer())
    second = build(tmp_path, sources, make_renderer())
    assert (first.stream.reused, second.stream.reused) == (False, True)
    assert (second.test, second.counts) == (first.test, first.counts)


def test_problems_come_with_their_place(tmp_path: Path, make_renderer: MakeRenderer) -> None:
    write_data(tmp_path, 60)
    path = tmp_path / "a.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + "{\n", encoding="utf-8")
    with pytest.raises(DataError, match="1 of 31 records cannot be used") as caught:
        build(tmp_path, ["a.jsonl"], make_renderer())
    assert caught.value.problems[0].line == 32
    assert list((tmp_path / "cache" / "streams").glob("[!.]*")) == []


def test_documents(tmp_path: Path, make_renderer: MakeRenderer) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a document"}\n' * 40)
    found = build(tmp_path, ["a.jsonl"], make_renderer())
    tokens = [found.stream.tokens(part) for part in found.stream.parts]
    assert tokens == [found.stream.supervised_tokens(part) for part in found.stream.parts]


def test_an_empty_file_is_told(tmp_path: Path, make_renderer: MakeRenderer) -> None:
    write_data(tmp_path, 60)
    (tmp_path / "c.jsonl").write_text("")
    found = build(tmp_path, ["a.jsonl", "c.jsonl"], make_renderer())
    assert [str(warning) for warning in found.warnings] == ["c.jsonl: the file holds no record"]


def test_weights_are_refused(tmp_path: Path, make_renderer: MakeRenderer) -> None:
    write_data(tmp_path, 60)
    with pytest.raises(DataError, match=r"a\.jsonl has a weight"):
        build_stream_from_files(
            [("a.jsonl", 2.0)],
            make_renderer(),
            base=tmp_path,
            format="auto",
            options=FormatOptions(),
            cache=tmp_path,
        )
