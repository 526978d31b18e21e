from __future__ import annotations

from dataclasses import replace

import pytest

from ftcore.display.plan_facts import decoding_text, millions, plan_facts, plan_notes


@pytest.fixture
def plan(toy):
    return toy.prepare().plan


def test_the_plan_says_all_that_is_decided(plan):
    facts = plan_facts(plan)
    assert facts.title == "capitals with toy on cpu"
    assert [name for name, _ in facts.pairs] == [
        "task",
        "model",
        "model from",
        "rows",
        "format",
        "row account",
        "tokens",
        "stream",
        "steps",
        "batch",
        "learning rate",
        "optimizer",
        "precision",
        "lora",
        "trainable",
        "validation",
        "evaluation",
        "metrics",
        "decoding",
        "exports",
        "memory",
        "time",
    ]
    texts = dict(facts.pairs)
    assert texts["rows"] == "train 10, test 5"
    assert texts["row account"] == "train: 10 kept, 0 cut, 0 dropped"
    assert texts["learning rate"] == "0.001, linear, 0 steps of warm-up"
    assert texts["lora"].startswith("rank 2, alpha 4, dropout 0, on ")
    assert texts["metrics"] == "exact_match (main)"


def test_what_is_off_by_default(plan):
    lora = replace(plan.settings.lora, rslora=True, dora=True, plus_ratio=16.0)
    settings = replace(
        plan.settings,
        lora=lora,
        eval_every=10,
        patience=3,
        load_best=True,
        save_every=20,
        gradient_checkpointing=True,
    )
    account = {"counts": {"train": {"kept": 1, "cut": 2, "dropped": 3}}, "reasons": {"overlong": 5}}
    texts = dict(
        plan_facts(
            replace(plan, settings=settings, account=account, left_over_rows=1, rows={"train": 1})
        ).pairs
    )
    assert "rsLoRA, DoRA, LoRA+ ratio 16" in texts["lora"]
    assert texts["validation"] == (
        "every 10 steps, stops after 3 without improvement, ends with the best checkpoint"
    )
    assert texts["checkpoints"] == "every 20 steps, the newest 2 kept"
    assert texts["lost because"] == "overlong 5"
    assert "gradient checkpointing" in texts["precision"]
    assert "left over" in texts["steps"]
    assert texts["evaluation"] == "none: there are no test rows"


def test_several_processes(plan):
    texts = dict(plan_facts(replace(plan, processes=3)).pairs)
    assert texts["batch"].startswith("2 rows x 2 accumulated x 3 processes = 12 rows a step")


def test_notes(plan):
    noted = replace(plan, approximate=["a"], warnings=["b"], machine_problems=["c"])
    assert plan_notes(noted) == [
        "approximate, as accepted: a",
        "warning: b",
        "would be refused here: c",
    ]


def test_sampling(plan):
    generation = {**plan.evaluation["generation"], "do_sample": True, "repetition_penalty": 1.1}
    assert decoding_text(generation).startswith(
        "sampled, temperature 1, top-p 1, top-k 0, seed 0, repetition penalty 1.1, at most 16"
    )


@pytest.mark.parametrize(
    ("number", "text"), [(900, "900"), (134_515_008, "134.5 M"), (1_540_000_000, "1.54 B")]
)
def test_parameters(number, text):
    assert millions(number) == text


@pytest.mark.parametrize(
    ("method", "tokens", "text"),
    [
        ("ia3", None, "factors on keys, values and the feed-forward layer"),
        ("prompt_tuning", 1, "the embeddings of 1 virtual token before every row"),
        ("prefix_tuning", 8, "keys and values of 8 virtual tokens in every layer"),
    ],
)
def test_adapters_other_than_lora(plan, method, tokens, text):
    settings = replace(plan.settings, method=method, virtual_tokens=tokens)
    assert dict(plan_facts(replace(plan, settings=settings)).pairs)[method] == text


def test_engine_options_and_what_is_not_used(plan):
    settings = replace(plan.settings, optimizer="adafactor", min_lr_ratio=0.1)
    options = {"tf32": True, "torch_compile_mode": "default"}
    changed = replace(plan, settings=settings, engine_options=options, other_options=["[b] is not"])
    pairs = plan_facts(changed).pairs
    assert [text for name, text in pairs if name == "engine option"] == [
        "tf32 = true, outside the guarantee",
        'torch_compile_mode = "default", outside the guarantee',
    ]
    assert dict(pairs)["learning rate"].startswith("0.001, linear down to 0.1 of it, ")
    assert dict(pairs)["optimizer"].startswith("adafactor, weight decay ")
    assert "[b] is not" in plan_notes(changed)
