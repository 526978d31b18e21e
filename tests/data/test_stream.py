"""The stream: written, read back, found again, and refused where it must be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftcore.data.cleaning import choose_steps
from ftcore.data.portion import Portion
from ftcore.data.render_chunk import render_chunk
from ftcore.data.rows import Row, Source, content_hash
from ftcore.data.shape import Shaping
from ftcore.data.stored_stream import Stream
from ftcore.data.stream import build_stream, write_stream
from ftcore.errors import DataError
from ftcore.rendering.digests import batch_digest, row_digest
from ftcore.rendering.messages import Message
from ftcore.rendering.order import plan_order
from ftcore.rendering.renderer import Renderer

MakeRow = Callable[..., Row]
MakeRenderer = Callable[..., Renderer]
Build = Callable[..., Stream]


def rows(make_row: MakeRow, count: int) -> list[Row]:
    return [make_row(f"question {n}", "the quick fox " * (n % 5 + 1), n) for n in range(1, count)]


def read_arrow(stream: Stream, part: str) -> dict[str, list[list[int]]]:
    path = stream.path(part) / "data-00000-of-00001.arrow"
    with pa.memory_map(str(path)) as source:
        table: dict[str, list[list[int]]] = pa.ipc.open_stream(source).read_all().to_pydict()
    return table


def test_round_trip(
    tmp_path: Path, build: Build, make_row: MakeRow, make_renderer: MakeRenderer
) -> None:
    renderer = make_renderer(max_length=200)
    train, validation = rows(make_row, 8), [make_row("你好", "回答", 99)]
    stream = build({"train": train, "validation": validation}, renderer)
    table = read_arrow(stream, "train")
    expected = renderer.render_many([row.messages for row in train])
    assert table["input_ids"] == [row.input_ids.tolist() for row in expected]
    assert table["labels"] == [row.labels.tolist() for row in expected]
    assert stream.lengths("train").tolist() == [len(row.input_ids) for row in expected]
    assert stream.supervised("train").tolist() == [row.supervised for row in expected]
    assert [bytes(digest) for digest in stream.digests("train")] == [
        row_digest(row.input_ids, row.labels) for row in expected
    ]
    assert stream.tokens("train") == sum(len(row.input_ids) for row in expected)
    assert stream.supervised_tokens("train") == sum(row.supervised for row in expected)
    assert (stream.rows("train"), stream.rows("validation")) == (7, 1)
    assert stream.counts("train")["kept"] == 7
    assert [entry.row_id for entry in stream.entries("train")] == [row.row_id for row in train]
    assert stream.fingerprint == renderer.fingerprint
    assert not stream.reused


def test_the_layout_is_that_of_datasets(
    tmp_path: Path, build: Build, make_row: MakeRow, make_renderer: MakeRenderer
) -> None:
    stream = build({"train": rows(make_row, 4)}, make_renderer())
    info = json.loads((stream.path("train") / "dataset_info.json").read_text())
    state = json.loads((stream.path("train") / "state.json").read_text())
    assert info["features"]["input_ids"]["_type"] == "Sequence"
    assert state["_data_files"] == [{"filename": "data-00000-of-00001.arrow"}]
    assert state["_split"] == "train"


def test_a_second_build_is_reused(
    tmp_path: Path,
    build: Build,
    make_row: MakeRow,
    make_renderer: MakeRenderer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    parts = {"train": rows(make_row, 5)}
    first = build(parts, make_renderer(), notify=said.append)
    renderer = make_renderer()
    monkeypatch.setattr(renderer, "render_many", None)
    second = build(parts, renderer, notify=said.append)
    assert (second.reused, second.hash, second.folder) == (True, first.hash, first.folder)
    assert said == [
        "reading and rendering the rows",
        f"stream {first.hash[:12]}: reused, nothing to tokenise",
    ]


def test_the_hash_covers_rows_options_and_key(
    tmp_path: Path, build: Build, make_row: MakeRow, make_renderer: MakeRenderer
) -> None:
    parts = {"train": rows(make_row, 5)}
    hashes = {
        build(parts, make_renderer()).hash,
        build(parts, make_renderer(max_length=500)).hash,
        build({"train": rows(make_row, 6)}, make_renderer()).hash,
        build({**parts, "validation": rows(make_row, 2)}, make_renderer()).hash,
        build(parts, make_renderer(), shaping=Shaping(limit=3)).hash,
    }
    assert len(hashes) == 5
    assert build(parts, make_renderer(), cache=tmp_path / "other").hash in hashes


def test_the_hash_is_that_of_the_content(
    tmp_path: Path, build: Build, make_row: MakeRow, make_renderer: MakeRenderer
) -> None:
    """Another way to the same rows is another input, and the same stream."""
    parts = {"train": rows(make_row, 5)}
    first = build(parts, make_renderer())
    second = build(parts, make_renderer(), shaping=Shaping(limit=4))
    assert (second.hash, second.reused) == (first.hash, False)
    assert len(list((tmp_path / "streams").glob("[!.]*"))) == 1


def test_a_damaged_stream_is_built_again(
    tmp_path: Path, build: Build, make_row: MakeRow, make_renderer: MakeRenderer
) -> None:
    parts = {"train": rows(make_row, 5)}
    first = build(parts, make_renderer())
    path = first.path("train") / "lengths.npy"
    path.chmod(0o644)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="damaged"):
        Stream.load(first.folder)
    assert not build(parts, make_renderer()).reused
    with pytest.raises(DataError, match="not a complete stream"):
        Stream.load(tmp_path)


def test_expected_receipts(
    tmp_path: Path, build: Build, make_row: MakeRow, make_renderer: MakeRenderer
) -> None:
    stream = build({"train": rows(make_row, 8)}, make_renderer())
    order = plan_order(7, batch_size=2, accumulation=2, epochs=1, max_steps=None, seed=0)
    receipts = list(stream.expected_receipts(order))
    assert [receipt[:3] for receipt in receipts] == [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0)]
    table = read_arrow(stream, "train")
    digests = [
        row_digest(table["input_ids"][n], table["labels"][n]) for n in order.micro_batch(1, 0)
    ]
    assert receipts[2][3] == batch_digest(1, 0, 0, digests)
    other = plan_order(9, batch_size=2, accumulation=2, epochs=1, max_steps=None, seed=0)
    with pytest.raises(DataError, match="the order is over 9 rows"):
        list(stream.expected_receipts(other))


def test_links_share_the_bytes_and_cannot_be_written(
    tmp_path: Path, build: Build, make_row: MakeRow, make_renderer: MakeRenderer
) -> None:
    stream = build({"train": rows(make_row, 4)}, make_renderer())
    for _ in range(2):
        place = stream.link_into(tmp_path / "run")
    linked = Stream.load(place)
    assert linked.hash == stream.hash
    assert (place / "rows.jsonl").samefile(stream.folder / "rows.jsonl")
    assert (place / "rows.jsonl").stat().st_mode & 0o222 == 0


def test_overlong_rows_are_refused_by_default(
    tmp_path: Path, build: Build, make_row: MakeRow, make_renderer: MakeRenderer
) -> None:
    data = [make_row("short", "yes", 1), make_row("long " * 50, "yes", 2)]
    with pytest.raises(DataError, match=r"1 rows are longer than data\.max_length = 40") as caught:
        build({"train": data}, make_renderer(max_length=40))
    assert caught.value.problems[0].line == 2
    assert list((tmp_path / "streams").glob("[!.]*")) == []


def test_lost_rows_need_consent(
    tmp_path: Path, build: Build, make_row: MakeRow, make_renderer: MakeRenderer
) -> None:
    data = [make_row("short", "yes", 1), make_row("long " * 50, "yes", 2)]
    renderer = make_renderer(max_length=40, overlong="drop")
    account = build({"train": data}, renderer).account
    assert (account.count("train", "kept"), account.count("train", "dropped")) == (1, 1)
    account.require(0.5)
    with pytest.raises(DataError, match=r"1 of 2 train rows \(50\.00%\)") as caught:
        account.require(0.01)
    assert "data.allow_lost = 0.51" in str(caught.value.hint)
    account.write_jsonl(tmp_path / "copy.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "copy.jsonl").read_text().splitlines()]
    assert [line["status"] for line in lines] == ["kept", "dropped"]
    assert (lines[1]["reason"], lines[1]["source"]) == ("overlong", "train.jsonl:2")


def test_cut_rows_are_counted(
    tmp_path: Path, build: Build, make_row: MakeRow, make_renderer: MakeRenderer
) -> None:
    renderer = make_renderer(max_length=60, overlong="truncate_prompt")
    data = [make_row("long " * 50, "yes", 1)]
    stream = build({"train": data}, renderer)
    assert stream.counts("train")["cut"] == 1
    assert stream.lengths("train")[0] <= 60


def test_rows_without_a_label_are_refused(
    tmp_path: Path, build: Build, make_renderer: MakeRenderer, make_row: MakeRow
) -> None:
    messages = (Message("user", "q"), Message("assistant", "a", 0))
    row = Row(content_hash(messages), messages, Source("rows.jsonl", 7))
    renderer = make_renderer()
    with pytest.raises(DataError, match="1 rows cannot be rendered") as caught:
        write_stream([render_chunk(renderer, [("train", row)])], renderer, tmp_path)
    assert "no token of this row is supervised" in str(caught.value.problems[0])
    assert caught.value.problems[0].line == 7


def test_plain_text_is_learnt_whole(
    tmp_path: Path, open_rows: Callable[..., Portion], make_renderer: MakeRenderer
) -> None:
    (tmp_path / "text.jsonl").write_text('{"text": "a document"}\n')
    portion = open_rows(tmp_path, "text.jsonl")
    stream = build_stream([portion], make_renderer(), cache=tmp_path).stream
    (ids,), (labels,) = read_arrow(stream, "train").values()
    assert labels == ids == [*make_renderer().tokenizer.encode("a document").ids, 1]
    assert stream.supervised_tokens("train") == stream.tokens("train")


def test_rows_that_the_recipe_leaves_out_are_accounted_for(
    tmp_path: Path, build: Build, make_row: MakeRow, make_renderer: MakeRenderer
) -> None:
    data = rows(make_row, 4)
    steps = choose_steps([("drop_duplicates", {})])
    stream = build({"train": [data[1], *data]}, make_renderer(), shaping=Shaping(tuple(steps)))
    account = Stream.load(stream.folder).account
    assert (account.count("train", "kept"), account.count("train", "dropped")) == (3, 1)
    assert account.tally.reasons == {"drop_duplicates": 1}
    assert account.tally.asked == {"train": 1}
    assert account.tally.lost == []
    account.require(0.0)
    gone = next(entry for entry in account.entries() if entry.status == "dropped")
    assert (gone.source, gone.detail) == ("train.jsonl:3", "the same row as train.jsonl:1")
    assert [entry.row_id for entry in stream.entries("train")] == [
        row.row_id for row in (data[1], data[0], data[2])
    ]


def test_parallel_and_serial_streams_are_equal(
    tmp_path: Path,
    build: Build,
    make_row: MakeRow,
    make_renderer: MakeRenderer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = {"train": rows(make_row, 2500), "validation": rows(make_row, 30)}
    serial = build(parts, make_renderer(), cache=tmp_path / "a")
    parallel = build(parts, make_renderer(), cache=tmp_path / "b", processes=2)
    assert parallel.hash == serial.hash
    for name in ("rows.jsonl", "train/row_digests.npy", "validation/data-00000-of-00001.arrow"):
        assert (parallel.folder / name).read_bytes() == (serial.folder / name).read_bytes()
    assert read_arrow(parallel, "train") == read_arrow(serial, "train")


TEXT = st.text(min_size=1).filter(str.strip)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6))
def test_rows_in_are_kept_cut_or_dropped(
    tmp_path_factory: pytest.TempPathFactory,
    build: Build,
    make_row: MakeRow,
    make_renderer: MakeRenderer,
    texts: list[tuple[str, str]],
) -> None:
    data = [make_row(question, answer, n) for n, (question, answer) in enumerate(texts, 1)]
    renderer = make_renderer(max_length=40, overlong="truncate_prompt")
    stream = build({"train": data}, renderer, cache=tmp_path_factory.mktemp("cache"))
    counts = stream.counts("train")
    assert counts["kept"] + counts["cut"] + counts["dropped"] == len(data)
    assert counts["kept"] + counts["cut"] == counts["rows"] == len(stream.lengths("train"))
    assert len(list(stream.account.entries())) == len(data)
    assert np.all(stream.lengths("train") <= 40)
