"""Does ft's generator answer token for token as transformers' ``generate`` does on one row alone?

    python benchmarks/generation_exactness.py                     the test rows of all four recipes
    python benchmarks/generation_exactness.py --rows 20 --recipe ner
    python benchmarks/generation_exactness.py --adapter nl2sql=RUN/adapter --adapter ner=RUN/adapter

Greedy, float32. Prints n, how many rows are identical, and for each other row where the answers
part and how near the two likeliest tokens are there. Exits 1 if fewer than 99.5% are identical or a
difference does not begin at a near tie.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SHARE, NEAR_TIE = 0.995, 1e-4


def main() -> int:
    """Render the prompts here, answer them in the environment of a backend."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", action="append", help="one recipe; may be given often")
    parser.add_argument("--rows", type=int, help="at most this many rows of each recipe")
    parser.add_argument("--adapter", action="append", default=[], metavar="RECIPE=FOLDER")
    parser.add_argument("--backend", default="trl", help="whose environment answers")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        return compare_all(json.loads(Path(given.child).read_text("utf-8")))
    from prompts import NAMES, environment, read_prompts

    from ftcore.cache import cache_dir
    from ftcore.code_folder import code_folder
    from ftcore.plugins import load_plugins

    adapters = dict(item.split("=", 1) for item in given.adapter)
    asked = [read_prompts(name, given.rows) for name in given.recipe or NAMES]
    job = {
        "threads": given.threads,
        "code": str(code_folder(cache_dir(), load_plugins().backend(given.backend).package)),
        "recipes": [
            {
                "name": prompts.recipe,
                "model": str(prompts.model),
                "adapter": adapters.get(prompts.recipe),
                "decoding": prompts.decoding,
                "rows": prompts.rows,
            }
            for prompts in asked
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.json"
        path.write_text(json.dumps(job), encoding="utf-8")
        command = [str(environment(given.backend).python), __file__, "--child", str(path)]
        quiet = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        return subprocess.run(command, env={**os.environ, **quiet}, check=False).returncode


def compare_all(job: dict[str, Any]) -> int:
    """Answer the rows of every recipe both ways and print what came out."""
    sys.path.insert(0, job["code"])
    import torch

    torch.set_num_threads(job["threads"])
    total, same, far = 0, 0, 0
    for recipe in job["recipes"]:
        different = compare(recipe)
        count = len(recipe["rows"])
        total, same = total + count, same + count - len(different)
        far += sum(gap > NEAR_TIE for _, _, gap in different)
        what = f"adapter {recipe['adapter']}" if recipe["adapter"] else "base model"
        print(
            f"{recipe['name']}: {count - len(different)} of {count} identical ({what})", flush=True
        )
        for row_id, place, gap in different:
            print(f"  row {row_id}: parts at answer token {place}, top-2 logits {gap:.2e} apart")
    share = same / total
    print(f"n = {total}: {same} identical, {share:.2%}; {far} differences not at a near tie")
    return 0 if share >= SHARE and not far else 1


def compare(recipe: dict[str, Any]) -> list[tuple[str, int, float]]:
    """Return for each row with another answer its id, the first place and the tie there."""
    from ftcore.backends import Request
    from ftcore.protocol import Decoding, ModelRef
    from ftcore.worker.generator import generate_all
    from ftcore.worker.loading import load_for_generation

    decoding = Decoding(**recipe["decoding"])
    model = ModelRef(recipe["model"], "float32", "sdpa", False)
    network = load_for_generation(model, recipe["adapter"], "cpu")
    requests = [Request(row["row_id"], tuple(row["prompt_ids"])) for row in recipe["rows"]]
    answers = {p.row_id: list(p.token_ids) for p in generate_all(network, requests, decoding)}
    found = []
    for request in requests:
        expected = unbatched(network, request.prompt_ids, decoding)
        mine = answers[request.row_id]
        if mine != expected:
            place, gap = parting(network, request.prompt_ids, mine, expected, decoding)
            found.append((request.row_id, place, gap))
    return found


def unbatched(network: Any, prompt: tuple[int, ...], decoding: Any) -> list[int]:
    """Return transformers' own greedy answer to one prompt, without its stop token."""
    import torch
    from transformers import GenerationConfig

    config = GenerationConfig(
        max_new_tokens=decoding.max_new_tokens,
        do_sample=False,
        num_beams=1,
        eos_token_id=decoding.stop_ids,
        pad_token_id=decoding.pad_id,
    )
    ids = torch.tensor([prompt])
    with torch.inference_mode():
        output = network.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config
        )
    answer: list[int] = output[0, len(prompt) :].tolist()
    return answer[:-1] if answer and answer[-1] in decoding.stop_ids else answer


def parting(
    network: Any, prompt: tuple[int, ...], mine: list[int], other: list[int], decoding: Any
) -> tuple[int, float]:
    """Return where two answers part and how far the tokens taken are below the likeliest there."""
    import torch

    ends = [[*answer, decoding.stop_ids[0]] for answer in (mine, other)]
    place = next(n for n, (a, b) in enumerate(zip(*ends, strict=False)) if a != b)
    with torch.inference_mode():
        logits = network(input_ids=torch.tensor([[*prompt, *mine[:place]]])).logits[0, -1].float()
    # Either stop token may have ended an answer: the likelier one counts.
    taken = [
        max(logits[stop] for stop in decoding.stop_ids)
        if place == len(answer)
        else logits[end[place]]
        for answer, end in zip((mine, other), ends, strict=True)
    ]
    return place, float(logits.max() - min(taken))


if __name__ == "__main__":
    sys.exit(main())
