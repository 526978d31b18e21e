import json
import math

import pytest

from ftcore.comparison.certificate import Asked, Certificate, Side
from ftcore.comparison.findings import Finding
from ftcore.comparison.levels import Envelope, Level
from ftcore.comparison.pairs import Apart, PairDifference
from ftcore.comparison.weights import WeightDifference
from ftcore.errors import DataError

SIDE = Side(
    "a", "/runs/a", {"torch": "2"}, "lock", "key", "code", 2, 1.5, "hash", (1.0, None), (), ()
)
PAIR = PairDifference(
    "a",
    "b",
    Apart(math.inf, math.inf, 2),
    Apart(),
    Apart(),
    WeightDifference(3, 1, 0.5, "x", ("y",)),
)
FINDING = Finding(
    "betas",
    "L3",
    "b",
    "has other betas",
    {"steps": (2, 6)},
    {"settings": {"beta2": 0.95}},
    True,
    0.0,
)


def certificate(*levels: Level) -> Certificate:
    return Certificate(
        ft="0.1",
        created="2026-01-01T00:00:00Z",
        asked=Asked("r.toml", None, None, ("a=1",), ("a", "b"), True, "strict", 6, 128, ()),
        pins={"train.max_steps": 6},
        used={"stream": "s"},
        envelope=Envelope(1e-6, None, "why"),
        sides=(SIDE, SIDE),
        pairs=(PAIR,),
        levels=levels or (Level("L0", "identical", "yes", {"rows": 1}),),
        findings=(FINDING,),
        notes=("a note",),
        sentence="a and b are one",
    )


def test_it_is_read_back_as_it_was(tmp_path):
    kept = certificate()
    path = tmp_path / "deep" / "cert.json"
    kept.save(path)
    assert Certificate.load(path) == kept
    data = json.loads(path.read_text())
    assert data["holds"]
    assert data["identical"]
    assert data["pairs"][0]["loss"]["largest"] is None


def test_the_first_level_that_breaks():
    found = certificate(
        Level("L0", "identical", ""), Level("L1", "breaks", ""), Level("L2", "breaks", "")
    )
    assert found.breaks_at == "L1"
    assert not found.holds
    near = certificate(Level("L3", "holds", ""), Level("L4", "not_measured", ""))
    assert near.holds
    assert not near.identical


def test_an_altered_one_is_refused(tmp_path):
    path = tmp_path / "cert.json"
    certificate(Level("L0", "breaks", "no")).save(path)
    path.write_text(path.read_text().replace('"breaks"', '"identical"'))
    with pytest.raises(DataError, match="altered") as caught:
        Certificate.load(path)
    assert caught.value.code == "parity.certificate"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "x", "format": 1}', "\xff"])
def test_what_is_none_is_refused(tmp_path, text):
    path = tmp_path / "cert.json"
    path.write_text(text)
    with pytest.raises(DataError):
        Certificate.load(path)
    with pytest.raises(DataError):
        Certificate.load(tmp_path)


def test_a_finding_in_words():
    assert FINDING.in_words() == (
        "b has other betas (2 of 6 steps); doing the same in the plain loop makes the curves meet"
    )
