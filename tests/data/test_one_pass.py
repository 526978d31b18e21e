"""One pass from files to the stream gives what reading, shaping and rendering one by one give."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftcore.data import blocks
from ftcore.data.account import LeftOut
from ftcore.data.cleaning import choose_steps
from ftcore.data.formats import FormatOptions
from ftcore.data.portion import Portion
from ftcore.data.read import read_rows
from ftcore.data.shape import Shaper, Shaping
from ftcore.data.split import SplitOptions, limit_rows
from ftcore.data.stream import Built, build_stream
from ftcore.errors import DataError
from ftcore.rendering.digests import row_digest
from ftcore.rendering.renderer import Renderer

MakeRenderer = Callable[..., Renderer]
OpenRows = Callable[..., Portion]
SPLIT = SplitOptions(validation=0.2, test=0.1, seed=4)
STEPS = tuple(
    choose_steps(
        [
            ("normalise_whitespace", {}),
            ("drop_duplicates", {}),
            ("noise", {"share": 0.3, "rate": 0.3}),
            ("length_limits", {"max_prompt": 60}),
        ]
    )
)
SHAPINGS = {
    "split": Shaping(split=SPLIT),
    "group": Shaping(split=SplitOptions(test=0.2, validation=0.2, group="kind")),
    "cleaning": Shaping(steps=STEPS, split=SPLIT),
    "weights": Shaping(split=SPLIT, weights={"a.jsonl": 1.5, "b.jsonl.gz": 0.4}),
    "limit": Shaping(split=SPLIT, limit=40),
    "all": Shaping(STEPS, SPLIT, {"a.jsonl": 2.5}, 70),
}


def write_data(folder: Path, count: int = 300) -> list[str]:
    def line(n: int) -> str:
        turns = [
            {"role": "user", "content": f"question  {n % (count - 20)} 问题"},
            {"role": "assistant", "content": "the quick fox " * (n % 4 + 1)},
        ]
        row = {"messages": turns, "n": n, "kind": f"k{n % 11}"}
        return json.dumps(row, ensure_ascii=False) + "\n"

    half = count // 2
    (folder / "a.jsonl").write_text("".join(map(line, range(half))) + "\n", encoding="utf-8")
    data = "".join(map(line, range(half, count))).encode()
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(data))
    return ["a.jsonl", "b.jsonl.gz"]


@pytest.fixture
def build_files(tmp_path: Path, open_rows: OpenRows) -> Callable[..., Built]:
    """A function from sources, renderer and options to what was built."""

    def make(sources: list[str], renderer: Renderer, cache: str = "cache", **options: Any) -> Built:
        portions = [open_rows(tmp_path, *sources)]
        return build_stream(portions, renderer, cache=tmp_path / cache, **options)

    return make


@pytest.mark.parametrize("name", SHAPINGS)
def test_it_equals_going_through_memory(
    tmp_path: Path,
    build_files: Callable[..., Built],
    make_renderer: MakeRenderer,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 4000)
    sources, renderer = write_data(tmp_path), make_renderer(max_length=200)
    shaping = SHAPINGS[name]
    built = build_files(sources, renderer, shaping=shaping, processes=2)
    report = read_rows(sources, base=tmp_path, format="auto", options=FormatOptions())
    items = list(Shaper(shaping).run(report.rows))
    assert built.found.counts["train"] == report.counts
    assert built.found.counts["train"]["blank_lines"] == 1
    parts: dict[str, list[Any]] = {"train": [], "validation": [], "test": []}
    for item in items:
        if not isinstance(item, LeftOut):
            parts[item[0]].append(item[1])
    assert built.found.test == parts["test"]
    for part in ("train", "validation"):
        rendered = renderer.render_many([row.messages for row in parts[part]])
        digests = [row_digest(row.input_ids, row.labels) for row in rendered]
        assert [bytes(digest) for digest in built.stream.digests(part)] == digests
        assert [entry.row_id for entry in built.stream.entries(part)] == [
            row.row_id for row in parts[part]
        ]
    left_out = [item.entry() for item in items if isinstance(item, LeftOut)]
    dropped = [entry for entry in built.stream.account.entries() if entry.status == "dropped"]
    assert sorted(dropped, key=str) == sorted(left_out, key=str)
    if name in ("split", "group"):
        assert any("-2" in entry.row_id for entry in built.stream.entries("train"))


@pytest.mark.parametrize("name", SHAPINGS)
def test_processes_and_blocks_make_no_difference(
    tmp_path: Path,
    build_files: Callable[..., Built],
    make_renderer: MakeRenderer,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    sources, renderer = write_data(tmp_path), make_renderer(max_length=200)
    one = build_files(sources, renderer, "one", shaping=SHAPINGS[name])
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 3000)
    two = build_files(sources, renderer, "two", shaping=SHAPINGS[name], processes=2)
    assert (one.stream.hash, one.found) == (two.stream.hash, two.found)
    for file in ("rows.jsonl", "stream.json", "train/row_digests.npy", "validation/lengths.npy"):
        first, second = (built.stream.folder / file for built in (one, two))
        assert first.read_bytes() == second.read_bytes() or file == "stream.json"
    assert one.stream.account.tally == two.stream.account.tally


def test_both_ways_give_one_stream(
    tmp_path: Path, build_files: Callable[..., Built], make_renderer: MakeRenderer
) -> None:
    """Rows that pass one by one only because of a limit that leaves nothing out."""
    sources, renderer = write_data(tmp_path), make_renderer(max_length=200)
    by_block = build_files(sources, renderer, shaping=Shaping(split=SPLIT))
    one_by_one = build_files(sources, renderer, shaping=Shaping(split=SPLIT, limit=10_000))
    assert one_by_one.stream.hash == by_block.stream.hash
    assert one_by_one.stream.folder == by_block.stream.folder
    assert one_by_one.found == by_block.found


def test_a_limit_takes_the_first_in_hash_order(
    tmp_path: Path, build_files: Callable[..., Built], make_renderer: MakeRenderer
) -> None:
    sources, renderer = write_data(tmp_path), make_renderer(max_length=200)
    built = build_files(sources, renderer, shaping=Shaping(limit=25))
    rows = read_rows(sources, base=tmp_path, format="auto", options=FormatOptions()).rows
    wanted = [row.row_id for row in limit_rows(rows, 25)]
    assert [entry.row_id for entry in built.stream.entries("train")] == wanted
    assert built.stream.account.tally.asked == {"train": 275}


@pytest.mark.parametrize("name", ["split", "all"])
def test_the_second_time_nothing_is_read(
    tmp_path: Path, build_files: Callable[..., Built], make_renderer: MakeRenderer, name: str
) -> None:
    sources = write_data(tmp_path, 60)
    first = build_files(sources, make_renderer(), shaping=SHAPINGS[name])
    second = build_files(sources, make_renderer(), shaping=SHAPINGS[name])
    assert (first.stream.reused, second.stream.reused) == (False, True)
    assert second.found == first.found
    (tmp_path / "a.jsonl").write_text((tmp_path / "a.jsonl").read_text("utf-8") + "\n", "utf-8")
    third = build_files(sources, make_renderer(), shaping=SHAPINGS[name])
    assert (third.stream.reused, third.stream.hash) == (False, first.stream.hash)


def test_problems_come_with_their_place(
    tmp_path: Path, build_files: Callable[..., Built], make_renderer: MakeRenderer
) -> None:
    write_data(tmp_path, 60)
    path = tmp_path / "a.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + "{\n", encoding="utf-8")
    for shaping in (Shaping(), Shaping(limit=3)):
        with pytest.raises(DataError, match="1 of 31 records cannot be used") as caught:
            build_files(["a.jsonl"], make_renderer(), shaping=shaping)
        assert caught.value.problems[0].line == 32
    assert list((tmp_path / "cache" / "streams").glob("[!.]*")) == []


def test_a_part_that_comes_out_empty_is_refused(
    tmp_path: Path, build_files: Callable[..., Built], make_renderer: MakeRenderer
) -> None:
    write_data(tmp_path, 60)
    shaping = Shaping(split=SplitOptions(validation=1e-6))
    with pytest.raises(DataError, match="leaves the validation part empty"):
        build_files(["a.jsonl"], make_renderer(), shaping=shaping)


def test_documents(
    tmp_path: Path, build_files: Callable[..., Built], make_renderer: MakeRenderer
) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a document"}\n' * 40)
    stream = build_files(["a.jsonl"], make_renderer()).stream
    assert stream.tokens("train") == stream.supervised_tokens("train") > 0


def test_an_empty_file_is_told(
    tmp_path: Path, build_files: Callable[..., Built], make_renderer: MakeRenderer
) -> None:
    write_data(tmp_path, 60)
    (tmp_path / "c.jsonl").write_text("")
    found = build_files(["a.jsonl", "c.jsonl"], make_renderer()).found
    assert [str(warning) for warning in found.warnings] == ["c.jsonl: the file holds no record"]


def test_rows_that_are_split_off_may_leak(
    tmp_path: Path, build_files: Callable[..., Built], make_renderer: MakeRenderer
) -> None:
    rows = [{"prompt": f"question {n // 2}", "completion": f"answer {n}"} for n in range(200)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    by_row = build_files(["a.jsonl"], make_renderer(), shaping=Shaping(split=SPLIT)).found
    one_by_one = Shaping(split=SPLIT, limit=10_000)
    assert build_files(["a.jsonl"], make_renderer(), shaping=one_by_one).found == by_row
    told = [str(warning) for warning in by_row.warnings]
    assert told
    assert all("its prompt is also in training (a.jsonl:" in text for text in told)


class EmptyPart(Exception):
    """The draw leaves a part without rows, which is refused."""


TEXT = st.text(min_size=1, max_size=12).filter(str.strip)
ROWS = st.lists(st.tuples(TEXT, TEXT, st.sampled_from("xyz")), min_size=1, max_size=12)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS, more=ROWS, seed=st.integers(0, 5))
def test_every_row_is_accounted_for_and_rows_added_move_no_other(
    tmp_path_factory: pytest.TempPathFactory,
    open_rows: OpenRows,
    make_renderer: MakeRenderer,
    rows: list[tuple[str, str, str]],
    more: list[tuple[str, str, str]],
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("rows")

    def parts(name: str, items: list[tuple[str, str, str]], group: str | None) -> dict[int, str]:
        lines = [
            json.dumps({"prompt": asked, "completion": answer, "kind": kind})
            for asked, answer, kind in items
        ]
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
        shaping = Shaping(split=SplitOptions(0.3, 0.2, group, seed=seed))
        renderer = make_renderer(max_length=30, overlong="truncate_prompt")
        try:
            built = build_stream([open_rows(folder, name)], renderer, shaping=shaping, cache=folder)
        except DataError as error:
            if error.code == "data.split.empty":
                raise EmptyPart from error
            raise
        found = {row.source.line: "test" for row in built.found.test}
        for entry in built.stream.account.entries():
            found[int(entry.source.rpartition(":")[2])] = entry.part
        assert sorted(found) == list(range(1, len(items) + 1))
        return found

    with contextlib.suppress(EmptyPart):
        for group in (None, "kind"):
            before, after = (parts("a.jsonl", given, group) for given in (rows, [*rows, *more]))
            assert before == {line: part for line, part in after.items() if line in before}
