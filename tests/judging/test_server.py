"""The server over real sockets: the page, and everything that it must refuse."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import threading
from urllib.parse import urlsplit

import pytest

from ftcore.errors import MachineError
from ftcore.judging.desk import Desk
from ftcore.judging.server import JudgeServer


@pytest.fixture
def server(contest):
    served = JudgeServer(Desk(contest))
    thread = threading.Thread(target=served.serve)
    thread.start()
    yield served
    served.stop()
    thread.join()
    served.close()


def ask(server, path="", body=None, method=None, whole=None, **headers):
    """Send a request as the page does; keywords replace its headers, None leaves one out.

    ``whole`` replaces the path with its secret.
    """
    place = urlsplit(server.address)
    data = json.dumps(body) if isinstance(body, dict) else body
    given = {"Host": place.netloc}
    if body is not None:
        given |= {"Content-Type": "application/json", "Origin": f"http://{place.netloc}"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=10)
    connection.putrequest(
        method or ("GET" if body is None else "POST"),
        place.path + path if whole is None else whole,
        skip_host=True,
    )
    for name, value in given.items():
        if value is not None:
            connection.putheader(name, value)
    if data is not None and "Content_Length" not in headers:
        connection.putheader("Content-Length", str(len(data)))
    connection.endheaders(data.encode() if data is not None else None)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response, text


def test_the_page(server):
    response, page = ask(server)
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = response.headers["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)[1]
    assert "default-src 'none'" in policy
    assert page.count(f'nonce="{nonce}"') == 2
    assert "unsafe" not in policy
    # Nothing from elsewhere, and nothing about who is who.
    assert not re.search(r'(src|href)\s*=(?!"data:,")', page)
    assert "http://" not in page
    assert "https://" not in page
    assert "before" not in re.sub(r"<style.*?</style>|<script.*?</script>", "", page, flags=re.S)
    for name, value in {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
    }.items():
        assert response.headers[name] == value
    assert "Python" not in response.headers["Server"]


def test_another_page_has_another_nonce(server):
    first, second = (ask(server)[0].headers["Content-Security-Policy"] for _ in range(2))
    assert first != second


def test_a_vote(server):
    response, text = ask(server, "state", {"rater": "Ada"})
    assert response.status == 200
    row = json.loads(text)["pair"]["row"]
    response, text = ask(server, "vote", {"rater": "Ada", "row": row, "choice": "tie"})
    assert (response.status, json.loads(text)["voted"]) == (200, 1)
    response, text = ask(server, "undo", {"rater": "Ada"})
    assert json.loads(text)["voted"] == 0
    assert ask(server, "reopen", {"rater": "Ada"})[0].status == 200


def test_localhost_and_forwarded_ports_are_this_machine(server):
    for host in ("localhost:1234", "127.0.0.1", "LOCALHOST"):
        assert ask(server, Host=host)[0].status == 200
        origin = f"http://{host}"
        assert ask(server, "state", {"rater": "A"}, Host=host, Origin=origin)[0].status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", None, "[::1]"],
)
def test_other_names_are_refused(server, host):
    """A name that was bent to point here (DNS rebinding)."""
    response, text = ask(server, Host=host)
    assert response.status == 403
    assert "this machine only" in text


@pytest.mark.parametrize("path", ["/", "//", "/wrong/", "/favicon.ico", "/../", "/%00/", "*"])
@pytest.mark.parametrize("body", [None, {"rater": "Ada"}])
def test_no_request_without_the_secret(server, path, body):
    response, text = ask(server, body=body, whole=path)
    assert response.status == 403
    assert "secret" in text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_votes_come_from_the_page_itself(server, headers):
    response, text = ask(server, "vote", {"rater": "A", "row": "r0", "choice": "1"}, **headers)
    assert response.status == 403
    assert "another page" in text
    assert not server.desk.file.path.exists()


def test_a_form_of_another_page_cannot_vote(server):
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        body = '{"rater": "A", "row": "r0", "choice": "1"}'
        response, _ = ask(server, "vote", body, Content_Type=kind)
        assert response.status == 415
    assert not server.desk.file.path.exists()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("nothing", {"rater": "A"}, 400),
        ("state", "{", 400),
        ("state", "[]", 400),
        ("state", "[" * 60_000, 400),
        ("state", {"rater": ""}, 400),
        ("state", {"rater": "model:x"}, 400),
        ("vote", {"rater": "A", "row": "r9", "choice": "1"}, 400),
        ("state", {"rater": "A", "x": "y" * 70_000}, 413),
    ],
)
def test_requests_that_make_no_sense(server, path, body, status):
    response, text = ask(server, path, body)
    assert response.status == status
    assert json.loads(text)["error"]


def test_other_methods_and_pages(server):
    assert ask(server, "vote", method="GET")[0].status == 404
    assert ask(server, method="PUT")[0].status == 501
    response, _ = ask(server, "state", {"rater": "A"}, Content_Length="nine")
    assert response.status == 413


def test_it_listens_on_this_machine_only(server):
    assert server._http.server_address[0] == "127.0.0.1"
    # Another address of the loopback would answer if all interfaces were open.
    with pytest.raises(ConnectionRefusedError), socket.socket() as other:
        other.connect(("127.0.0.2", server._http.server_port))


def test_a_connection_opened_before_the_end_is_not_answered_after_it(server):
    """Browsers open connections ahead of what they will ask."""
    place = urlsplit(server.address)
    with socket.create_connection((place.hostname, place.port), timeout=10) as ahead:
        ask(server)  # comes after the one that waits, so that is taken in
        server.stop()
        server.close()
        body = json.dumps({"rater": "Ada"})
        with contextlib.suppress(ConnectionError):
            ahead.sendall(
                f"POST {place.path}state HTTP/1.1\r\n"
                f"Host: {place.netloc}\r\n"
                "Content-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
        received = b""
        with contextlib.suppress(ConnectionError):
            received = ahead.recv(1000)
        assert received == b""


def test_a_port_that_is_taken(server, contest):
    with pytest.raises(MachineError, match="cannot be used") as caught:
        JudgeServer(Desk(contest), port=server._http.server_port)
    assert caught.value.code == "judge.port"


def test_the_secret_is_long_and_new_each_time(server, contest):
    other = JudgeServer(Desk(contest))
    other.close()
    assert len(server.token) >= 32
    assert other.token != server.token


def test_a_vote_that_cannot_be_kept_says_so(server, contest, tmp_path):
    contest.run.rename(tmp_path / "gone")
    response, text = ask(server, "vote", {"rater": "A", "row": "r0", "choice": "1"})
    assert response.status == 500
    assert "could not be kept" in json.loads(text)["error"]
