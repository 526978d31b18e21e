"""Are ft's ROUGE and BLEU those of evalscope's `general_qa`? 500 Chinese, English and mixed pairs.

    uv venv ORACLE && uv pip install --python ORACLE/bin/python --no-deps evalscope==0.5.5rc1
    uv pip install --python ORACLE/bin/python nltk jieba rouge-chinese sacrebleu scikit-learn tqdm
    python benchmarks/general_qa.py ORACLE/bin/python [--write FILE]

``--write tests/evaluation/golden/general_qa.jsonl`` renews what the tests compare with.

The pairs are references of the shipped recipes, and what a model might make of them: words lost,
doubled, swapped, another row's answer, both languages in one line, nothing. evalscope's two files
with the definitions are loaded without the rest of it, which needs torch. nltk's sentence splitter
needs data that has to be downloaded; both sides call its word tokeniser on the whole text. A row
on which evalscope fails (a blank side) is to score 0. Exits 1 where a score differs by over 1e-9.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ftcore.evaluation.metric import Example, MetricContext, get_metric

RECIPES = Path(__file__).parents[1] / "recipes" / "data"
PAIRS, SEED = 500, 20240
NAMES = {f"rouge-{n}-{f}": f"rouge_{n}_{f}" for n in "12l" for f in "rpf"}
NAMES |= {f"bleu-{n}": f"bleu_{n}" for n in range(1, 5)}

ORACLE = """
import importlib.util, json, sys, types, warnings
from pathlib import Path

warnings.simplefilter("ignore")
import nltk
from nltk.tokenize.destructive import NLTKWordTokenizer

nltk.word_tokenize = NLTKWordTokenizer().tokenize
root = Path(importlib.util.find_spec("evalscope").submodule_search_locations[0])


class Anything:
    ROUGE_KEYS = ()

    def __init__(self, *args, **options):
        pass


Anything.RougeScorer = Anything
for name in ("evalscope", "evalscope.constants", "evalscope.metrics",
             "evalscope.metrics.bundled_rouge_score", "evalscope.preprocess",
             "evalscope.preprocess.tokenizers", "evalscope.preprocess.tokenizers.gpt2_tokenizer"):
    module = sys.modules[name] = types.ModuleType(name)
    module.MetricsConstant = module.rouge_scorer = module.DummyTokenizer = Anything


def load(name):
    spec = importlib.util.spec_from_file_location(name, root / "metrics" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rouge, bleu = load("rouge_metric"), load("metrics")
found = []
for prediction, reference in json.load(sys.stdin):
    try:
        scores = dict(rouge.compute_rouge_score_one_sample_zh([prediction], [reference]))
        found.append(scores | bleu.bleu_ngram_one_sample(prediction, reference))
    except ValueError:
        found.append(None)
json.dump([nltk.__version__, found], sys.stdout)
"""


def references() -> list[str]:
    """Return the answers of all shipped test rows, English and Chinese."""
    found = []
    for path in sorted(RECIPES.glob("**/test.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            turns = row.get("messages") or row.get("conversations") or []
            entities = [json.dumps(e, ensure_ascii=False) for e in row.get("entities") or []]
            for text in (row.get("response"), row.get("output"), "\n".join(entities)):
                found += [text] if text else []
            found += [turn["content"] for turn in turns if turn["role"] == "assistant"]
    return found


def is_chinese(text: str) -> bool:
    """Return whether the text has a Chinese character, in evalscope's sense."""
    return any("\u4e00" <= char <= "\u9fa5" for char in text)


def changed(text: str, others: list[str], rng: random.Random) -> str:
    """Return what a model might have answered where ``text`` was right."""
    parts, glue = (list(text), "") if is_chinese(text) else (text.split(" "), " ")
    kind = rng.randrange(10)
    if kind < 4:
        parts = [part for part in parts if rng.random() > 0.25]
        parts = [one for part in parts for one in [part] * (2 if rng.random() < 0.1 else 1)]
    elif kind == 4:
        place = rng.randrange(len(parts))
        parts = parts[place:] + parts[:place]
    elif kind == 5:
        parts = [*parts, "\n", *rng.choice(others).split(" ")]
    elif kind == 6:
        return rng.choice(others)
    elif kind == 7:
        return f'{rng.choice(others)} "{text}" (可能) ... can\'t say; 50%, e.g. {text[:20]}'
    elif kind == 8:
        return rng.choice(["", " ", "\n\n", ".", "。", "是", text, f"\n {text}  ", text.lower()])
    return glue.join(parts)


def make_pairs() -> list[tuple[str, str]]:
    """Return the pairs (answer, reference), the same ones every time."""
    rng, known = random.Random(SEED), references()
    chinese = [text for text in known if is_chinese(text)]
    pairs = []
    for number in range(PAIRS):
        reference = rng.choice(chinese if number % 2 else known)
        if rng.random() < 0.15:
            reference = f"{reference} {rng.choice(known)}"
        pairs.append((changed(reference, known, rng), reference))
    return pairs


def oracle_scores(
    python: str, pairs: list[tuple[str, str]]
) -> tuple[str, list[dict[str, float] | None]]:
    """Return the oracle's version of nltk and its scores of each pair, None where it fails."""
    done = subprocess.run(
        [python, "-c", ORACLE], input=json.dumps(pairs), capture_output=True, text=True, check=True
    )
    nltk, found = json.loads(done.stdout)
    return nltk, found


def largest_difference(pairs: list[tuple[str, str]], expected: list[Any]) -> float:
    """Return the largest difference of any score between ft and evalscope."""
    largest, context = 0.0, MetricContext()
    for (prediction, reference), scores in zip(pairs, expected, strict=True):
        example = Example("", (), reference, prediction)
        for theirs, ours in NAMES.items():
            value = get_metric(ours)().score_row(example, context)[0]
            largest = max(largest, abs(value - (scores[theirs] if scores else 0.0)))
    return largest


def short(scores: dict[str, float] | None) -> dict[str, float] | None:
    """Return the scores with as many digits as the test looks at."""
    return scores and {NAMES[name]: round(value, 11) for name, value in scores.items()}


def main() -> int:
    """Compare; with ``--write`` also keep the pairs and evalscope's scores as test data."""
    parser = argparse.ArgumentParser(description="ft's ROUGE and BLEU against evalscope's.")
    parser.add_argument("python", help="interpreter of an environment with evalscope 0.5.5rc1")
    parser.add_argument("--write", type=Path, help="file for the pairs and evalscope's scores")
    options = parser.parse_args()
    pairs = make_pairs()
    theirs, expected = oracle_scores(options.python, pairs)
    if theirs != version("nltk"):
        print(f"nltk is {version('nltk')} here and {theirs} there: its tokens may differ")
    largest = largest_difference(pairs, expected)
    chinese = sum(is_chinese("".join(pair)) for pair in pairs)
    print(
        f"{len(pairs)} pairs, {chinese} with Chinese, {expected.count(None)} on which evalscope "
        f"fails; largest difference of {len(NAMES)} scores: {largest:.2g}"
    )
    if options.write:
        lines = [json.dumps({"nltk": theirs})]
        lines += (
            json.dumps({"prediction": p, "reference": r, "scores": short(s)}, ensure_ascii=False)
            for (p, r), s in zip(pairs, expected, strict=True)
        )
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return int(largest > 1e-9)


if __name__ == "__main__":
    sys.exit(main())
