"""Two real engines compared on a tiny model, from recipe to report."""

from __future__ import annotations

from pathlib import Path

import pytest

import ftcore
from tests.conftest import CAPITALS, write_rows

pytestmark = pytest.mark.heavy

RECIPE = """
name = "tiny"

[model]
id = "{model}"

[data]
train = "train.jsonl"
test = "test.jsonl"
format = "prompt_completion"

[train]
max_steps = 4
batch_size = 2
precision = "fp32"
learning_rate = 1e-2

[evaluation]
metrics = ["exact_match", "token_f1"]
resamples = 20

[evaluation.generation]
max_new_tokens = 4

[launch]
device = "cpu"
threads = 1
"""


def test_two_engines_with_two_seeds(tiny_model: Path, tmp_path: Path) -> None:
    recipe, runs = tmp_path / "tiny.toml", tmp_path / "runs"
    recipe.write_text(RECIPE.format(model=tiny_model), encoding="utf-8")
    rows = [
        {"prompt": f"What is the capital of {land}?", "completion": f"{city}."}
        for land, city in CAPITALS.items()
    ]
    for name in ("train", "test"):
        write_rows(tmp_path / f"{name}.jsonl", rows)

    def compare() -> ftcore.ComparisonResult:
        return ftcore.compare(
            recipe, backends=["trl", "swift"], seeds=2, runs=runs, price_per_hour=1, progress=False
        )

    result = compare()
    assert [cell.state for cell in result.cells] == ["finished"] * 4
    (pair,) = result.comparison.main_pairs
    assert pair.identical  # one stream, one start, one order: the same model on both
    assert "the same on every test row" in result.verdict
    assert result.certificate is not None
    assert result.certificate.identical
    for variant in result.comparison.variants:
        assert variant.cost("tokens_per_second")
        assert variant.cost("memory")
        assert all(cost > 0 for cost in variant.cost("start_up"))
        assert variant.runs[0].costs.exports["adapter"] > 0
        assert len(variant.runs[0].loss) == 4
    page = result.report_path.read_text("utf-8")
    assert "Is it the same training?" in page
    assert "equal to the bit at all 4 steps" in page

    again = compare()
    assert [cell.state for cell in again.cells] == ["reused"] * 4
    assert again.certificate is not None
    assert again.certificate.holds

    # The same of the runs themselves, as long as their recipe is what it was.
    two = [str(cell.run) for cell in again.cells if cell.seed == again.cells[0].seed]
    stored = ftcore.compare(*two, runs=runs, progress=False)
    assert stored.certificate is not None
    assert stored.certificate.identical
    without = ftcore.compare(*two, runs=runs, parity=False, progress=False)
    assert without.certificate is None
    recipe.write_text(recipe.read_text("utf-8").replace("1e-2", "1e-3"), encoding="utf-8")
    changed = ftcore.compare(*two, runs=runs, progress=False)
    assert changed.certificate is None
    assert any("is no longer the recipe of" in note for note in changed.comparison.notes)
