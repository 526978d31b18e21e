from dataclasses import replace

import pytest

from ftcore.comparison.causes import explain_training
from ftcore.comparison.record import Point, Update
from tests.comparison.conftest import GROUP, NETWORK


def found(make_record, **changes):
    (finding,) = explain_training(make_record("other", **changes), make_record("one"))
    return finding


def test_the_same_has_no_causes(make_record):
    assert explain_training(make_record("other"), make_record("one")) == []


def test_without_an_observation_nothing_is_found(make_record):
    assert explain_training(make_record("other", observed=None), make_record("one")) == []


@pytest.mark.parametrize(
    ("changes", "code", "switch"),
    [
        ({"weight_decay": 0.1}, "weight-decay", {"weight_decay": 0.1}),
        ({"betas": [0.9, 0.95]}, "betas", {"beta1": 0.9, "beta2": 0.95}),
        ({"eps": 1e-6}, "epsilon", {"epsilon": 1e-6}),
    ],
)
def test_the_live_optimizer(make_record, changes, code, switch):
    finding = found(make_record, updates=changes)
    assert (finding.code, finding.level) == (code, "L3")
    assert finding.switch == {"settings": switch}
    assert finding.touches == {"tensors": (2, 2), "steps": (4, 4)}


def test_options_that_move_last_bits_only(make_record):
    assert found(make_record, updates={"fused": True}).code == "kernels"
    assert found(make_record, network={"threads": 2}).code == "kernels"


def test_another_optimizer(make_record):
    record = make_record("other")
    updates = {n: replace(u, optimizer="SGD") for n, u in record.observed.updates.items()}
    record = replace(record, observed=replace(record.observed, updates=updates))
    (finding,) = explain_training(record, make_record("one"))
    assert finding.sentence == "steps with SGD where one does with AdamW"


def test_the_start(make_record):
    trained = {**NETWORK["trained"], "b.weight": {"dtype": "float32", "digest": "x", "shape": [2]}}
    finding = found(make_record, network={"trained": trained})
    assert (finding.code, finding.touches) == ("initial-weights", {"tensors": (1, 2)})
    finding = found(make_record, network={"trained": {"a.weight": trained["a.weight"]}})
    assert finding.code == "trained-tensors"


def test_precision(make_record):
    finding = found(make_record, micros=lambda micro: replace(micro, arithmetic="bfloat16"))
    assert finding.code == "precision"
    assert finding.switch == {"settings": {"precision": "bf16"}}
    finding = found(make_record, network={"frozen": {"bfloat16": 5}})
    assert finding.switch == {"dtype": "bfloat16"}


def test_dropout_and_attention(make_record):
    finding = found(make_record, network={"dropout": {"0.05": 7}})
    assert finding.sentence == "has dropout 0.05 in 7 layers where one has none"
    assert found(make_record, network={"attention": "eager"}).code == "attention"


def test_padding(make_record):
    finding = found(make_record, micros=lambda micro: replace(micro, length=128))
    assert finding.code == "padding"
    assert finding.switch == {"settings": {"padding_multiple": 128}}


def rates(record, factors):
    updates = {
        n: Update(n, "AdamW", ({**GROUP, "lr": 1e-3 * f},), 0.5) for n, f in enumerate(factors)
    }
    return replace(record, observed=replace(record.observed, updates=updates))


def test_the_schedule(make_record):
    record = rates(make_record("other"), [1, 0.75, 0.5, 0.25])
    (finding,) = explain_training(record, make_record("one"))
    assert finding.code == "scheduler"
    assert finding.sentence.startswith("has a linear schedule where one has constant")
    assert finding.touches == {"steps": (3, 4)}
    assert finding.switch["settings"]["scheduler"] == "linear"
    warm = rates(make_record("other"), [0, 1, 1, 1])
    (finding,) = explain_training(warm, make_record("one"))
    assert "1 steps of warm-up" in finding.sentence
    odd = rates(make_record("other"), [1, 0.3, 0.9, 0.1])
    (finding,) = explain_training(odd, make_record("one"))
    assert finding.switch is None


def test_clipping(make_record):
    record = make_record("other")
    updates = {n: replace(u, clipped_norm=3.0) for n, u in record.observed.updates.items()}
    record = replace(record, observed=replace(record.observed, updates=updates))
    (finding,) = explain_training(record, make_record("one"))
    assert finding.code == "clipping"


def test_the_mean_of_means(make_record):
    """Micro-batches of other sizes: 3.0 a token in the first, 1.0 in the others."""

    def uneven(micro):
        tokens = 30 if micro.place[1] == 0 else 10
        return replace(micro, nll=tokens * (3.0 if micro.place[1] == 0 else 1.0), tokens=tokens)

    points = tuple(Point(step + 1, 2.0, 0.5, 1e-3) for step in range(4))
    right = tuple(replace(point, loss=2.5) for point in points)
    reference = make_record("one", micros=uneven, points=right)
    assert explain_training(make_record("other", micros=uneven, points=right), reference) == []
    record = make_record("other", micros=uneven, points=points)
    (finding,) = explain_training(record, reference)
    assert finding.code == "normalisation"
    assert finding.sentence.startswith("averages the micro-batches' mean losses")
    assert finding.switch == {"options": {"normalisation": "mean_of_means"}}
    assert finding.touches == {"steps": (4, 4)}


def test_an_engines_own_loss(make_record):
    record = make_record("other")
    record = replace(record, settings={**record.settings, "loss": "engine"})
    (finding,) = explain_training(record, make_record("one"))
    assert finding.code == "own-loss"
    assert finding.sentence == "computes its engine's own loss where one computes the standard loss"
