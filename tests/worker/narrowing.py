"""Holds a loss of few logits against that of all, in the environment of a backend.

``python narrowing.py CODE OUTPUT SETTINGS``; writes by case what was found.
"""

import json
import random
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, sys.argv[1])

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from ftcore.protocol import TrainSettings, read_message
from ftcore.worker.stream import IGNORED, pad_rows
from ftcore.worker.supervised import (
    as_labels,
    can_narrow,
    following,
    predicting,
    total_loss,
)

SIZES = {
    "vocab_size": 200,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "initializer_range": 0.4,
}


class AllLogits(LlamaForCausalLM):
    """A model of older code, which always computes all."""

    def forward(self, input_ids=None, attention_mask=None, labels=None):
        """Compute all logits."""
        return super().forward(input_ids, attention_mask=attention_mask, labels=labels)


def batches(count):
    """Return micro-batches of rows whose labels lie anywhere, some rows without any."""
    chance = random.Random(1)
    for _ in range(count):
        rows = []
        for _ in range(chance.randint(1, 5)):
            ids = [chance.randrange(200) for _ in range(chance.randint(1, 30))]
            share = chance.choice([0, 0.2, 0.5, 1])
            rows.append(
                {
                    "input_ids": ids,
                    "labels": [token if chance.random() < share else IGNORED for token in ids],
                }
            )
        yield pad_rows(rows, pad_id=0, multiple=chance.choice([1, 8]))


def gradients(network, value):
    """Return all gradients of ``value`` in one vector."""
    network.zero_grad()
    value.backward()
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.requires_grad])


def losses(network):
    """Return the largest differences of loss and gradient, and how many logits were left out."""
    found = {"loss": 0.0, "gradient": 0.0, "left_out": 0, "batches": 0}
    for batch in batches(40):
        labels = batch.pop("labels")
        items = int((following(labels) != IGNORED).sum())
        if not items:
            continue
        whole = network(**batch, labels=labels, num_items_in_batch=torch.tensor(items)).loss
        theirs = gradients(network, whole)
        places = predicting(labels)
        logits = network(**batch, logits_to_keep=places).logits
        mine = total_loss(logits, following(labels, places)) / items
        difference = (gradients(network, mine) - theirs).abs().max() / theirs.abs().max()
        found["loss"] = max(found["loss"], abs(float(mine - whole)))
        found["gradient"] = max(found["gradient"], float(difference))
        found["left_out"] += labels.numel() - logits.shape[0] * logits.shape[1]
        found["batches"] += 1
    return found


def round_trips():
    """Return how often labels come back from what a loss consumed, and how often they must not."""
    found = {"batches": 0, "back": 0, "short": 0, "noticed": 0}
    for batch in batches(300):
        labels = batch["labels"]
        places = predicting(labels)
        found["batches"] += 1
        found["back"] += torch.equal(as_labels(following(labels, places), places, labels), labels)
        if (following(labels) != IGNORED).any():
            fewer = places[1:]
            short = as_labels(following(labels, fewer), fewer, labels)
            found["short"] += 1
            found["noticed"] += not torch.equal(short, labels)
    return found


def able():
    """Return which networks and settings may leave logits out."""
    config = LlamaConfig(**SIZES)
    plain = LlamaForCausalLM(config)
    settings = read_message(TrainSettings, Path(sys.argv[3]))
    prompts, own = replace(settings, virtual_tokens=8), replace(settings, loss="engine")
    return {
        "plain": can_narrow(plain, settings),
        "adapter": can_narrow(get_peft_model(plain, LoraConfig(r=2)), settings),
        "older": can_narrow(AllLogits(config), settings),
        "virtual tokens": can_narrow(plain, prompts),
        "the engine's loss": can_narrow(plain, own),
    }


if __name__ == "__main__":
    torch.manual_seed(0)
    adapted = get_peft_model(LlamaForCausalLM(LlamaConfig(**SIZES)), LoraConfig(r=4))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    result = {"losses": losses(adapted), "round trips": round_trips(), "able": able()}
    Path(sys.argv[2]).write_text(json.dumps(result), encoding="utf-8")
