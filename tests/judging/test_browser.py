"""The page in a real browser: votes by keyboard and mouse, themes, phones, hostile texts."""

from __future__ import annotations

import json
import threading

import pytest

from ftcore.judging.desk import Desk
from ftcore.judging.server import JudgeServer
from tests.judging.browser import Browser, find_browser

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(
        find_browser() is None,
        reason="no Chromium or Chrome on the path, and FT_TEST_BROWSER names none",
    ),
]
SHOWN = "!document.getElementById('vote').hidden"
PROGRESS = "document.getElementById('who').textContent"
ALT, CTRL = 1, 2


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = Browser(str(find_browser()), tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def serve():
    stops = []

    def start(desk):
        server = JudgeServer(desk)
        thread = threading.Thread(target=server.serve)
        thread.start()
        stops.append((server, thread))
        return server

    yield start
    for server, thread in stops:
        server.stop()
        thread.join()
        server.close()


@pytest.fixture
def desk(contest, serve, browser):
    """A desk whose page is open, with Ada at it."""
    made = Desk(contest)
    browser.events.clear()
    browser.look(width=1280, height=800, dark=False)
    browser.open(serve(made).address)
    browser.type("Ada")
    browser.key("Enter")
    browser.until(SHOWN)
    return made


def winners(desk):
    """Return what was voted, in the order of the lines: action, and the side that won."""
    return [
        (vote.action, {vote.left: "1", "tie": "tie", None: None}.get(vote.winner, "2"))
        for vote in desk.file.read()[0]
    ]


def said(browser, words):
    browser.until(f"document.getElementById('said').textContent === {words!r}")


def test_a_sitting_by_keyboard(desk, browser):
    assert browser.run(PROGRESS) == "Ada: 0 of 5"
    for key, words in {
        "1": "Answer 1 it is.",
        "ArrowRight": "Answer 2 it is.",
        "ArrowDown": "A tie.",
        "s": "Skipped.",
        "u": "Taken back.",
    }.items():
        browser.key(key)
        said(browser, words)
    assert browser.run(PROGRESS) == "Ada: 3 of 5"
    for key, words in {"S": "Skipped.", "2": "Answer 2 it is."}.items():
        browser.key(key)
        said(browser, words)
    browser.until("!document.getElementById('done').hidden")
    assert browser.run(PROGRESS) == "Ada: 4 of 5, 1 skipped"
    browser.click("#reopen")
    browser.until(SHOWN)
    browser.key("0")
    said(browser, "A tie.")
    browser.until("document.body.innerText.includes('All 5 rows have your vote')")
    done = [("vote", "1"), ("vote", "2"), ("vote", "tie"), ("skip", None), ("undo", None)]
    done += [("skip", None), ("vote", "2"), ("reopen", None), ("vote", "tie")]
    assert winners(desk) == done
    assert browser.complaints() == []


def test_what_is_no_vote(desk, browser):
    for key in ("3", "a", "Enter", "Tab", " "):
        browser.key(key)
    for modifier in (ALT, CTRL):
        browser.key("1", modifiers=modifier)
    browser.key("?")
    browser.until("document.getElementById('help').open")
    browser.key("1")
    browser.key("s")
    browser.click("#shortcuts")
    browser.key("Escape")
    browser.until("!document.getElementById('help').open")
    browser.key("1")  # switched off
    browser.key("?")
    browser.until("document.getElementById('help').open")
    browser.click("#shortcuts")
    browser.click("#help .main")
    browser.key("1")
    said(browser, "Answer 1 it is.")
    assert winners(desk) == [("vote", "1")]


def test_by_mouse_and_with_the_reference(desk, browser):
    browser.click("[data-choice='2']")
    said(browser, "Answer 2 it is.")
    browser.key("r")
    browser.until("document.getElementById('reference').open")
    assert "reference of r" in browser.run("document.getElementById('reference').innerText")
    browser.click("[data-choice=tie]")
    said(browser, "A tie.")
    assert browser.run("document.getElementById('reference').open") is False
    browser.click("#undo")
    said(browser, "Taken back.")
    votes = desk.file.read()[0]
    assert [vote.reference for vote in votes] == [False, True, False]
    assert 0 <= votes[0].seconds < 60


def test_after_reloading_the_page_goes_on(desk, browser):
    browser.key("1")
    said(browser, "Answer 1 it is.")
    browser.send("Page.reload")
    browser.until("document.readyState === 'complete' && " + SHOWN)
    assert browser.run(PROGRESS) == "Ada: 1 of 5"


def test_hostile_and_chinese_texts_are_shown_as_texts(desk, browser):
    """Every text stands on the page as it is; nothing of it runs, nothing is fetched."""
    seen = ""
    while browser.run(SHOWN):
        seen += browser.run("document.querySelector('main').innerText") + "\n"
        count = len(desk.file.read()[0])
        browser.key("1")
        browser.until(f"{PROGRESS}.startsWith('Ada: {count + 1} ')")
    for text in ("<script>alert(1)</script>", 'onerror="alert(2)"', "U+202E", "中国的首都", "北京"):
        assert text in seen
    assert "(empty)" in seen
    assert browser.run("document.images.length + document.querySelectorAll('iframe').length") == 0
    assert browser.complaints() == []
    assert {address.split("/")[2].split(":")[0] for address in browser.requested()} == {"127.0.0.1"}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_themes_and_sizes(desk, browser, dark, phone, tmp_path):
    size = {"width": 360, "height": 740} if phone else {"width": 1280, "height": 800}
    browser.look(**size, dark=dark, phone=phone)
    browser.picture(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 5000
    assert browser.run("document.documentElement.scrollWidth") <= size["width"]
    back = browser.run("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(17, 20, 23)") is dark
    one, two = (
        browser.run(
            f"JSON.stringify(document.getElementById('answer-{n}').getBoundingClientRect())"
        )
        for n in (1, 2)
    )
    one, two = json.loads(one), json.loads(two)
    # Side by side, or one below the other.
    assert (one["top"] == two["top"]) is not phone
    # The buttons are in the window, large enough for a finger, and readable.
    for box in browser.run(BUTTONS):
        assert box["bottom"] <= size["height"]
        assert box["height"] >= 44
        assert box["contrast"] >= 4.5, box


BUTTONS = """
(() => {
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).map((part) => {
      const value = part / 255;
      return value <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4;
    });
    return .2126 * r + .7152 * g + .0722 * b;
  };
  return [...document.querySelectorAll('nav button:enabled')].map((node) => {
    const style = getComputedStyle(node);
    const [low, high] = [light(style.color), light(style.backgroundColor)].sort((a, b) => a - b);
    const { bottom, height } = node.getBoundingClientRect();
    return { bottom, height, contrast: (high + .05) / (low + .05), text: node.innerText };
  });
})()
"""


def test_it_is_usable_without_eyes(desk, browser):
    """Every control has a name, every landmark too, and the focus follows the rows."""
    tree = browser.send("Accessibility.getFullAXTree")["nodes"]
    nodes = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node["ignored"] and "role" in node
    ]
    for role in ("button", "navigation", "textbox", "checkbox", "progressbar", "heading"):
        assert all(name for found, name in nodes if found == role), nodes
    names = [name for _, name in nodes]
    for name in ("Answer 1", "Answer 2", "Your vote", "Rows with a vote"):
        assert name in names
    browser.key("1")
    said(browser, "Answer 1 it is.")
    assert browser.run("document.activeElement.id") == "asked-title"
    assert browser.run("document.documentElement.lang") == "en"


def test_a_name_that_is_none_is_asked_again(contest, serve, browser):
    browser.open(serve(Desk(contest)).address)
    browser.type("model:gpt")
    browser.key("Enter")
    browser.until("!document.getElementById('trouble').hidden")
    assert "only models do" in browser.run("document.getElementById('trouble').innerText")
    browser.run("document.getElementById('name').value = ''")
    browser.click("#name")
    browser.type("Ben")
    browser.key("Enter")
    browser.until(SHOWN)
    assert browser.run("document.getElementById('trouble').hidden")


def test_a_given_rater_is_not_asked(contest, serve, browser):
    browser.open(serve(Desk(contest, rater="Eve")).address)
    browser.until(SHOWN)
    assert browser.run(PROGRESS) == "Eve: 0 of 5"


def test_a_server_that_went_away(contest, serve, browser):
    server = serve(Desk(contest, rater="Eve"))
    browser.open(server.address)
    browser.until(SHOWN)
    server.stop()
    server.close()
    browser.key("1")
    browser.until("!document.getElementById('trouble').hidden")
    assert "ft does not answer" in browser.run("document.getElementById('trouble').innerText")
    assert browser.run(PROGRESS) == "Eve: 0 of 5"
