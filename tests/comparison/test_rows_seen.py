from dataclasses import replace

from ftcore.comparison.record import Micro
from ftcore.comparison.rows_seen import explain_rows, other_ids, other_labels

# user: 1 2 3; assistant: 4 5; end of turn 9; newline 8
IDS = (1, 2, 3, 4, 5, 9, 8)
LABELS = (-100, -100, -100, 4, 5, 9, -100)
TEXT = {8: "\n", 9: "<end>", 7: "system"}


def decode(ids):
    return "".join(TEXT.get(number, str(number)) for number in ids)


def seen(labels):
    found = other_labels((IDS, LABELS), labels, decode)
    return found.code, found.sentence


def test_labels():
    assert seen((-100, -100, -100, 4, 5, -100, -100)) == (
        "end-of-turn",
        "does not train on the end-of-turn token '<end>'",
    )
    assert seen((-100, -100, -100, 4, 5, 9, 8)) == (
        "newline",
        "also trains on the newline after the end of the turn",
    )
    assert seen(IDS)[0] == "prompt"
    assert seen((-100, -100, 3, 4, 5, 9, -100)) == (
        "prompt",
        "also trains on tokens of the prompt: '3'",
    )
    assert seen((-100,) * 7)[0] == "nothing"
    assert seen((-100, -100, -100, 5, 9, 8, -100))[0] == "labels"
    assert seen((-100, -100, 3, -100, 5, 9, -100)) == (
        "labels",
        "trains on 1 other tokens and leaves out 1",
    )


def ids(found):
    oddity = other_ids(IDS, found, decode)
    return oddity.code, oddity.sentence


def test_ids():
    assert ids(IDS[:4]) == ("truncation", "cuts rows off at the end (to 4 tokens or fewer)")
    assert ids(IDS[2:]) == ("truncation", "cuts rows off at the front (to 5 tokens or fewer)")
    assert ids((6, *IDS)) == ("first-token", "puts '6' before each row")
    assert ids((1, 7, 6, *IDS)) == (
        "system-prompt",
        "adds a system prompt of its own: 'system61'",
    )
    assert ids((*IDS, 8, 8)) == ("added-tokens", "adds tokens: '\\n\\n'")
    assert ids((1, 2, 4, 5, 9, 8)) == ("removed-tokens", "leaves out tokens: '3'")
    assert ids((1, 2, 6, 4, 5, 9, 8)) == ("other-tokens", "has other tokens: '6' instead of '3'")
    other = other_ids((1, 7, 2, 3), (1, 7, 6, 3), decode)
    assert other.sentence == "has another system prompt: '6' instead of '2'"


def test_a_training_on_the_stream_has_nothing(make_record):
    assert explain_rows(make_record(), decode) == []


def swapped(micro: Micro) -> Micro:
    return replace(micro, ids=micro.ids[::-1], labels=micro.labels[::-1])


def test_rows_in_another_order(make_record):
    record = make_record(micros=swapped)
    record = replace(record, receipts=dict.fromkeys(record.receipts, "other"))
    (finding,) = explain_rows(record, decode)
    assert (finding.code, finding.level) == ("order", "L1")
    assert finding.touches["steps"] == (4, 4)
    assert finding.touches["rows"][1] == len(record.order.rows)
    assert finding.switch == {"options": {"rows": str(record.folder / "observation.jsonl")}}


def unsupervised(micro: Micro) -> Micro:
    labels = tuple(tuple(-100 for _ in row) for row in micro.labels)
    return replace(micro, labels=labels) if micro.place[0] == 1 else micro


def test_only_some_steps(make_record):
    record = make_record(micros=unsupervised)
    receipts = {p: "other" if p[0] == 1 else d for p, d in record.receipts.items()}
    (finding,) = explain_rows(replace(record, receipts=receipts), decode)
    assert finding.code == "nothing"
    assert finding.touches["steps"] == (1, 4)
