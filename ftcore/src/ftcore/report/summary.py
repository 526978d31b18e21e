"""Puts the facts of a run into labelled lines that both reports print."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ftcore.report import numbers
from ftcore.report.collect import Guarantee, ReportData
from ftcore.report.trained_words import adapter_words, trained_words
from ftcore.report.training import Training

STAGE_WORDS = {
    "before": "evaluation before",
    "few_shot": "few-shot evaluation",
    "train": "training",
    "after": "evaluation after",
    "export": "export",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A label and its value; ``code`` values are names, hashes, paths or commands."""

    label: str
    value: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Lines under one heading."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One statement of the guarantee: it holds, or it is outside or open (``holds`` False)."""

    holds: bool
    text: str


def training_lines(data: ReportData) -> tuple[Line, ...]:
    """Return the summary of the training; empty without a plan."""
    if data.training is None:
        return ()
    made = (*_rows(data.training), *_steps(data.training), *_validation(data))
    return (*made, *_cost(data), *_answers(data), *_method(data))


def _rows(training: Training) -> Iterator[Line]:
    for part in training.parts:
        if part.kept or part.cut or part.dropped:
            text = f"{numbers.count(part.kept)} kept, {part.cut:,} cut, {part.dropped:,} dropped"
            yield Line(f"Rows, {part.part}", text)
    if training.reasons:
        reasons = ", ".join(f"{name} {count:,}" for name, count in training.reasons.items())
        yield Line("Cut or dropped because", reasons)
    if training.test_rows:
        yield Line("Rows, test", numbers.count(training.test_rows))
    share = training.epoch_supervised / max(training.epoch_tokens, 1)
    yield Line(
        "Tokens in one epoch",
        f"{numbers.count(training.epoch_tokens)}, of which "
        f"{numbers.count(training.epoch_supervised)} supervised ({share:.1%}); longest row "
        f"{numbers.count(training.longest)}",
    )


def _steps(training: Training) -> Iterator[Line]:
    settings = training.settings
    done, planned = numbers.count(training.steps_done), numbers.count(training.steps_planned)
    rows = f"{settings['batch_size']} rows"
    if settings["accumulation"] > 1:
        rows += f" x {settings['accumulation']} micro-batches"
    if training.processes > 1:
        rows += f" x {training.processes} processes"
    yield Line("Optimizer steps", f"{done} of {planned}, each of {rows}")
    if training.epochs_done is not None:
        yield Line("Epochs", f"{training.epochs_done:.4g} of {training.epochs_planned:.4g}")
    if training.tokens is not None and training.supervised is not None:
        yield Line(
            "Tokens trained on",
            f"{numbers.count(training.tokens)}, of which "
            f"{numbers.count(training.supervised)} supervised, padding not counted",
        )
    if training.left_over_rows:
        left = numbers.plural(training.left_over_rows, "row")
        yield Line("Left out at the very end", f"{left}, fewer than there are processes")
    if training.best:
        yield Line("Best checkpoint", training.best, code=True)


def _cost(data: ReportData) -> Iterator[Line]:
    training, plan = data.training, data.plan
    if training is None or plan is None:
        return
    estimate, rate = plan["estimate"], training.tokens_per_second()
    if training.seconds is not None:
        text = numbers.duration(training.seconds)
        if rate:
            text += f" ({numbers.count(rate)} tokens/s)"
        yield Line("Time of all steps", f"{text}; {_expected_time(estimate)}")
    if training.peak_memory_mib is not None:
        peak = numbers.size(training.peak_memory_mib * 2**20)
        expected = numbers.size(estimate["memory_mib"] * 2**20)
        yield Line("Peak memory of the worker", f"{peak} over all stages; expected {expected}")
    if training.peak_cuda_memory_mib is not None:
        yield Line("Peak memory on the GPU", numbers.size(training.peak_cuda_memory_mib * 2**20))
    if data.times:
        parts = [
            f"{STAGE_WORDS.get(time.name, time.name)} {numbers.duration(time.seconds)}"
            + ("" if time.ended else " (not ended)")
            for time in data.times
        ]
        yield Line("Where the time went", ", ".join(parts))


def _validation(data: ReportData) -> Iterator[Line]:
    if data.validation is None:
        return
    best, last = data.validation["best"], data.validation["last"]
    text = f"{_loss(best)} at step {best['step']:,}"
    if last["step"] != best["step"]:
        text = f"lowest {text}, at the end {_loss(last)}"
    yield Line("Validation loss, nats per supervised token", text)


def _loss(measured: Mapping[str, Any]) -> str:
    loss = numbers.metric(measured["loss"])
    return f"{loss} (perplexity {numbers.metric(measured['perplexity'])})"


