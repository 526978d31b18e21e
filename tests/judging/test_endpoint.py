"""The client of chat completions: patience, refusals, and where the key goes."""

from __future__ import annotations

import json
import time
from email.utils import formatdate

import pytest

from ftcore.errors import InputError, MachineError
from ftcore.judging.endpoint import LONGEST_WAIT, TRIES, Endpoint, api_key

KEY = "sk-secret-0123456789"
BUSY = (503, {}, b"busy")


@pytest.fixture
def waits():
    return []


@pytest.fixture
def endpoint(api, waits):
    return Endpoint(api.address, "m", KEY, timeout=5, wait=waits.append)


def test_a_request(api, endpoint):
    api.reply = lambda one, two: f"{one}/{two}"
    said = endpoint.complete("<answer-1-x>\na\n</answer-1-x><answer-2-x>\nb\n</answer-2-x>")
    assert said == "a/b"
    ((path, headers, body),) = api.asked
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Content-Type"] == "application/json"
    assert (body["model"], body["temperature"]) == ("m", 0)
    assert [message["role"] for message in body["messages"]] == ["user"]


def test_without_a_key(api):
    Endpoint(api.address + "/", "m").complete(PROMPT)
    assert "Authorization" not in api.asked[0][1]


PROMPT = "<answer-1-x>\na\n</answer-1-x><answer-2-x>\nb\n</answer-2-x>"


@pytest.mark.parametrize("nonsense", ["soon", "nan", "inf"])
def test_it_waits_and_tries_again(api, endpoint, waits, nonsense):
    soon = formatdate(time.time() + 20, usegmt=True)
    api.script = [
        BUSY,
        (429, {"Retry-After": "7"}, b""),
        (429, {"Retry-After": soon}, b""),
        (500, {"Retry-After": "9999"}, b""),
        (429, {"Retry-After": nonsense}, b""),
    ]
    assert endpoint.complete(PROMPT) == "VERDICT: TIE"
    assert 0.5 <= waits[0] <= 1
    assert waits[1] == 7
    assert 15 <= waits[2] <= 20
    assert waits[3] == LONGEST_WAIT
    assert 8 <= waits[4] <= 16


def test_it_gives_up(api, endpoint, waits):
    api.script = [BUSY] * TRIES
    with pytest.raises(
        MachineError, match=rf"refuses \(503\): busy, after {TRIES} tries"
    ) as caught:
        endpoint.complete(PROMPT)
    assert caught.value.code == "judge.busy"
    assert len(waits) == TRIES - 1


def test_a_line_that_breaks(api, endpoint, waits):
    api.script = [(0, {}, b""), (0, {}, b"")]
    assert endpoint.complete(PROMPT) == "VERDICT: TIE"
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("status", "said", "message", "hint"),
    [
        (401, {"error": {"message": f"bad key {KEY}"}}, r"\(401\): bad key \*\*\*", "api_key_env"),
        (404, {"error": "no model m"}, "no model m", "evaluation.judge.model"),
        (400, {"detail": "no temperature"}, "no temperature", "evaluation.judge"),
        (422, "plain words", "plain words", "evaluation.judge"),
    ],
)
def test_refusals(api, endpoint, waits, status, said, message, hint):
    body = said if isinstance(said, str) else json.dumps(said)
    api.script = [(status, {}, body.encode())]
    with pytest.raises(InputError, match=message) as caught:
        endpoint.complete(PROMPT)
    assert caught.value.code == "judge.refused"
    assert hint in caught.value.hint
    assert KEY not in str(caught.value.to_json())
    assert waits == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_the_key_follows_no_redirect(api, endpoint, status):
    api.script = [(status, {"Location": api.address.replace("127.0.0.1", "localhost")}, b"")]
    with pytest.raises(InputError, match=f"refuses \\({status}\\)"):
        endpoint.complete(PROMPT)
    assert len(api.asked) == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"choices": []}', b"\xff"])
def test_what_is_no_chat_completion(api, endpoint, body):
    api.script = [(200, {}, body)]
    with pytest.raises(InputError, match="does not answer as the chat completions API") as caught:
        endpoint.complete(PROMPT)
    assert caught.value.code == "judge.endpoint"


def test_a_reply_without_words_is_empty(api, endpoint):
    api.script = [(200, {}, b'{"choices": [{"message": {"content": null}}]}')]
    assert endpoint.complete(PROMPT) == ""


def test_nobody_there(waits):
    endpoint = Endpoint("http://127.0.0.1:9/v1", "m", KEY, wait=waits.append)
    with pytest.raises(MachineError, match=r"cannot be reached: .*refused") as caught:
        endpoint.complete(PROMPT)
    assert caught.value.code == "judge.unreachable"
    assert len(waits) == 1


def test_a_proxy_is_not_asked_for_this_machine(api, endpoint, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert endpoint.complete(PROMPT) == "VERDICT: TIE"


def test_the_key_is_in_no_text(endpoint):
    assert KEY not in repr(endpoint)


def test_keys_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    assert api_key("MY_KEY") == KEY
    assert api_key(None) is None
    monkeypatch.setenv("MY_KEY", "")
    with pytest.raises(InputError, match="MY_KEY is not set") as caught:
        api_key("MY_KEY")
    assert caught.value.code == "judge.key"
