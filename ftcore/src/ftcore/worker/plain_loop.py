"""A training loop of a page, with no engine: what every engine's result is held against.

AdamW, a learning rate of its own arithmetic, gradients clipped by their norm, and one loss: the
negative log-likelihood summed over a micro-batch, divided by the supervised tokens of the whole
accumulation group. It needs torch, transformers (for the model) and peft (for the adapter), so it
runs in the environment of any backend that has these.

``Job.switches`` may change one thing, to see whether that is where an engine differs:
``normalisation`` ("group", "mean_of_means" or "sum_of_means") and ``rows``, an
``observation.jsonl`` whose micro-batches are trained on instead of the stream's.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from ftcore.backends import Trainer, TrainOutcome
from ftcore.protocol import Stage, TrainSettings
from ftcore.worker.effective import model_fields, optimizer_groups
from ftcore.worker.effective import trainable_parameters as count_trainable
from ftcore.worker.loading import load_base, train_in_place
from ftcore.worker.stream import WorkerStream, pad_rows
from ftcore.worker.supervised import can_narrow, following, predicting, total_loss

IGNORED = -100
AUTOCAST = {"bf16": "bfloat16", "fp16": "float16"}
# transformers' Trainer decays neither biases nor norms; neither does the reference.
NOT_DECAYED = ("bias", "norm")
# What is said of the configuration, by the names of the settings.
TRAIN = (
    *("batch_size", "accumulation", "learning_rate", "optimizer", "beta1", "beta2", "epsilon"),
    *("weight_decay", "max_grad_norm", "warmup_steps", "seed", "scheduler", "precision"),
    *("gradient_checkpointing", "neftune_alpha"),
)
LORA = ["rank", "alpha", "dropout", "rslora", "dora", "targets", "plus_ratio"]

Batch = dict[str, Any]


class PlainTrainer(Trainer):
    """Trains the stream step by step; each method is one part of the training problem."""

    def train(self, stage: Stage) -> TrainOutcome:
        """Train on ``stage.input`` from ``stage.adapter``, or the model itself in place."""
        import torch

        settings = self.job.settings
        stream = self.context.open_stream(str(stage.input))
        torch.manual_seed(settings.seed)
        network = self.network(stage).to(self.job.device)
        recorder = self.context.receipts(stage.name, stream)
        recorder.watch_forward(network, labels=False)
        loss = recorder.wrap_loss(self.loss)
        optimizer = self.optimizer(network)
        began, done = time.monotonic(), 0
        for step, group in enumerate(self.groups(stream)):
            if self.context.should_stop():
                break
            value = self.accumulate(network, loss, group)
            norm = self.clip(network)
            rate = self.set_rate(optimizer, step)
            if self.context.observation is not None:
                self.context.observation.update(optimizer)
            optimizer.step()
            optimizer.zero_grad()
            done = step + 1
            self.context.emit("progress", done=done, total=settings.steps, unit="steps")
            self.context.emit("metric", step=done, loss=value, grad_norm=norm, learning_rate=rate)
        seconds = time.monotonic() - began
        network.save_pretrained(stage.output, safe_serialization=True)
        return TrainOutcome(
            adapter=Path(stage.output),
            steps=done,
            effective=self.effective(network, optimizer),
            stopped=done < settings.steps and self.context.should_stop(),
            summary={"seconds": seconds, "device": self.job.device},
        )

    def network(self, stage: Stage) -> Any:
        """Return the model with what is trained in it, in training mode."""
        network = load_base(self.job.model, device=self.job.device)
        if stage.adapter is None:
            train_in_place(network, self.job.settings.trained)
        else:
            from peft import PeftModel

            network = PeftModel.from_pretrained(network, stage.adapter, is_trainable=True)
        if self.job.settings.gradient_checkpointing:
            network.gradient_checkpointing_enable({"use_reentrant": False})
        return network.train()

    def groups(self, stream: WorkerStream) -> Iterator[list[Batch]]:
        """Yield the micro-batches of each optimizer step."""
        batches = self.batches(stream)
        for _ in range(self.job.settings.steps):
            size = self.job.settings.accumulation
            group = [batch for _, batch in zip(range(size), batches, strict=False)]
            if not group:
                return
            yield group

    def batches(self, stream: WorkerStream) -> Iterator[Batch]:
        """Yield every micro-batch in the order of training."""
        settings = self.job.settings
        observed = self.job.switches.get("rows")
        if observed is not None:
            yield from observed_batches(Path(observed), settings.pad_id)
            return
        rows = stream.rows("train")
        for _, _, _, numbers in stream.order.iter_micro_batches():
            picked = [rows[int(number)] for number in numbers]
            yield pad_rows(picked, pad_id=settings.pad_id, multiple=settings.padding_multiple)

    def accumulate(self, network: Any, loss: Any, group: list[Batch]) -> float:
        """Add up the gradients of a step's micro-batches; return the step's loss."""
        group = [{name: t.to(self.job.device) for name, t in batch.items()} for batch in group]
        total: Any = 0.0
        for batch in group:
            divisor, share = self.divisor(batch, group)
            with self.arithmetic():
                inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
                if can_narrow(network, self.job.settings):
                    inputs["logits_to_keep"] = predicting(batch["labels"])
                logits = network(**inputs, use_cache=False).logits
            value = loss(logits, batch["labels"], num_items_in_batch=divisor) * share
            value.backward()
            total = total + value.detach()
        return float(total)

    def divisor(self, batch: Batch, group: list[Batch]) -> tuple[Any, float]:
        """Return what the micro-batch's summed loss is divided by, and then multiplied by."""
        kind = self.job.switches.get("normalisation", "group")
        if kind == "group":
            return sum(supervised(other) for other in group), 1.0
        return supervised(batch), 1 / len(group) if kind == "mean_of_means" else 1.0

    def loss(
        self, logits: Any, labels: Any, *, num_items_in_batch: Any, shift_labels: Any = None
    ) -> Any:
        """Return the summed negative log-likelihood over ``num_items_in_batch``, in nats.

        ``logits`` [rows, places, vocabulary] predict ``shift_labels`` [rows, places]; without
        these, at each place the next one of ``labels``.
        """
        wanted = following(labels) if shift_labels is None else shift_labels
        return total_loss(logits, wanted) / num_items_in_batch

    def arithmetic(self) -> AbstractContextManager[Any]:
        """Return the context of the forward pass: autocast unless it is fp32."""
        import torch

        dtype = AUTOCAST.get(self.job.settings.precision)
        if dtype is None:
            return nullcontext()
        return torch.autocast(self.job.device, dtype=getattr(torch, dtype))  # type: ignore[no-any-return]

    def clip(self, network: Any) -> float:
        """Scale the gradients down to the recipe's norm; return the norm that they had."""
        from torch.nn.utils import clip_grad_norm_

        limit = self.job.settings.max_grad_norm or math.inf
        return float(clip_grad_norm_(network.parameters(), limit))

    def optimizer(self, network: Any) -> Any:
        """Return AdamW over what is trained."""
        from torch.optim import AdamW

        settings = self.job.settings
        decayed: list[Any] = []
        others: list[Any] = []
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                plain = any(word in part for word in NOT_DECAYED for part in name.split("."))
                (others if plain else decayed).append(parameter)
        decays = ((decayed, settings.weight_decay), (others, 0.0))
        groups = [{"params": found, "weight_decay": decay} for found, decay in decays if found]
        return AdamW(
            groups,
            lr=settings.learning_rate,
            betas=(settings.beta1, settings.beta2),
            eps=settings.epsilon,
        )

    def set_rate(self, optimizer: Any, step: int) -> float:
        """Set the learning rate of a step (from 0) and return it."""
        rate = self.job.settings.learning_rate * schedule(self.job.settings, step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        return rate

    def effective(self, network: Any, optimizer: Any) -> dict[str, Any]:
        """Return what was used, by recipe field."""
        settings = self.job.settings
        adapter = LORA if settings.method == "lora" else []
        fields = {
            "train.max_steps": settings.steps,
            **{f"train.{name}": getattr(settings, name) for name in TRAIN},
            **{f"train.lora.{name}": getattr(settings.lora, name) for name in adapter},
            "trainable_parameters": count_trainable(network),
            **model_fields(network),
        }
        groups = optimizer_groups(network, optimizer)
        return {"recipe_fields": fields, "optimizer": groups, "loss": settings.loss}


def schedule(settings: TrainSettings, step: int) -> float:
    """Return the factor of the learning rate at ``step`` (from 0): warm-up, then the shape."""
    warmup, steps = settings.warmup_steps, settings.steps
    if step < warmup:
        return float(step) / float(max(1, warmup))
    if settings.scheduler == "constant":
        return 1.0
    progress = float(step - warmup) / float(max(1, steps - warmup))
    if settings.scheduler == "cosine":
        return max(0.0, 0.5 * (1.0 + math.cos(math.pi * progress)))
    return max(0.0, float(steps - step) / float(max(1, steps - warmup)))


def supervised(batch: Batch) -> Any:
    """Return how many tokens of a micro-batch have a label."""
    return (batch["labels"] != IGNORED).sum()


def observed_batches(path: Path, pad_id: int) -> Iterator[Batch]:
    """Yield the micro-batches that another run was seen to train on, padded as they were."""
    for line in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        if line["kind"] == "micro":
            rows = [
                {"input_ids": ids, "labels": labels}
                for ids, labels in zip(line["ids"], line["labels"], strict=True)
            ]
            yield pad_rows(rows, pad_id=pad_id, multiple=line["length"])
