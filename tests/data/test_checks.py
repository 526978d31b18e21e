"""`ft data check`: what it counts, what it warns of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ftcore.data.checks import CheckReport, Lengths, check
from ftcore.data.private import find_private
from ftcore.data.scripts import main_script
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
    report = check("train.jsonl", base=tmp_path, test="test.jsonl", group="db")
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
    report = check("a.jsonl", base=tmp_path)
    assert not report.ok
    with pytest.raises(GateFailed, match="2 records cannot be used") as caught:
        report.require()
    assert caught.value.exit_code == 7
    report.write_problems(tmp_path / "problems.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "problems.jsonl").read_text().splitlines()]
    assert [(line["level"], line["line"]) for line in lines] == [
        ("problem", 2),
        ("problem", 4),
        ("warning", 3),
    ]
    assert json.dumps(report.to_json())


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
