"""The certificate from real runs of toys: no engine, no observation, but rows, receipts, curves."""

from __future__ import annotations

import json

import pytest

import ftcore
from ftcore.comparison.certificate import Certificate
from ftcore.errors import BackendFailed, DataError, RecipeError, RunNotFound

VERDICTS = ["identical", "identical", "identical", "identical", "not_measured"]


def verdicts(certificate):
    return [level.verdict for level in certificate.levels]


def test_twins_are_the_same(check, toy):
    result = check("toy", "twin")
    certificate = result.certificate
    assert verdicts(certificate) == VERDICTS
    assert certificate.identical
    assert certificate.sentence == "toy and twin trained 3 steps to the same bits."
    assert [side.name for side in certificate.sides] == ["toy", "twin"]
    assert len(certificate.sides[0].loss) == 3
    assert all(len(side.lock) == 64 and side.code for side in certificate.sides)
    assert result.path == toy.runs / "recipe.parity.json"
    assert Certificate.load(result.path) == certificate


def test_the_pins_and_what_they_left_out(check):
    certificate = check("toy", "twin", max_length=21).certificate
    assert certificate.pins["train.batch_size"] == 2
    assert certificate.pins["data.max_length"] == 21
    assert certificate.asked.max_length == 21
    assert certificate.used["longest"] <= 21
    left = certificate.levels[0].numbers["left_out"]
    assert left > 0
    assert f"{left} rows of more than 21 tokens are left out" in certificate.notes


def test_rows_that_are_all_too_long(check):
    with pytest.raises(DataError, match="the shortest has"):
        check("toy", "twin", max_length=5)


def test_what_the_user_sets_wins_and_is_said(check):
    overrides = ["train.batch_size=3", "data.max_length=100"]
    certificate = check("toy", "twin", overrides=overrides).certificate
    assert certificate.used["settings"]["batch_size"] == 3
    assert "train.batch_size is as given, not as pinned" in certificate.notes
    assert not {"train.batch_size", "data.max_length"} & set(certificate.pins)


def test_the_first_level_that_breaks(check, toy):
    result = check("toy", "other_labels")
    certificate = result.certificate
    assert certificate.breaks_at == "L1"
    assert not result.holds
    assert certificate.levels[1].numbers["micro_batches"]["toy"]["other"] == 0
    assert certificate.levels[1].numbers["micro_batches"]["other_labels"]["other"] == 6
    assert certificate.sides[1].errors
    assert "other_labels" in certificate.sentence
    # A run that is compared goes to its end; what does not hold is kept.
    run = json.loads(
        (toy.runs / "parity").glob("*other_labels*/receipts.json").__next__().read_text()
    )
    assert not run["equal"]
    assert run["errors"][0]["error"] == "ReceiptMismatch"


def test_a_training_that_stops_early(check):
    certificate = check("toy", "stops_early").certificate
    assert certificate.breaks_at == "L3"
    assert certificate.sides[1].steps == 2


def test_a_backend_that_fails_is_an_error(check):
    with pytest.raises(BackendFailed, match="the engine broke"):
        check("toy", "crashes")


def test_stored_trainings_are_reused(check, toy):
    first = check("toy", "twin").certificate
    toy.heard.notices.clear()
    second = check("twin", "toy").certificate
    assert sum("reused toy-" in n or ": reused " in n for n in toy.heard.notices) >= 2
    assert {side.run for side in first.sides} == {side.run for side in second.sides}
    fresh = check("toy", "twin", fresh=True).certificate
    assert not {side.run for side in first.sides} & {side.run for side in fresh.sides}
    assert len(list((toy.runs / "parity").iterdir())) == 4


def test_other_settings_are_trained_anew(check, toy):
    check("toy", "twin")
    check("toy", "twin", steps=2)
    check("toy", "twin", overrides=["train.learning_rate=1e-2"])
    assert len(list((toy.runs / "parity").iterdir())) == 6


def test_runs_of_a_comparison_are_not_among_the_others(check, toy):
    from ftcore.runs.listing import list_runs

    check("toy", "twin")
    assert list_runs(toy.runs) == []


def test_normal_mode_takes_the_recipe_as_it_is(check, toy):
    certificate = check("toy", "twin", mode="normal").certificate
    assert certificate.used["settings"]["batch_size"] == 2
    assert "train.batch_size" not in certificate.pins
    assert certificate.envelope.why.startswith("two seeds of toy on the same rows")
    assert len(list((toy.runs / "parity").iterdir())) == 3
    seeds = [
        json.loads(path.read_text())["settings"]["seed"]
        for path in (toy.runs / "parity").glob("*/job.json")
    ]
    assert sorted(seeds) == [7, 7, 8]


@pytest.mark.parametrize("backends", [(), ("toy",), ("toy", "toy"), ("plain",)])
def test_two_trainings_are_needed(check, backends):
    with pytest.raises(RecipeError, match="two trainings"):
        check(*backends)


def test_an_unknown_backend(check):
    with pytest.raises(RecipeError, match="unknown backend 'tyo'"):
        check("toy", "tyo")


def test_task_metrics_come_from_stored_runs(check, toy):
    runs = [toy.run(), toy.run()]
    names = [run.folder.path.name for run in runs]
    certificate = check("toy", "twin", full_runs=names).certificate
    assert certificate.levels[4].verdict == "identical"
    with pytest.raises(RunNotFound):
        check("toy", "twin", full_runs=["nowhere", names[0]])


def test_a_certificate_is_confirmed(check, toy):
    path = check("toy", "twin").path
    again = ftcore.verify_parity(path, python="current", runs=toy.runs, progress=False)
    assert again.confirmed, again.problems
    assert again.same_bits
    assert again.notes == ()
    assert len(list((toy.runs / "parity").iterdir())) == 4


def test_a_certificate_of_other_rows_is_not_confirmed(check, toy):
    path = check("toy", "twin").path
    rows = toy.root / "train.jsonl"
    rows.write_text(rows.read_text().replace("Paris", "London"), encoding="utf-8")
    again = ftcore.verify_parity(path, python="current", runs=toy.runs, progress=False)
    assert not again.confirmed
    assert "the stream of rows is not what it was" in again.problems


def test_a_certificate_that_does_not_hold_is_not_confirmed(check, toy):
    path = check("toy", "other_labels").path
    again = ftcore.verify_parity(path, python="current", runs=toy.runs, progress=False)
    assert not again.confirmed
    assert "parity does not hold, as the certificate says" in again.problems[0]


def test_it_is_shown_in_a_notebook(check):
    text = check("toy", "twin")._repr_html_()
    assert "same tokens and labels" in text
    assert "to the same bits" in text
