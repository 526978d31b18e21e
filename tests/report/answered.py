"""What a run made by hand answered: its rows, their scores and their errors."""

from __future__ import annotations

from typing import Any

ROWS = 12
ATTACK = '<script>alert(1)</script><img src="https://evil.example/x.png" onerror="alert(2)">'

QUESTIONS = [
    "Ben Lorne met the mayor of Thistlewick.",
    "张伟在上海的复旦大学读书。",
    "My uncle has been a postman for thirty years.",
    f"Read {ATTACK} aloud.",
    "Finland accuses the Philippines of moving the border stones.",
    "Norbury Software is drilling in the Caucasus.",
    "The bishop blessed the boats\non the Volga.",
    "| a | b |\n```\n# not a heading\n```",
    "It was Zoltan who fixed the boiler in the end.",
    "A long text: " + "word " * 400,
    "Grüße aus Köln \u202e reversed",
    "王芳和李雷去了长江。",
]
REFERENCE = '{"entity_text": "Ben Lorne", "entity_label": "PER"}'
F1 = {
    "before": [0.0, 0.0, None, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0],
    "few_shot": [0.0, 0.5, None, 0.0, 0.5, 0.0, 0.5, 0.0, 0.0, 0.0, 0.5, 0.0],
    "after": [1.0, 1.0, None, 0.5, 0.4, 1.0, 1.0, 0.0, 1.0, 0.5, 0.5, 1.0],
}


def row_line(number: int) -> dict[str, Any]:
    """Return one line of ``predictions/rows.jsonl``."""
    answers = {
        "before": "" if number % 4 == 0 else f"Sure!\n\n\tHere  you are: {QUESTIONS[number][:40]} ",
        "few_shot": None if number == 4 else "No entities.",
        "after": ATTACK if number == 3 else f'{REFERENCE}\n{{"第": "{number}"}}\u200b',
    }
    return {
        "row_id": f"{number:016x}",
        "source": f"data/ner/zh/test.jsonl:{number + 1}",
        "prompt": [
            {"role": "system", "content": "List the named entities."},
            {"role": "user", "content": QUESTIONS[number]},
        ],
        "reference": REFERENCE,
        "fields": {},
        "answers": answers,
    }


def gates() -> list[dict[str, Any]]:
    """Return a bound that holds, and a comparison with a run that does not."""
    bound = {"gate": "entity_f1>=0.7", "metric": "entity_f1", "value": 0.7185, "bound": 0.7}
    other = {"gate": f"entity_f1 no worse than {ATTACK}", "metric": "entity_f1"}
    other |= {"value": -0.1, "bound": -0.02, "held": False, "words": "-0.1 (-0.2 to -0.04), lower"}
    difference = {"before": 0.8185, "after": 0.7185, "difference": -0.1, "low": -0.2, "high": -0.04}
    other["difference"] = difference | {"words": "lower", "n": ROWS}
    return [bound | {"held": True, "words": "0.7185", "difference": None}, other]


def error_line(number: int) -> dict[str, Any]:
    """Return one line of ``errors.jsonl``: row 3 is broken, every third one still wrong."""
    after: list[dict[str, str]] = []
    if number % 3 == 0:
        after = [{"cause": "unparsable", "detail": f"1 unreadable line {ATTACK}"}]
        after += [{"cause": "missed", "detail": "Ben Lorne (PER), *Ely*\n# x (LOC)"}]
    elif number == 10:
        after = [{"cause": "label", "detail": ""}]
    before = [] if number in (3, 5) else [{"cause": "missed", "detail": ""}]
    words = {(0, 0): "still_wrong", (0, 1): "fixed", (1, 0): "broken", (1, 1): "still_right"}
    near = {"similarity": 0.4131, "row_id": "ab", "source": "data/ner/zh/train.jsonl:7"}
    return {
        "row_id": f"{number:016x}",
        "family": "entities",
        "state": words[not before, not after],
        "cause": after[0]["cause"] if after else None,
        "causes": {"before": before, "few_shot": before, "after": after},
        "source": f"data/ner/zh/test.jsonl:{number + 1}",
        "nearest": [near | {"question": QUESTIONS[number - 1], "reference": "No entities."}],
    }


