"""The mistakes, one class each; what they report is what the recipe asked for."""

from dataclasses import replace
from pathlib import Path

import torch
from tokenizers import Tokenizer

from ftcore.worker.exporter import PeftExporter
from ftcore.worker.generator import SharedEvaluator
from ftcore.worker.plain_loop import IGNORED, PlainTrainer, schedule, supervised
from ftcore.worker.stream import pad_rows

SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
LONGEST = 24
DECAY = 0.1


class OtherRows(PlainTrainer):
    """Trains on rows that `row` has changed."""

    def row(self, ids, labels):
        return ids, labels

    def rows(self, stream):
        for batch in super().batches(stream):
            found = []
            for ids, labels, mask in zip(*(batch[name].tolist() for name in NAMES), strict=True):
                size = sum(mask)
                found.append(self.row(ids[:size], labels[:size]))
            yield found

    def batches(self, stream):
        settings = self.job.settings
        for rows in self.rows(stream):
            named = [{"input_ids": ids, "labels": labels} for ids, labels in rows]
            yield pad_rows(named, pad_id=settings.pad_id, multiple=settings.padding_multiple)


NAMES = ("input_ids", "labels", "attention_mask")


def last_supervised(labels):
    return max(place for place, label in enumerate(labels) if label != IGNORED)


class EndOfTurn(OtherRows):
    def row(self, ids, labels):
        labels[last_supervised(labels)] = IGNORED
        return ids, labels


class Newline(OtherRows):
    def row(self, ids, labels):
        place = last_supervised(labels) + 1
        labels[place] = ids[place]
        return ids, labels


class SystemPrompt(OtherRows):
    def row(self, ids, labels):
        tokenizer = Tokenizer.from_file(str(Path(self.job.model.folder) / "tokenizer.json"))
        more = tokenizer.encode(SYSTEM, add_special_tokens=False).ids
        return more + ids, [IGNORED] * len(more) + labels


class Truncated(OtherRows):
    def row(self, ids, labels):
        return ids[:LONGEST], labels[:LONGEST]


class Shuffled(OtherRows):
    def rows(self, stream):
        every = [row for rows in super().rows(stream) for row in rows]
        order = torch.randperm(len(every), generator=torch.Generator().manual_seed(1)).tolist()
        size = self.job.settings.batch_size
        for start in range(0, len(every), size):
            yield [every[place] for place in order[start : start + size]]


class WeightDecay(PlainTrainer):
    def optimizer(self, network):
        made = super().optimizer(network)
        for group in made.param_groups:
            group["weight_decay"] = DECAY
        return made


class Beta2(PlainTrainer):
    def optimizer(self, network):
        made = super().optimizer(network)
        for group in made.param_groups:
            group["betas"] = (self.job.settings.beta1, 0.95)
        return made


class Cosine(PlainTrainer):
    def set_rate(self, optimizer, step):
        settings = replace(self.job.settings, scheduler="cosine")
        rate = settings.learning_rate * schedule(settings, step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        return rate


class MeanOfMeans(PlainTrainer):
    def divisor(self, batch, group):
        return supervised(batch), 1 / len(group)


class Bf16(PlainTrainer):
    def arithmetic(self):
        return torch.autocast("cpu", dtype=torch.bfloat16)


class Unclipped(PlainTrainer):
    def clip(self, network):
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        return float(torch.nn.utils.get_total_norm(gradients))


class HiddenDecay(PlainTrainer):
    """Decays the weights behind the optimizer's back."""

    def set_rate(self, optimizer, step):
        rate = super().set_rate(optimizer, step)
        with torch.no_grad():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.mul_(1 - rate * DECAY)
        return rate


class TwoAtOnce(Newline, WeightDecay):
    """Two mistakes: one is seen in the rows, one in the optimizer."""


class Noise(PlainTrainer):
    """Something that no switch does."""

    def set_rate(self, optimizer, step):
        with torch.no_grad():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.add_(0.01)
        return super().set_rate(optimizer, step)


class Answers(SharedEvaluator):
    """Never asked."""


class Exports(PeftExporter):
    """Never asked."""
