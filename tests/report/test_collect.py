from __future__ import annotations

import pytest

from ftcore.errors import ProtocolViolation
from ftcore.protocol import write_json
from ftcore.report.collect import collect
from ftcore.report.summary import commands, guarantee_checks, training_lines
from ftcore.runs.folder import RunFolder


def test_a_finished_run_fills_every_part(finished_run: RunFolder) -> None:
    data = collect(finished_run)
    assert data.metrics is not None
    assert data.slices is not None
    assert data.training is not None
    assert data.training.tokens == 48 * 4 * 50
    assert data.training.epochs_done == 2.0
    assert data.training.tokens_per_second() == pytest.approx(9600 / 168)
    assert [time.name for time in data.times][-1] == "export"
    assert all(time.ended for time in data.times)


def test_an_interrupted_run_has_what_there_is(interrupted_run: RunFolder) -> None:
    data = collect(interrupted_run)
    assert data.metrics is None
    assert data.slices is None
    assert data.examples is None
    assert data.result is None
    assert data.curves is not None
    assert data.training is not None
    assert data.training.steps_done == 17
    assert data.training.tokens == 17 * 4 * 50
    assert [time.ended for time in data.times] == [True, True, False]


def test_a_run_that_never_began_has_neither_curves_nor_receipts(failed_run: RunFolder) -> None:
    data = collect(failed_run)
    assert data.curves is None
    assert data.guarantee is None
    assert data.times == ()


def test_confirmed_receipts_hold(finished_run: RunFolder) -> None:
    checks = guarantee_checks(collect(finished_run).guarantee)
    assert [check.holds for check in checks] == [True, True]
    assert checks[0].text.startswith("48 of 48 micro-batches")
    assert "13 settings" in checks[1].text


def test_receipts_that_nobody_counted_do_not(interrupted_run: RunFolder) -> None:
    checks = guarantee_checks(collect(interrupted_run).guarantee)
    assert [check.holds for check in checks] == [False]
    assert checks[0].text.startswith("17 receipts written")


def test_training_that_ended_early_says_what_was_planned(finished_run: RunFolder) -> None:
    counts = {"micro_batches": 24, "planned": 48, "equal": True}
    write_json(counts, finished_run.file("receipts.json"))
    first = guarantee_checks(collect(finished_run).guarantee)[0]
    assert first.text.startswith("24 of 24")
    assert "48 were planned" in first.text


def test_what_is_outside_the_guarantee_is_listed(finished_run: RunFolder) -> None:
    plan = finished_run.read_json("plan.json")
    plan["settings"] |= {"loss": "engine", "precision": "bf16"}
    plan["approximate"] = ["train.scheduler: constant after warm-up"]
    write_json(plan, finished_run.file("plan.json"))
    write_json({"world_size": 1, "engine_options": {"x": 1}}, finished_run.file("job.json"))
    guarantee = collect(finished_run).guarantee
    assert guarantee is not None
    outside = " / ".join(guarantee.outside)
    assert "train.scheduler" in outside
    assert 'train.loss = "engine"' in outside
    assert "engine options of the recipe: x" in outside
    assert "bf16" in outside


def test_warnings_are_those_of_plan_and_worker_each_once(interrupted_run: RunFolder) -> None:
    lines = interrupted_run.file("events.jsonl").read_text(encoding="utf-8").splitlines()
    text = "\n".join([*lines, lines[-1]]) + "\n"
    interrupted_run.file("events.jsonl").write_text(text, encoding="utf-8")
    warnings = collect(interrupted_run).warnings
    assert len(warnings) == 2
    assert warnings[0].endswith("its prompt is also in training")
    assert warnings[1].endswith("(2 times)")


def test_the_commands_run_the_recipe_as_it_was_run(finished_run: RunFolder) -> None:
    assert commands(collect(finished_run)) == (
        "ft run /home/ada/project/recipes/ner.toml --profile zh --backend trl --set train.epochs=2",
        "ft report ner-trl-20251124-160000-ab12",
    )


@pytest.mark.parametrize("name", ["metrics.json", "plan.json", "events.jsonl", "result.json"])
def test_a_damaged_file_is_named(finished_run: RunFolder, name: str) -> None:
    finished_run.file(name).write_text("{ not json }\n", encoding="utf-8")
    with pytest.raises(ProtocolViolation, match=name):
        collect(finished_run)


def test_loss_and_speed_are_among_the_lines(finished_run: RunFolder) -> None:
    metrics = finished_run.read_json("metrics.json")
    figures = {"rows": 12, "reused": 2, "tokens": 480, "tokens_per_second": 96.0}
    figures |= {"seconds_per_answer": 0.5, "peak_memory_mib": 1024.0}
    metrics["generation"] = {
        "before": dict.fromkeys(figures, None) | {"rows": 12, "reused": 12},
        "after": figures,
    }
    best = {"loss": 0.5, "perplexity": 1.6487, "step": 20}
    metrics["validation"] = {"best": best, "last": best | {"loss": 0.75, "step": 40}}
    write_json(metrics, finished_run.file("metrics.json"))
    lines = {line.label: line.value for line in training_lines(collect(finished_run))}
    answering = [value for label, value in lines.items() if label.startswith("Answering")]
    assert answering == [
        "10 answers of 480 tokens, 96 tokens/s, 0.5 s an answer; peak memory 1.0 GiB"
    ]
    loss = lines["Validation loss, nats per supervised token"]
    assert loss.startswith("lowest 0.500 (perplexity 1.65) at step 20, at the end 0.750")