def errors() -> dict[str, Any]:
    """Return the counts of the errors."""
    lines = [error_line(number) for number in range(ROWS)]
    states = [line["state"] for line in lines]
    return {
        "family": "entities",
        "right": "The answer keeps the format and its entities are the reference's.",
        "states": {state: states.count(state) for state in sorted(set(states))},
        "causes": {
            "before": {"missed": 10},
            "few_shot": {"missed": 10},
            "after": {"unparsable": 4, "label": 1},
        },
        "definitions": {
            "unparsable": "The answer is neither entity lines nor the no-entity sentence.",
            "label": "An entity's text is right and its label is not.",
            "missed": "An entity of the reference has no counterpart in the answer.",
        },
        "nearest": {
            "searched": 94,
            "training_rows": 94,
            "median_right": 0.52,
            "median_wrong": 0.41,
        },
    }


def metrics() -> dict[str, Any]:
    """Return ``metrics.json`` of two metrics in three stages and two slices."""
    f1 = {"before": 0.091, "few_shot": 0.1875, "after": 0.7185}
    parse = {"before": 0.25, "few_shot": 0.75, "after": 0.75}
    stages = {
        stage: {"entity_f1": score(f1[stage], 0.07), "entity_parse_rate": score(parse[stage], 0.2)}
        for stage in f1
    }
    return {
        "main": {
            "metric": "entity_f1",
            "slice": None,
            "stages": {stage: found["entity_f1"] for stage, found in stages.items()},
            "differences": {
                baseline: found["entity_f1"] for baseline, found in differences().items()
            },
        },
        "main_metric": "entity_f1",
        "stages": stages,
        "differences": differences(),
        "slices": {
            "negative_kind": {
                "手写": {
                    stage: {
                        "entity_f1": score(None, 0, 4),
                        "entity_parse_rate": score(0.5, 0.25, 4),
                    }
                    for stage in f1
                },
                "<b>made</b>": {stage: {"entity_f1": score(f1[stage], 0.09, 8)} for stage in f1},
            }
        },
        "gates": gates(),
        "errors": errors(),
        "scores": {stage: {"metrics": per_row(stage, stages[stage])} for stage in f1},
    }


def score(value: float | None, half: float, n: int = ROWS) -> dict[str, Any]:
    """Return a summary whose interval is ``half`` to each side."""
    if value is None:
        return {"value": None, "low": None, "high": None, "n": n}
    return {"value": value, "low": value - half, "high": value + half, "n": n}


def differences() -> dict[str, Any]:
    """Return the paired differences of both baselines."""

    def one(before: float, after: float, half: float) -> dict[str, Any]:
        difference, clear = after - before, abs(after - before) > half
        words = ("higher" if difference > 0 else "lower") if clear else "no significant difference"
        return {
            "before": before,
            "after": after,
            "difference": difference,
            "low": difference - half,
            "high": difference + half,
            "significant": clear,
            "words": words,
            "better": difference > 0 if clear else None,
            "n": ROWS,
        }

    return {
        "before": {
            "entity_f1": one(0.091, 0.7185, 0.12),
            "entity_parse_rate": one(0.25, 0.75, 0.3),
        },
        "few_shot": {
            "entity_f1": one(0.1875, 0.7185, 0.14),
            "entity_parse_rate": one(0.75, 0.75, 0.1),
        },
    }


def per_row(stage: str, summaries: dict[str, Any]) -> dict[str, Any]:
    """Return the part of ``metrics.json`` that has titles and the values of each row."""
    about = {
        "entity_f1": ("Entity F1 (strict, micro)", F1[stage]),
        "entity_parse_rate": ("Answers that parse", [1.0] * ROWS),
    }
    return {
        name: summaries[name]
        | {
            "title": title,
            "unit": "share",
            "higher_is_better": True,
            "definition": "Twice the correct over all on both sides; SemEval-2013 task 9.",
            "columns": ["score"],
            "row_ids": [f"{number:016x}" for number in range(ROWS)],
            "counts": [[0.0]] * ROWS,
            "row_values": values,
        }
        for name, (title, values) in about.items()
    }
