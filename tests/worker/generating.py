"""Answers prompts with ft's generator, and with transformers' ``generate`` on one row alone.

Runs in the environment of a backend: ``python generating.py CODE OUTPUT``; writes, by case, how
many rows there are and how many are equal.
"""

import json
import random
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, sys.argv[1])

import torch
from peft import LoraConfig, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from ftcore.backends import Request
from ftcore.protocol import Decoding
from ftcore.worker.generator import generate_all

SIZES = {
    "vocab_size": 200,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.4,
}
STOPS = list(range(1, 13))
GREEDY = Decoding(24, False, 1.0, 1.0, 0, 1.0, 400, 3, 0, STOPS)
BUDGETS = (1, 90, 400, 100_000)


def prompts():
    """Return prompts with everything in common, with much, with little, and with nothing."""
    chance = random.Random(0)

    def ids(count):
        return tuple(chance.randrange(13, 200) for _ in range(count))

    system, schemas = ids(12), [ids(30), ids(25)]
    found = [(*system, *schemas[n % 2], *ids(chance.randrange(1, 20))) for n in range(10)]
    found += [(*system, *ids(chance.randrange(1, 60))) for _ in range(6)]
    return [Request(f"row {n}", prompt) for n, prompt in enumerate(found)]


def model(kind=LlamaForCausalLM, config=LlamaConfig, **changes):
    torch.manual_seed(0)
    return kind(config(**SIZES, **changes)).eval()


def adapted(config):
    """Return the model with an adapter that is not the identity."""
    torch.manual_seed(1)
    network = get_peft_model(model(), config)
    for name, parameter in network.named_parameters():
        if "lora" in name or "prompt_encoder" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    return network.eval()


def alone(network, request, decoding):
    """Return transformers' own greedy answer, without the stop token."""
    config = GenerationConfig(
        max_new_tokens=decoding.max_new_tokens,
        do_sample=False,
        repetition_penalty=decoding.repetition_penalty,
        eos_token_id=decoding.stop_ids,
        pad_token_id=decoding.pad_id,
    )
    ids = torch.tensor([request.prompt_ids])
    with torch.inference_mode():
        made = network.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config
        )
    # With embeddings in front transformers returns the new tokens only.
    skipped = len(request.prompt_ids) if made.shape[1] > decoding.max_new_tokens else 0
    answer = made[0, skipped:].tolist()
    if answer[: len(request.prompt_ids)] == list(request.prompt_ids):
        answer = answer[len(request.prompt_ids) :]
    return tuple(answer[:-1] if answer and answer[-1] in decoding.stop_ids else answer)


def answers(network, requests, decoding):
    return {p.row_id: p for p in generate_all(network, requests, decoding)}


def equal(network, decoding=GREEDY, requests=None):
    """Compare every row, with budgets from one row to all at once."""
    requests = requests or prompts()
    expected = {request.row_id: alone(network, request, decoding) for request in requests}
    same = 0
    for budget in BUDGETS:
        found = answers(network, requests, replace(decoding, max_batch_tokens=budget))
        same += sum(found[row].token_ids == expected[row] for row in expected)
        stopped = [p for p in found.values() if p.finish == "stop"]
        assert all(len(p.token_ids) < decoding.max_new_tokens for p in stopped)
    lengths = {len(answer) for answer in expected.values()}
    return {"rows": len(requests) * len(BUDGETS), "equal": same, "lengths": sorted(lengths)}


def sampled():
    """Compare the answers of rows alone, all together, and in another order."""
    network, requests = model(), prompts()
    decoding = replace(GREEDY, do_sample=True, temperature=1.3, top_p=0.9, top_k=40)
    alone = {r.row_id: answers(network, [r], decoding)[r.row_id] for r in requests}
    together = answers(network, requests, replace(decoding, max_batch_tokens=100_000))
    turned = answers(network, requests[::-1], decoding)
    other = answers(network, requests, replace(decoding, seed=4))
    greedy = answers(network, requests, GREEDY)
    return {
        "rows": len(requests) * 2,
        "equal": sum(alone[r] == together[r] for r in alone)
        + sum(alone[r] == turned[r] for r in alone),
        "other_seed": sum(alone[r] == other[r] for r in alone),
        "greedy": sum(alone[r] == greedy[r] for r in alone),
    }


def only_the_likeliest():
    """Sampling that leaves one token each time is greedy."""
    network, requests, greedy = model(), prompts(), answers(model(), prompts(), GREEDY)
    found = {"rows": 0, "equal": 0}
    for change in ({"top_k": 1}, {"top_p": 1e-9}, {"temperature": 1e-4}):
        sampled = answers(network, requests, replace(GREEDY, do_sample=True, **change))
        found["rows"] += len(requests)
        found["equal"] += sum(sampled[row] == greedy[row] for row in greedy)
    return found


def main():
    lora = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    prompt = PromptTuningConfig(num_virtual_tokens=5, task_type="CAUSAL_LM")
    prefix = PrefixTuningConfig(num_virtual_tokens=5, task_type="CAUSAL_LM")
    found = {
        "greedy": equal(model()),
        "one row": equal(model(), requests=prompts()[:1]),
        "repetition penalty": equal(model(), replace(GREEDY, repetition_penalty=1.4)),
        "one token": equal(model(), replace(GREEDY, max_new_tokens=1)),
        "lora": equal(adapted(lora)),
        "prompt tuning": equal(adapted(prompt)),
        "prefix tuning": equal(adapted(prefix)),
        "sliding window": equal(model(MistralForCausalLM, MistralConfig, sliding_window=16)),
        "sampled": sampled(),
        "only the likeliest": only_the_likeliest(),
    }
    Path(sys.argv[2]).write_text(json.dumps(found))


main()
