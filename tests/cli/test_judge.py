"""`ft judge`: the page until Ctrl-C, the report, a model as judge."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.judging.conftest import api, make_run  # noqa: F401  (fixtures)

KEY = "sk-secret-0123456789"


@pytest.fixture
def runs(make_run, tmp_path):  # noqa: F811
    """Two runs, the second with other answers."""
    make_run("toy-a")
    make_run("toy-b", {"r0": ("q", "x", "Paris!"), "r1": ("q", "x", "北京")})
    return tmp_path / "runs"


@contextmanager
def judging(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run ``ft judge`` in a process and yield it with what it said until it serves."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ftcore", "judge", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    stream = process.stderr if "--json" in arguments else process.stdout
    lines = [stream.readline() for _ in range(1 if "--json" in arguments else 3)]
    try:
        yield process, lines
    finally:
        process.kill()
        process.communicate()


def post(address: str, what: str, **body: object) -> dict[str, object]:
    request = urllib.request.Request(
        address + what, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as response:
        return json.load(response)


def test_votes_until_ctrl_c(ft, runs):
    with judging("toy-a", "--runs", runs) as (process, said):
        assert said[0] == "5 rows to vote on; 1 with identical answers count as ties\n"
        assert said[1].startswith("open http://127.0.0.1:")
        address = said[1].split()[1]
        row = post(address, "state", rater="Ada")["pair"]["row"]
        post(address, "vote", rater="Ada", row=row, choice="1")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert "Ada: 1 of 5 rows voted on, 1 now\n" in out
    assert str(runs / "toy-a" / "judgements" / "votes.jsonl") in out
    said = ft("judge", "toy-a", "--runs", runs, "--report")
    assert said.code == 0
    assert "Ada" in said.out
    assert (runs / "toy-a" / "judgements" / "report.md").exists()
    data = ft("judge", "toy-a", "--runs", runs, "--report", "--json").data
    assert data["raters"][0]["name"] == "Ada"
    assert data["rows"] == 6
    assert all(Path(path).exists() for path in data["report"])


def test_as_json_and_nobody_came(runs):
    with judging("toy-a", "--runs", runs, "--json", "--rater", "Ada") as (process, said):
        assert json.loads(said[0])["address"].startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert json.loads(out)["raters"] == []
    assert not (runs / "toy-a" / "judgements").exists()


def test_sigterm_is_no_success(runs):
    with judging("toy-a", "toy-b", "--runs", runs) as (process, said):
        assert said[0] == "1 row to vote on; 1 with identical answers count as ties\n"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 143
    assert "no votes were given" in out
    assert err.strip() == "terminated"


def test_two_runs(ft, runs):
    data = ft("judge", "toy-a", "toy-b", "--runs", runs, "--report", "--json").data
    assert data["names"] == ["toy-a", "toy-b"]
    assert (data["rows"], data["identical"], data["left_out"]) == (2, 1, 4)
    assert data["folder"] == str(runs / "toy-a" / "judgements" / "with-toy-b")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--report", "--rater", "Ada"), "--rater means nothing with --report"),
        (("--by", "model", "--port", "1"), "--port means nothing with --by model"),
        (("--recipe", "x.toml"), "--recipe means nothing with votes of people"),
        (("--set", "a=b"), "--set means nothing with votes of people"),
        (("--rater", "model:x"), "begins with 'model:'"),
        (("toy-a",), "both are run toy-a"),
        (("toy-b", "--baseline", "before"), "there is no baseline"),
        (("--baseline", "few_shot"), "no answers of the stage few_shot"),
    ],
)
def test_refused(ft, runs, arguments, why):
    assert why in ft("judge", "toy-a", *arguments, "--runs", runs).refused(2)


RECIPE = """
name = "toy"
[model]
id = "m"
[data]
train = "rows.jsonl"
[evaluation.judge]
endpoint = "{endpoint}"
model = "m"
rubric = "The longer answer is better."
{more}
"""


def write_recipe(path: Path, endpoint: str, more: str = "") -> Path:
    path.write_text(RECIPE.format(endpoint=endpoint, more=more))
    return path


def test_by_a_model(ft, runs, api, tmp_path, monkeypatch):  # noqa: F811
    api.reply = lambda one, two: f"VERDICT: {'1' if len(one) > len(two) else '2'}"
    recipe = write_recipe(tmp_path / "r.toml", api.address, 'api_key_env = "MY_KEY"')
    asked = ("judge", "toy-a", "--runs", runs, "--by", "model", "--recipe", recipe)
    assert "MY_KEY is not set" in ft(*asked).refused(2)
    monkeypatch.setenv("MY_KEY", KEY)
    said = ft(*asked)
    assert said.code == 0, said.err
    assert "model:m" in said.out
    assert "changed with the order of the answers" in said.out
    assert api.asked[0][1]["Authorization"] == f"Bearer {KEY}"
    data = ft(*asked, "--json").data
    assert data["raters"][0]["model"]
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in everything if KEY.encode() in path.read_bytes()]


def test_the_runs_own_recipe(ft, runs, api):  # noqa: F811
    api.reply = lambda one, two: "VERDICT: TIE"
    write_recipe(runs / "toy-a" / "resolved.toml", api.address)
    asked = ("judge", "toy-a", "--runs", runs, "--by", "model")
    assert ft(*asked, "--set", "evaluation.judge.model=other", "--json").data["raters"][0][
        "name"
    ] == ("model:other")
    assert {request[2]["model"] for request in api.asked} == {"other"}


def test_a_recipe_that_says_too_little(ft, runs, tmp_path):
    recipe = tmp_path / "r.toml"
    recipe.write_text(RECIPE.partition("[evaluation")[0])
    text = ft("judge", "toy-a", "--runs", runs, "--by", "model", "--recipe", recipe).refused(2)
    for name in ("endpoint", "model", "rubric"):
        assert f"evaluation.judge.{name}" in text


def test_the_recipe_of_another_version(ft, runs):
    (runs / "toy-a" / "resolved.toml").write_text(RECIPE + "\n[old]\nfield = 1\n")
    text = ft("judge", "toy-a", "--runs", runs, "--by", "model").refused(2)
    assert "--recipe RECIPE" in text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("endpoint", "http://me:hunter2@host/v1"),
        ("endpoint", "ftp://host"),
        ("api_key_env", KEY),
        ("api_key_env", "hf_abcdefgh"),
    ],
)
def test_secrets_in_a_recipe_are_refused_and_not_repeated(ft, tmp_path, field, value):
    recipe = write_recipe(tmp_path / "r.toml", "http://host/v1", 'api_key_env = "KEY"')
    lines = [
        f'{field} = "{value}"' if line.startswith(field) else line
        for line in recipe.read_text().splitlines()
    ]
    recipe.write_text("\n".join(lines))
    text = ft("recipe", "validate", recipe).refused(2)
    assert f"evaluation.judge.{field}: is no" in text
    assert value not in text


def test_an_endpoint_that_is_not_there(ft, runs, tmp_path):
    recipe = write_recipe(tmp_path / "r.toml", "http://127.0.0.1:9/v1")
    text = ft("judge", "toy-a", "--runs", runs, "--by", "model", "--recipe", recipe).refused(5)
    assert "cannot be reached" in text


def test_ctrl_c_waits_for_no_model(runs, api, tmp_path):  # noqa: F811
    recipe = write_recipe(tmp_path / "r.toml", api.address, "concurrency = 1")

    def slow_after_two(one: str, two: str) -> str:
        if len(api.asked) > 2:
            threading.Event().wait(30)
        return "VERDICT: TIE"

    api.reply = slow_after_two
    command = ["judge", "toy-a", "--runs", runs, "--by", "model", "--recipe", recipe]
    process = subprocess.Popen(
        [sys.executable, "-m", "ftcore", *map(str, command)],
        env=os.environ | {"FT_CACHE": str(tmp_path / "cache")},
        stderr=subprocess.PIPE,
        text=True,
    )
    votes = runs / "toy-a" / "judgements" / "votes.jsonl"
    end = time.monotonic() + 30
    while len(api.asked) < 3 or not votes.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.monotonic() - begun < 10
    assert "Traceback" not in err
    assert votes.read_text().count("\n") == 1