def _answers(data: ReportData) -> Iterator[Line]:
    for stage, figures in data.generation.items():
        if not figures["tokens_per_second"]:
            continue
        answered = figures["rows"] - figures["reused"]
        text = (
            f"{numbers.plural(answered, 'answer')} of {numbers.count(figures['tokens'])} tokens, "
            f"{numbers.count(figures['tokens_per_second'])} tokens/s, "
            f"{numbers.duration(figures['seconds_per_answer'])} an answer"
        )
        if figures["peak_memory_mib"]:
            text += f"; peak memory {numbers.size(figures['peak_memory_mib'] * 2**20)}"
        yield Line(f"Answering, {STAGE_WORDS.get(stage, stage)}", text)


def _expected_time(estimate: Any) -> str:
    return f"expected {numbers.duration(estimate['train_seconds'])}"


def _end(settings: Mapping[str, Any]) -> str:
    ratio = settings.get("min_lr_ratio")
    return f" down to {ratio:g} of it" if ratio else ""


def _method(data: ReportData) -> Iterator[Line]:
    training, plan = data.training, data.plan
    if training is None or plan is None:
        return
    settings, lora = training.settings, training.settings["lora"]
    trained, total = settings["trainable_parameters"], plan["model"]["parameters"]
    extras = [name for name, key in (("rsLoRA", "rslora"), ("DoRA", "dora")) if lora[key]]
    extras += ["PiSSA"] if lora.get("init") == "pissa" else []
    extras += [f"LoRA+ {lora['plus_ratio']:g}"] if lora["plus_ratio"] else []
    if settings.get("neftune_alpha"):
        extras.append(f"NEFTune {settings['neftune_alpha']:g}")
    what = (
        f"rank {lora['rank']}, alpha {lora['alpha']:g}, dropout {lora['dropout']:g}, "
        f"on {', '.join(lora['targets'])}"
    )
    if settings.get("trained"):
        what = trained_words(settings["trained"])
    elif settings["method"] != "lora":
        what = adapter_words(settings["method"], settings.get("virtual_tokens"))
    noted = f"; {', '.join(extras)}" if extras else ""
    yield Line("Method", f"{settings['method']}, {what}{noted}")
    share = f" ({trained / total:.2%} of {numbers.count(total)})" if total else ""
    yield Line("Trainable parameters", numbers.count(trained) + share)
    warmup = numbers.plural(settings["warmup_steps"], "warm-up step")
    yield Line(
        "Optimizer",
        f"{settings['optimizer']}, learning rate {settings['learning_rate']:g}, "
        f"{settings['scheduler']}{_end(settings)} after {warmup}, "
        f"weight decay {settings['weight_decay']:g}, gradient norm at most "
        f"{settings['max_grad_norm']:g}",
    )
    yield Line("Precision", f"{settings['precision']}, frozen weights {plan['model']['dtype']}")


def guarantee_checks(guarantee: Guarantee | None) -> tuple[Check, ...]:
    """Return what was confirmed of the run, and what is open or outside."""
    if guarantee is None:
        return ()
    outside = [Check(False, f"Outside the guarantee: {text}.") for text in guarantee.outside]
    consumed = numbers.count(guarantee.consumed)
    if not guarantee.confirmed:
        text = f"{numbers.plural(guarantee.consumed, 'receipt')} written; the run ended before "
        text += "all were counted and the engine's configuration was compared with the plan."
        return (Check(False, text), *outside)
    early = ""
    if guarantee.planned is not None and guarantee.planned != guarantee.consumed:
        early = f" {numbers.count(guarantee.planned)} were planned; training ended early."
    found = [
        Check(
            True,
            f"{consumed} of {consumed} micro-batches that the engine consumed are equal to the "
            f"canonical stream: token ids, labels, rows and order.{early}",
        ),
    ]
    if guarantee.fields:
        found.append(
            Check(
                True,
                f"The engine's effective configuration is equal to the plan in all "
                f"{guarantee.fields} settings that were compared.",
            )
        )
    return (*found, *outside)


def commands(data: ReportData) -> tuple[str, ...]:
    """Return the command lines that run the recipe again and write this report again."""
    run, recipe = data.manifest, data.recipe
    found = []
    if recipe is not None:
        words = ["ft", "run", recipe.path]
        if run.profile:
            words += ["--profile", run.profile]
        words += ["--backend", run.backend]
        for override in recipe.overrides:
            if not override.startswith("default_backend="):
                words += ["--set", override]
        found.append(shlex.join(words))
    return (*found, shlex.join(["ft", "report", run.id]))
