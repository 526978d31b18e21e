from __future__ import annotations

import pytest

from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.metrics.exact import ExactMatch


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [(" yes\n", "yes", 1), ("Yes", "yes", 0), ("", "yes", 0), ("是的", "是的", 1)],
)
def test_exact_match(prediction: str, reference: str, expected: float) -> None:
    example = Example("r", (), reference, prediction)
    assert ExactMatch().score_row(example, MetricContext()) == (expected, 1.0)
