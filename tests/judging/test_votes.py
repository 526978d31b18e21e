"""The file of votes: whole lines, several writers, damage that costs one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ftcore.errors import InputError
from ftcore.judging.votes import Vote, VoteFile, rater_name

VOTE = Vote(1.5, "Ada", "vote", "r0", "k0", "after", left="before", reference=True, seconds=0.0)


def test_what_is_written_is_read(tmp_path: Path):
    file = VoteFile(tmp_path / "votes.jsonl")
    assert file.read() == ([], 0)
    by_model = Vote(2.0, "model:m", "vote", "r1", "k1", "tie", orders=("a", "b"), judge="j")
    for vote in (VOTE, by_model, Vote(3.0, "Ада 王芳", "reopen")):
        file.append(vote)
    votes, damaged = file.read()
    assert votes[:2] == [VOTE, by_model]
    assert votes[2].rater == "Ада 王芳"
    assert damaged == 0
    line = json.loads(file.path.read_text().splitlines()[2])
    assert set(line) == {"version", "time", "rater", "action"}


def test_damage_costs_one_line(tmp_path: Path):
    file = VoteFile(tmp_path / "votes.jsonl")
    file.append(VOTE)
    with file.path.open("a") as out:
        out.write('[]\n{"version": 9}\n\xff\n{"version": 1, "time": 0, "rater": "A", "act')
    file.append(VOTE)
    assert file.read() == ([VOTE, VOTE], 4)


WRITER = """
import sys
from pathlib import Path
from ftcore.judging.votes import Vote, VoteFile
for _ in range(50):
    VoteFile(Path(sys.argv[1])).append(Vote(1.0, sys.argv[2] * 40, "skip", "r", "k"))
"""


def test_several_processes_write_whole_lines(tmp_path: Path):
    path = tmp_path / "votes.jsonl"
    workers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), n]) for n in "abc"]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    votes, damaged = VoteFile(path).read()
    assert (len(votes), damaged) == (150, 0)


@pytest.mark.parametrize(
    ("given", "why"),
    [(" \t", "empty"), ("a" * 61, "longer"), ("a\u202eb", "do not show"), ("Model:x", "models")],
)
def test_names_that_are_none(given: str, why: str):
    with pytest.raises(InputError, match=why) as caught:
        rater_name(given)
    assert caught.value.code == "judge.rater"


def test_a_known_name_is_spelt_as_before():
    assert rater_name("  ada   LOVELACE ", ["Ada Lovelace"]) == "Ada Lovelace"
    assert rater_name("王芳") == "王芳"
