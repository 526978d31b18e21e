from __future__ import annotations

import numpy as np
import pytest

from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.metrics.diversity import Distinct1, Distinct2


def counts(metric: type[Distinct1] | type[Distinct2], prediction: str) -> tuple[float, ...]:
    return metric().score_row(Example("r", (), "", prediction), MetricContext())


def test_known_values() -> None:
    assert counts(Distinct1, "to be or not To be") == (4, 6)
    assert counts(Distinct2, "to be or not To be") == (4, 5)
    assert counts(Distinct1, "奖学金，奖学金") == (2, 3)
    assert counts(Distinct2, "one") == (0, 0)


def test_answers_are_pooled_and_no_words_are_undefined() -> None:
    sums = np.array([[4.0, 6.0], [0.0, 0.0]])
    values = Distinct1().aggregate(sums)
    assert values[0] == pytest.approx(2 / 3)
    assert np.isnan(values[1])
