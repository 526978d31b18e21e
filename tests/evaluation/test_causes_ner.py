from __future__ import annotations

import json

import pytest

from ftcore.evaluation.causes_ner import EntityCauses
from ftcore.evaluation.metric import Example, MetricContext

NONE = "No entities."
CONTEXT = MetricContext(no_entity=NONE)


def lines(*entities: tuple[str, str]) -> str:
    keys = ("entity_text", "entity_label")
    return "\n".join(
        json.dumps(dict(zip(keys, entity, strict=True)), ensure_ascii=False) for entity in entities
    )


ADA, ELY, NATO = ("Ada Byron", "PER"), ("Ely", "GPE"), ("NATO", "ORG")


def causes(prediction: str, reference: str) -> list[str]:
    example = Example("r1", (), reference, prediction)
    assert EntityCauses().applies(example, CONTEXT)
    return [finding.cause for finding in EntityCauses().judge(example, CONTEXT, {})]


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        (lines(ELY, ADA), lines(ADA, ELY), []),
        (NONE, NONE, []),
        (lines(ADA), lines(ADA, ELY), ["missed"]),
        (NONE, lines(ADA), ["missed"]),
        (lines(ADA, ELY), lines(ADA), ["spurious"]),
        (lines(ADA), NONE, ["spurious"]),
        (lines(("Ada Byron", "ORG")), lines(ADA), ["label"]),
        (lines(("Ada", "PER")), lines(ADA), ["boundary"]),
        (lines(("Countess Ada Byron", "PER")), lines(ADA), ["boundary"]),
        (lines(("Ada Lovelace", "PER")), lines(ADA), ["boundary"]),
        (lines(("Ada", "ORG")), lines(ADA), ["boundary", "label"]),
        (lines(("张", "人名")), lines(("张伟", "人名")), ["boundary"]),
        (lines(NATO), lines(ADA), ["missed", "spurious"]),
        (lines(("Ada", "PER"), NATO, ("EU", "ORG")), lines(ADA), ["spurious", "boundary"]),
        (lines(ADA, ADA), lines(ADA), ["spurious"]),
        ("Ada Byron is a person.", lines(ADA), ["unparsable", "missed"]),
        (f"{lines(ADA)}\nand so on", lines(ADA), ["unparsable"]),
        ("", lines(ADA), ["unparsable", "missed"]),
        ("Nothing here.", NONE, ["unparsable"]),
    ],
)
def test_causes(prediction: str, reference: str, expected: list[str]):
    assert causes(prediction, reference) == expected


def test_details_name_the_entities():
    example = Example("r", (), lines(ADA, ELY), lines(("Ada", "PER"), ("Ely", "LOC")))
    found = {f.cause: f.detail for f in EntityCauses().judge(example, CONTEXT, {})}
    assert found == {"boundary": "Ada, not Ada Byron", "label": "Ely: LOC, not GPE"}


def test_rows_whose_reference_does_not_keep_the_format():
    assert not EntityCauses().applies(Example("r", (), "Ada", "Ada"), CONTEXT)
