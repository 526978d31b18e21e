import json

import numpy as np
import pytest

from ftcore.comparison.metrics import same_metrics
from ftcore.errors import RunNotFound
from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.score import score


def run(folder, right, rows=40):
    """Write the scores of a run whose first ``right`` answers are right."""
    examples = [Example(f"r{n}", (), "yes", "yes" if n < right else "no", {}) for n in range(rows)]
    scores = score(examples, ["exact_match"], MetricContext(), resamples=200)
    folder.mkdir()
    data = {"main_metric": "exact_match", "scores": {"after": scores.to_json()}}
    (folder / "metrics.json").write_text(json.dumps(data, default=np.ndarray.tolist))
    return folder


def test_the_same_answers(tmp_path):
    level = same_metrics([run(tmp_path / "a", 20), run(tmp_path / "b", 20)])
    assert (level.name, level.verdict) == ("L4", "identical")
    assert level.numbers["metric"] == "exact_match"


def test_a_difference_within_the_interval(tmp_path):
    level = same_metrics([run(tmp_path / "a", 20), run(tmp_path / "b", 21)])
    assert level.verdict == "holds"
    assert "40 rows" in level.sentence


def test_a_difference_beyond_it(tmp_path):
    folders = [run(tmp_path / "a", 20), run(tmp_path / "b", 20), run(tmp_path / "c", 38)]
    level = same_metrics(folders)
    assert level.verdict == "breaks"
    assert "exact_match of c is higher than that of a" in level.sentence
    assert len(level.numbers["pairs"]) == 3


def test_a_run_without_scores(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(RunNotFound, match="no scores"):
        same_metrics([tmp_path / "a", tmp_path / "a"])
