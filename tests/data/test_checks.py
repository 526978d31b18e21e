"""`ft data check`: what it counts, what it warns of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ftcore.data.check_report import KEPT_PROBLEMS
from ftcore.data.checks import CheckReport, Lengths, LookFor, check, inspect
from ftcore.data.cleaning import choose_steps
from ftcore.data.portion import Portion
from ftcore.data.private import find_private
from ftcore.data.scripts import main_script
from ftcore.data.shape import Shaping
from ftcore.data.split import SplitOptions
from ftcore.errors import GateFailed
from ftcore.rendering.renderer import Renderer


def write(path: Path, *pairs: tuple[str, str], **fields: str) -> None:
    lines = [json.dumps({"query": q, "response": a, **fields}) + "\n" for q, a in pairs]
    path.write_text("".join(lines))


def messages(report: CheckReport) -> list[str]:
    return [f"{problem.place()}: {problem.message}" for problem in report.warnings]


def test_duplicates_contradictions_and_leakage(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", ("a", "1"), ("b", "2"), ("a", "1"), (" b ", "3"), db="x")
    write(tmp_path / "test.jsonl", ("a", "1"), ("c", "1"), db="x")
    report = check("train.jsonl", base=tmp_path, test="test.jsonl", look_for=LookFor(group="db"))
    assert messages(report) == [
        "train.jsonl:3: the same row as train.jsonl:1",
        "train.jsonl:4: another answer to the prompt of train.jsonl:2",
        "test.jsonl:1: the row is also in training (train.jsonl:1)",
        "test.jsonl:1 db: db 'x' is also in training (train.jsonl:1)",
    ]
    assert report.ok
    assert (report.counts["duplicates"], report.counts["contradictions"]) == (1, 1)
    assert report.roles == {"user": 4, "assistant": 4}
    assert report.characters == Lengths(2, 2.0, pytest.approx(3.7), 4, 10)


def test_the_same_question_under_another_system_prompt_is_no_contradiction(tmp_path: Path) -> None:
    lines = [{"query": "a", "response": str(n), "system": f"s{n}"} for n in range(2)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert check("a.jsonl", base=tmp_path).warnings == []


def test_problems_fail_the_gate_and_go_to_a_file(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", ("a", "1"), ("b", " "), ("c\x07", "x"), ("d\ud800", "x"))
    with (tmp_path / "problems.jsonl").open("w", errors="backslashreplace") as sink:
        report = check("a.jsonl", base=tmp_path, sink=sink)
    assert not report.ok
    with pytest.raises(GateFailed, match="2 records cannot be used") as caught:
        report.require()
    assert caught.value.exit_code == 7
    lines = [json.loads(line) for line in (tmp_path / "problems.jsonl").read_text().splitlines()]
    assert [(line["level"], line["line"]) for line in lines] == [
        ("problem", 2),
        ("warning", 3),
        ("problem", 4),
    ]
    assert json.dumps(report.to_json())


def test_the_first_problems_are_kept_and_all_are_counted_and_written(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", ("a", "1"), *[("b", "1")] * 1500)
    (tmp_path / "b.jsonl").write_text("broken\n" * 1500)
    with (tmp_path / "all.jsonl").open("w") as sink:
        report = check(["a.jsonl", "b.jsonl"], base=tmp_path, format="query_response", sink=sink)
    assert (report.problem_count, report.warning_count) == (1500, 1499)
    assert len(report.problems) == len(report.warnings) == KEPT_PROBLEMS
    assert (tmp_path / "all.jsonl").read_text().count("\n") == 2999


STEPS = tuple(choose_steps([("normalise_whitespace", {}), ("strip_control_characters", {})]))


def test_rows_are_looked_at_as_training_sees_them(
    tmp_path: Path, open_rows: Callable[..., Portion]
) -> None:
    write(tmp_path / "a.jsonl", ("a  b", "1"), ("a b", "1"), ("c\x07", "1"), ("d", "1\x02"))
    portions = {"train": open_rows(tmp_path, "a.jsonl")}
    steps = choose_steps([("strip_control_characters", {"roles": ["user"]})])
    found = inspect(portions, shaping=Shaping(tuple(steps))).parts["train"]
    assert messages(found) == ["a.jsonl:4 messages[1]: control character U+0002 at character 2"]
    found = inspect(portions, shaping=Shaping(STEPS)).parts["train"]
    assert messages(found) == ["a.jsonl:2: the same row as a.jsonl:1"]
    assert [str(count) for count in found.shaping] == [
        "normalise_whitespace: 1 changed (4 rows)",
        "strip_control_characters: 2 changed (4 rows)",
    ]
    dropped = Shaping((*STEPS, *choose_steps([("drop_duplicates", {})])))
    found = inspect(portions, shaping=dropped).parts["train"]
    assert messages(found) == []
    assert (found.counts["records"], found.counts["rows"]) == (4, 3)


def test_rows_that_a_weight_repeats_are_no_duplicates(
    tmp_path: Path, open_rows: Callable[..., Portion]
) -> None:
    write(tmp_path / "a.jsonl", ("a", "1"), ("b", "2"))
    portions = {"train": open_rows(tmp_path, "a.jsonl")}
    found = inspect(portions, shaping=Shaping(weights={"a.jsonl": 3.0})).parts["train"]
    assert (found.counts["rows"], found.warnings) == (6, [])


def test_rows_that_are_split_off_are_parts_and_may_leak(
    tmp_path: Path, open_rows: Callable[..., Portion]
) -> None:
    long = "which of the cities by the river is the capital of the whole country and its islands"
    near = [(f"{long}, number {n % 7}{'?' * (n // 7)}", f"{n}") for n in range(42)]
    write(tmp_path / "a.jsonl", *((f"q{n // 2}", f"{n}") for n in range(60)), *near, db="x")
    write(tmp_path / "v.jsonl", ("q0", "0"))
    portions = {
        "train": open_rows(tmp_path, "a.jsonl"),
        "validation": open_rows(tmp_path, "v.jsonl", part="validation"),
    }
    split = SplitOptions(validation=0.2, test=0.2, seed=2)
    found = inspect(portions, LookFor(near=0.8, group="db"), shaping=Shaping(split=split))
    parts = found.parts
    assert list(parts) == ["train", "validation", "test"]
    assert sum(report.counts["rows"] for report in parts.values()) == 103
    assert len(found.test) == parts["test"].counts["rows"]
    assert parts["validation"].counts["records"] == 1
    assert parts["train"].leakage is None
    for name in ("validation", "test"):
        leakage = parts[name].leakage
        assert leakage is not None
        assert leakage.same_prompt > 0
        assert leakage.near_prompt
        assert leakage.same_group == 1
        assert all(problem in parts[name].warnings for problem in leakage.problems)


def test_a_split_that_cannot_be_made_is_a_problem(
    tmp_path: Path, open_rows: Callable[..., Portion]
) -> None:
    write(tmp_path / "a.jsonl", ("a", "1"), ("b", "1"))
    shaping = Shaping(split=SplitOptions(test=0.5, group="db"))
    found = inspect({"train": open_rows(tmp_path, "a.jsonl")}, shaping=shaping)
    (problem,) = found.parts["train"].problems
    assert "a.jsonl:1: the row has no field 'db'" in str(problem)


def test_lengths_in_tokens_and_what_would_be_lost(
    tmp_path: Path, make_renderer: Callable[..., Renderer]
) -> None:
    write(tmp_path / "a.jsonl", ("a", "1"), ("long " * 60, "1"))
    report = check("a.jsonl", base=tmp_path, renderer=make_renderer(max_length=50))
    assert report.tokens is not None
    assert report.tokens.largest > 50
    assert report.account is not None
    assert report.account.reasons == {"overlong": 1}


PRIVATE = [
    ("write to ann@firm.org", "an e-mail address"),
    ("write to ann@example.com", None),
    ("token ghp_" + "a1" * 18, "an access token"),
    ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
    ("card 4111 1111 1111 1111", None),
    ("card 4539 5787 6362 1486", "a payment card number"),
    ("card 4539 5787 6362 1487", None),
    ("电话13800138000。", "a Chinese mobile number"),
    ("身份证11010519491231002X", "a Chinese identity number"),
    ("身份证110105194912310021", None),
    ("order 12345678901234", None),
]


@pytest.mark.parametrize(("text", "what"), PRIVATE)
def test_private_data(text: str, what: str | None) -> None:
    assert find_private(text) == what


SCRIPTS = [
    ("hello", "Latin"),
    ("你好 GPU world of tensors", "Chinese"),
    ("こんにちは世界", "Japanese"),
    ("안녕", "Korean"),
    ("привет", "Cyrillic"),
    ("שלום", "other"),
    ("123", "none"),
]


@pytest.mark.parametrize(("text", "script"), SCRIPTS)
def test_scripts(text: str, script: str) -> None:
    assert main_script(text) == script
