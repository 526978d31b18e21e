"""The toy's trainer, evaluator and exporter: every promise of a backend kept, without torch."""

import json
import shutil
import time
from pathlib import Path

import pyarrow.ipc

from ft_toy.memory import Memory
from ftcore.backends import Evaluator, Exporter, Prediction, Trainer, TrainOutcome
from ftcore.rendering.digests import batch_digest, row_digest


def read_part(folder):
    """Return the rows of a part of the stream as (ids, labels)."""
    with pyarrow.ipc.open_stream(str(folder / "data-00000-of-00001.arrow")) as reader:
        table = reader.read_all()
    return list(zip(table["input_ids"].to_pylist(), table["labels"].to_pylist(), strict=True))


class ToyTrainer(Trainer):
    """Learns the rows by heart, micro-batch by micro-batch, in the stream's order."""

    seconds_per_step = 0.0

    def train(self, stage):
        """Learn, with validation and checkpoints where the recipe asks for them."""
        self.stage, self.memory, self.best, self.last = stage, Memory(), None, None
        self.history, self.stopped, self.done = [], False, self.job.first_step
        if self.job.resume_from:
            self.go_on(Path(self.job.resume_from))
        stream = self.context.open_stream(stage.input)
        rows, order = read_part(stream.folder / "train"), stream.order
        begin = time.monotonic()
        losses = []
        for step, micro, rank, numbers in order.iter_micro_batches():
            if step < self.job.first_step:
                continue
            losses += self.micro_batch(step, micro, rank, [rows[number] for number in numbers])
            last = micro + 1 == order.shape.accumulation
            if last or order.number(step, micro, rank) + 1 == order.micro_batches:
                self.end_step(step + 1, losses)
                losses = []
                if self.stopped or self.is_over():
                    break
        if self.job.settings.load_best and self.best:
            self.memory = Memory.load(self.best[1])
        self.memory.save(stage.output)
        return TrainOutcome(
            adapter=Path(stage.output),
            steps=self.done,
            effective=self.effective(),
            best=self.best[1] if self.best else None,
            last=self.last,
            stopped=self.stopped and self.done < order.steps and not self.is_over(),
            summary={"seconds": time.monotonic() - begin},
        )

    def micro_batch(self, step, micro, rank, rows):
        """Learn one micro-batch and leave its receipt; return the loss of each row."""
        digests = [row_digest(ids, labels) for ids, labels in rows]
        digest = batch_digest(step, micro, rank, digests)
        self.context.events.receipt(self.stage.name, step, micro, digest)
        return [self.memory.learn(ids, labels) for ids, labels in rows]

    def end_step(self, done, losses):
        """Report the step, validate and save when it is time."""
        settings = self.job.settings
        self.done = done
        time.sleep(self.seconds_per_step)
        loss = sum(losses) / len(losses)
        rate = settings.learning_rate
        self.context.emit("metric", step=done, loss=loss, learning_rate=rate)
        self.context.emit("progress", done=done, total=settings.steps, unit="steps")
        if settings.eval_every and done % settings.eval_every == 0:
            self.validate(done)
        if settings.save_every and done % settings.save_every == 0:
            self.checkpoint(done)
        if self.context.should_stop():
            self.stopped = True
            self.checkpoint(done)

    def validation_rows(self):
        """Return the rows that the loss is measured on: pairs of ids and labels."""
        return read_part(Path(self.stage.input) / "validation")

    def validate(self, done):
        """Measure the share of validation rows that are answered wrongly."""
        rows = self.validation_rows()
        wrong = sum(Memory.learn(_copy(self.memory), ids, labels) for ids, labels in rows)
        self.history.append(wrong / len(rows))
        size = self.job.settings.batch_size
        for number, start in enumerate(range(0, len(rows), size)):
            digests = [row_digest(ids, labels) for ids, labels in rows[start : start + size]]
            self.context.events.validated(done, number, batch_digest(done, number, 0, digests))
        self.context.emit("metric", step=done, validation_loss=self.history[-1])

    def is_over(self):
        """Whether patience has run out."""
        patience = self.job.settings.patience
        return (
            patience is not None
            and len(self.history) > patience
            and (min(self.history[-patience:]) >= min(self.history[:-patience]))
        )

    def checkpoint(self, done):
        """Save a checkpoint, the oldest ones beyond the recipe's number removed."""
        folder = Path(self.job.folder) / "checkpoints" / f"checkpoint-{done}"
        self.memory.save(folder)
        self.last = folder
        if self.history and (self.best is None or self.history[-1] < self.best[0]):
            self.best = (self.history[-1], folder)
        state = {"history": self.history, "best": self.best and [self.best[0], str(self.best[1])]}
        (folder / "state.json").write_text(json.dumps(state))
        self.context.checkpoint(done, folder, resumable=not self.is_over())

    def go_on(self, folder):
        """Take everything up where the checkpoint left it."""
        self.memory, self.last = Memory.load(folder), folder
        state = json.loads((folder / "state.json").read_text())
        self.history = state["history"]
        self.best = state["best"] and (state["best"][0], Path(state["best"][1]))

    def effective(self):
        """Return the configuration as it ran."""
        used = self.job.settings
        return {
            "recipe_fields": {
                "train.max_steps": used.steps,
                "train.batch_size": used.batch_size,
                "train.accumulation": used.accumulation,
                "train.learning_rate": used.learning_rate,
                "train.optimizer": used.optimizer,
                "train.beta1": used.beta1,
                "train.beta2": used.beta2,
                "train.epsilon": used.epsilon,
                "train.weight_decay": used.weight_decay,
                "train.max_grad_norm": used.max_grad_norm,
                "train.warmup_steps": used.warmup_steps,
                "train.gradient_checkpointing": used.gradient_checkpointing,
                "train.seed": used.seed,
                "train.scheduler": used.scheduler,
                "train.precision": used.precision,
                "train.neftune_alpha": used.neftune_alpha,
                "train.lora.rank": used.lora.rank,
                "train.lora.alpha": used.lora.alpha,
                "train.lora.dropout": used.lora.dropout,
                "train.lora.rslora": used.lora.rslora,
                "train.lora.dora": used.lora.dora,
                "train.lora.targets": used.lora.targets,
                "train.lora.plus_ratio": used.lora.plus_ratio,
                "model.dtype": self.job.model.dtype,
                "model.attention": self.job.model.attention,
                "trainable_parameters": used.trainable_parameters,
            }
        }


def _copy(memory):
    copy = Memory()
    copy.answers = dict(memory.answers)
    return copy


class ToyEvaluator(Evaluator):
    """Answers by lookup."""

    def generate(self, stage, requests, decoding):
        """Yield the answers in the order of the requests."""
        memory = Memory.load(stage.adapter)
        for request in requests:
            answer = memory.lookup(request.prompt_ids)
            tokens = tuple(token for token in answer if token not in decoding.stop_ids)
            cut = tokens[: decoding.max_new_tokens]
            yield Prediction(request.row_id, cut, "stop" if cut == tokens else "length")


class ToyExporter(Exporter):
    """Copies the memory."""

    def export(self, stage, formats):
        """Write each format (there is one)."""
        made = {}
        for name in formats:
            target = Path(stage.output) / name
            shutil.copytree(stage.adapter, target)
            self.context.emit("artifact", name=f"exports/{name}", path=str(target))
            size = sum(path.stat().st_size for path in target.iterdir())
            made[name] = {"path": str(target), "bytes": size}
        return made
