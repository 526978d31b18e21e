"""The report of a comparison made by hand: golden Markdown, one safe page, words for every case."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ftcore.comparison.variants import ScoredRun
from ftcore.errors import InputError, RunNotFound
from ftcore.evaluation.intervals import Interval
from ftcore.evaluation.score import MetricScore, Scores
from ftcore.protocol import Result, read_message
from ftcore.report.compare import write_comparison
from ftcore.report.compare_curves import curves_svg, curves_words
from ftcore.report.compare_data import ComparedVariant, Comparison, FailedCell, make_comparison
from ftcore.report.compare_run import ComparedRun, Costs, read_compared, read_costs
from ftcore.report.compare_tables import metrics_grid, pair_cell
from ftcore.report.compare_words import listed, spread_words, verdict
from ftcore.runs.folder import Manifest, RunFolder
from tests.report.test_write import GOLDEN, Page

ATTACK = '<script>alert(1)</script><img src="https://evil.example/x" onerror="x()">'
BEGUN = 1_764_000_000.0
ABOUT = {
    "exact_match": {
        "title": "Exact match",
        "unit": "share",
        "definition": "The share of answers equal to the reference.",
        "higher_is_better": True,
    }
}


def make_run(folder: Path, name: str, seed: int, right: Sequence[int], **costs: Any) -> ComparedRun:
    path = folder / f"{name}-{seed}"
    (path / "predictions").mkdir(parents=True, exist_ok=True)
    ids = [f"row{place}" for place in range(len(right))]
    lines = [
        {
            "row_id": row,
            "source": f"test.jsonl:{place + 1}",
            "prompt": [{"role": "user", "content": f"Question {place} {ATTACK}"}],
            "reference": "yes",
            "fields": {},
            "answers": {"after": "yes" if hit else f"no {name}"},
        }
        for place, (row, hit) in enumerate(zip(ids, right, strict=True))
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (path / "predictions" / "rows.jsonl").write_text(text)
    counts = np.stack([np.array(right, dtype=float), np.ones(len(right))], axis=1)
    share = float(np.mean(right))
    score = MetricScore(
        "exact_match",
        share,
        Interval(max(0.0, share - 0.2), min(1.0, share + 0.2)),
        tuple(ids),
        counts,
        counts[:, 0],
        ("hits", "rows"),
    )
    given = {"wall": 60.0 + seed, "start_up": 12.0, "steps": 40.0, "tokens_per_second": 900.0}
    given |= {"memory": 512.0, "gpu_memory": None, "exports": {"adapter": 2**20}}
    return ComparedRun(
        path=path,
        manifest=Manifest(
            f"{name}-{seed}", "demo", None, name, "tiny", seed, BEGUN, "finished", None, BEGUN + 60
        ),
        scored=ScoredRun(f"{name}-{seed}", seed, Scores({"exact_match": score}, 0, 200)),
        main="exact_match",
        main_slice=None,
        about=ABOUT,
        fields={"recipe": "demo.toml"},
        plan={"stream": "abc", "device": "cpu", "model": {"id": "tiny", "fingerprint": "f00d"}},
        environment={"plugin_version": "1.0", "code": "c0de"},
        versions={"torch": "2.0", "trl": "1.0"},
        costs=Costs(**{**given, **costs}),
        loss=tuple((step, 2.0 / step + seed / 100) for step in range(1, 9)),
    )


def draws(seed: int, chance: float, rows: int = 40) -> list[int]:
    return (np.random.default_rng(seed).random(rows) < chance).astype(int).tolist()


def variant(folder: Path, name: str, chance: float, seeds: Sequence[int]) -> ComparedVariant:
    start = round(1000 * chance)
    runs = [make_run(folder, name, seed, draws(start + seed, chance)) for seed in seeds]
    return ComparedVariant(name, {"backend": name}, tuple(runs))


def compare(*variants: ComparedVariant, **more: Any) -> Comparison:
    made = make_comparison(list(variants), title="demo", seeds_by="backend", **more)
    return replace(made, created=BEGUN)


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    seeds = [1, 2, 3, 4]
    return compare(
        variant(tmp_path, "alpha", 0.9, seeds),
        variant(tmp_path, "beta", 0.85, seeds),
        variant(tmp_path, "gamma", 0.2, [1, 2, 3]),
        failed=[FailedCell("gamma", 4, f"ran out of memory {ATTACK}", "runs/gamma-4")],
        price=2.0,
    )


def test_markdown_is_the_golden_one(comparison: Comparison, tmp_path: Path) -> None:
    write_comparison(comparison, tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text().replace(str(tmp_path), "RUNS")
    golden = GOLDEN / "comparison.md"
    if os.environ.get("FT_UPDATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_the_page_needs_nothing_and_runs_nothing(comparison: Comparison, tmp_path: Path) -> None:
    page = write_comparison(comparison, tmp_path / "out")
    read = Page(page.read_text())
    assert read.open == []
    assert "script" not in read.tags
    assert "img" not in read.tags
    assert read.handlers == []
    assert [found for found in read.addresses if not found.startswith("#")] == []
    assert "<script>alert(1)" in read.words  # shown, not run
    assert "var(--chart-v1)" in page.read_text()
    data = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert data["ranking"]["leaders"] == ["alpha", "beta"]
    assert len(data["disagreements"]["rows"]) > 10


def test_the_same_data_give_the_same_bytes(comparison: Comparison, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_comparison(comparison, tmp_path / name)
    for file in ("report.html", "report.md", "comparison.json", "plots/loss.svg"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_no_ranking_where_seeds_show_none(tmp_path: Path) -> None:
    seeds = [1, 2, 3]
    made = compare(variant(tmp_path, "a", 0.5, seeds), variant(tmp_path, "b", 0.52, seeds))
    assert "no significant difference" in verdict(made)
    assert "do not support a ranking" in verdict(made)
    assert "would mostly have been noticed" in verdict(made)
    assert metrics_grid(made).strong is None
    assert "from seed to seed by" in spread_words(made)


def test_one_seed_a_side_says_these_rows_only(tmp_path: Path) -> None:
    made = compare(variant(tmp_path, "a", 0.2, [1]), variant(tmp_path, "b", 0.9, [1]))
    said = verdict(made)
    assert "b is higher than a by" in said
    assert "these rows and these runs only, not attributable to the backend" in said
    assert "--seeds" in said
    assert metrics_grid(made).strong is None
    assert "is not known" in spread_words(made)


def test_a_clear_winner_and_a_whole_order(tmp_path: Path) -> None:
    seeds = [1, 2, 3, 4, 5]
    best, middle, last = (
        variant(tmp_path, name, chance, seeds)
        for name, chance in (("best", 0.97), ("middle", 0.5), ("last", 0.05))
    )
    made = compare(last, best, middle)
    assert "best > middle > last" in verdict(made)
    assert metrics_grid(made).strong == 1
    two = compare(last, replace(last, name="twin"), best)
    assert "best is significantly better than all others" in verdict(two)


def test_equal_answers_are_said_to_be_equal(tmp_path: Path) -> None:
    one = variant(tmp_path, "a", 0.5, [1, 2])
    made = compare(one, replace(one, name="b"))
    assert verdict(made) == "Exact match: the same on every test row for a and b."
    assert pair_cell(made.main_pairs[0]).words == "the same on every row"
    assert "equal to the bit at all 8 steps" in curves_words(made.variants)


def test_curves_that_part_have_a_log_axis(comparison: Comparison) -> None:
    one, other = comparison.variants[:2]
    moved = tuple((step, value + 1e-6) for step, value in other.runs[0].loss)
    other = replace(other, runs=(replace(other.runs[0], loss=moved),))
    svg = curves_svg([one, other])
    assert svg is not None
    assert "log axis" in svg
    assert "at most 1e-06 apart" in curves_words([one, other])
    nothing = replace(one, runs=(replace(one.runs[0], loss=()),))
    assert curves_svg([nothing]) is None


def test_nothing_finished_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished run"):
        compare(ComparedVariant("a", {}, ()))


def test_remarks_on_what_does_not_fit(tmp_path: Path) -> None:
    one, other = variant(tmp_path, "a", 0.5, [1]), variant(tmp_path, "b", 0.5, [1, 2])
    odd = replace(one.runs[0], main="token_f1", main_slice="kind=a")
    made = compare(other, replace(one, runs=(odd,)))
    said = " ".join(made.notes)
    assert "different deciding metrics" in said
    assert "decides by the rows of kind=a" in said
    assert "not all variants have the same number of runs: b 2, a 1" in said


def test_what_a_stored_run_took(finished_run: RunFolder) -> None:
    plan, events = finished_run.read_json("plan.json"), finished_run.read_lines("events.jsonl")
    result = read_message(Result, finished_run.file("result.json"))
    found = read_costs(finished_run, finished_run.manifest(), plan, result, events)
    assert found.wall == pytest.approx(312.4)
    assert found.memory is not None
    assert found.exports
    finished_run.update(resumed=[{"time": 0.0, "from_step": 3, "after": "crashed"}])
    again = read_costs(finished_run, finished_run.manifest(), plan, result, events)
    assert (again.wall, again.start_up) == (None, None)  # nobody knows how long it really took


def test_a_run_without_scores_is_refused(finished_run: RunFolder) -> None:
    with pytest.raises(RunNotFound, match="cannot be compared") as raised:
        read_compared(finished_run)
    assert raised.value.code == "run.no-scores"


def test_names_as_words() -> None:
    assert [listed(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == [
        "a",
        "a and b",
        "a, b and c",
    ]
