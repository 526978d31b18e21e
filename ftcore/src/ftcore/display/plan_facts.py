"""The plan of a run as facts, and the sentences that go with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ftcore.data.cleaning import StepCount
from ftcore.display.facts import Facts
from ftcore.engine.plan import Plan
from ftcore.protocol import TrainSettings
from ftcore.report.numbers import count, duration
from ftcore.report.trained_words import adapter_words, trained_words

Item = tuple[str, str]


def plan_facts(plan: Plan) -> Facts:
    """Return everything that is decided about a run, one line each, before any compute."""
    profile = f", profile {plan.profile}" if plan.profile else ""
    title = f"{plan.recipe}{profile} with {plan.backend} on {plan.device}"
    pairs = [*_inputs(plan), *_training(plan), *_checks(plan), *_after(plan)]
    return Facts.of(pairs, title)


def plan_notes(plan: Plan) -> list[str]:
    """Return what to know before it starts: approximations, warnings, limits of this machine."""
    return [
        *(f"approximate, as accepted: {text}" for text in plan.approximate),
        *plan.other_options,
        *(f"warning: {text}" for text in plan.warnings),
        *(f"would be refused here: {text}" for text in plan.machine_problems),
    ]


def _inputs(plan: Plan) -> Iterator[Item]:
    about = f": {plan.description}" if plan.description else ""
    yield "task", f"{plan.task}{about}"
    model = plan.model
    size = millions(int(model["parameters"]))
    yield "model", f"{model['id']}: {model['architecture']}, {size} parameters, {_held(model)}"
    note = f" ({model['note']})" if model.get("note") else ""
    yield "model from", f"{model['source']}{note}"
    rows = plan.rows
    yield "rows", ", ".join(f"{name} {count(number)}" for name, number in rows.items() if number)
    yield from _formats(plan.formats)
    for step in plan.shaping:
        yield "rows shaped", str(StepCount(**step))
    yield from _account(plan.account)
    share = plan.supervised_tokens / plan.tokens if plan.tokens else 0.0
    yield (
        "tokens",
        f"{count(plan.tokens)} an epoch, {count(plan.supervised_tokens)} supervised "
        f"({share:.0%}); the longest row has {count(plan.longest)} of at most "
        f"{count(plan.max_length)} (longer ones: {plan.overlong})",
    )
    state = "reused" if plan.stream_reused else "made now"
    yield "stream", f"{plan.stream[:12]} ({state}); turns end with {plan.stop_token}"


def _formats(formats: dict[str, str]) -> Iterator[Item]:
    """Say how the rows are read; parts that are read alike share a line."""
    alike: dict[str, list[str]] = {}
    for part, why in formats.items():
        alike.setdefault(why, []).append(part)
    for why, parts in alike.items():
        yield "format", f"{why} ({', '.join(parts)})"


def _account(account: dict[str, Any]) -> Iterator[Item]:
    for part, counts in account.get("counts", {}).items():
        if sum(counts.values()):
            yield "row account", f"{part}: " + ", ".join(f"{n} {w}" for w, n in counts.items())
    reasons = account.get("reasons", {})
    if reasons:
        yield "lost because", ", ".join(f"{reason} {number}" for reason, number in reasons.items())


def _training(plan: Plan) -> Iterator[Item]:
    s = plan.settings
    left = f"; {plan.left_over_rows} rows at the end left over" if plan.left_over_rows else ""
    yield "steps", f"{count(s.steps)} over {s.epochs:.3g} epochs{left}"
    parts = f"{s.batch_size} rows x {s.accumulation} accumulated"
    parts += f" x {plan.processes} processes" if plan.processes > 1 else ""
    rows = s.batch_size * s.accumulation * plan.processes
    yield "batch", f"{parts} = {rows} rows a step, padded to a multiple of {s.padding_multiple}"
    yield (
        "learning rate",
        f"{s.learning_rate:g}, {s.scheduler}{_end(s)}, {steps_of(s.warmup_steps)} of warm-up",
    )
    yield (
        "optimizer",
        f"{s.optimizer}{_moments(s)}, weight decay {s.weight_decay:g}, "
        f"gradient norm at most {s.max_grad_norm:g}",
    )
    checkpointing = ", gradient checkpointing" if s.gradient_checkpointing else ""
    yield "precision", f"{s.precision}{checkpointing}; loss {s.loss}; seed {s.seed}"
    yield from _method(plan)
    for name, value in plan.engine_options.items():
        yield "engine option", f"{name} = {json.dumps(value, default=str)}, outside the guarantee"


def _end(settings: TrainSettings) -> str:
    ratio = settings.min_lr_ratio
    return f" down to {ratio:g} of it" if ratio else ""


def _moments(settings: TrainSettings) -> str:
    if settings.optimizer != "adamw":
        return ""
    return f", betas {settings.beta1:g} {settings.beta2:g}, epsilon {settings.epsilon:g}"


def steps_of(number: int) -> str:
    """Return "1 step" or "6 steps"."""
    return f"{count(number)} step{'' if number == 1 else 's'}"


def _method(plan: Plan) -> Iterator[Item]:
    s, lora = plan.settings, plan.settings.lora
    neftune = "" if s.neftune_alpha is None else f", NEFTune {s.neftune_alpha:g}"
    pissa = lora.init == "pissa"
    options = (("rsLoRA", lora.rslora), ("DoRA", lora.dora), ("PiSSA", pissa))
    kinds = [name for name, used in options if used]
    text = f"rank {lora.rank}, alpha {lora.alpha:g}, dropout {lora.dropout:g}"
    text += "".join(f", {kind}" for kind in kinds)
    if lora.plus_ratio is not None:
        text += f", LoRA+ ratio {lora.plus_ratio:g}"
    text += f", on {', '.join(lora.targets)}"
    if s.method != "lora":
        other = adapter_words(s.method, s.virtual_tokens)
        text = trained_words(s.trained) if s.trained else other
    yield s.method, text + neftune
    share = s.trainable_parameters / max(1, int(plan.model["parameters"]))
    yield "trainable", f"{count(s.trainable_parameters)} parameters ({share:.2%} of the model)"


def _checks(plan: Plan) -> Iterator[Item]:
    s = plan.settings
    if s.eval_every is None:
        yield "validation", "none while training"
    else:
        patience = f", stops after {s.patience} without improvement" if s.patience else ""
        best = ", ends with the best checkpoint" if s.load_best else ""
        yield "validation", f"every {s.eval_every} steps{patience}{best}"
    if s.save_every is not None:
        yield "checkpoints", f"every {s.save_every} steps, the newest {s.keep_checkpoints} kept"


def _after(plan: Plan) -> Iterator[Item]:
    evaluation = plan.evaluation
    names = evaluation["metrics"]
    main = evaluation.get("main_metric") or names[0]
    stages = [
        *(["before"] if evaluation["before"] else []),
        *(["few-shot"] if evaluation.get("few_shot") else []),
        "after",
    ]
    if plan.rows.get("test"):
        yield "evaluation", f"{' and '.join(stages)}, {count(plan.rows['test'])} rows each"
        yield "metrics", ", ".join(f"{name} (main)" if name == main else name for name in names)
        yield "decoding", decoding_text(evaluation["generation"])
        if evaluation.get("evaluator") == "native":
            yield "answers", f"of {plan.backend}'s own inference, not of ft's generator"
    else:
        yield "evaluation", "none: there are no test rows"
    yield "exports", ", ".join(plan.export) or "none"
    estimate = plan.estimate
    yield "memory", f"about {estimate.memory_mib / 1024:.1f} GiB at the peak"
    yield (
        "time",
        f"about {duration(estimate.train_seconds)} of training ({estimate.basis}); starting the "
        "engine and evaluating come on top",
    )


def _held(model: Mapping[str, Any]) -> str:
    """Return how the frozen weights are held."""
    quantization = model.get("quantization", "none")
    if quantization == "none":
        return str(model["dtype"])
    return f"linear layers in {quantization}, the rest {model['dtype']}"


def millions(number: int) -> str:
    """Return a number of parameters: ``134.5 M``, ``1.54 B``, or the plain number when small."""
    if number >= 1e9:
        return f"{number / 1e9:.2f} B"
    return f"{number / 1e6:.1f} M" if number >= 1e6 else count(number)


def decoding_text(generation: dict[str, Any]) -> str:
    """Return the decoding settings in one line."""
    if generation["do_sample"]:
        how = (
            f"sampled, temperature {generation['temperature']:g}, top-p {generation['top_p']:g}, "
            f"top-k {generation['top_k']}, seed {generation['seed']}"
        )
    else:
        how = "greedy"
    penalty = generation["repetition_penalty"]
    extra = f", repetition penalty {penalty:g}" if penalty != 1 else ""
    return (
        f"{how}{extra}, at most {generation['max_new_tokens']} new tokens, "
        f"{generation['max_batch_tokens']:,} tokens together"
    )
