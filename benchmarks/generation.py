"""Generated tokens per second, the model loaded: ft's generator, `swift infer`, LLaMA-Factory.

    python benchmarks/generation.py                            nl2sql's test rows, base model
    python benchmarks/generation.py --recipe ner --rows 60 --threads 2

The same rows, model, precision (float32) and longest answer, greedy, each engine with its default
batch, one after the other in its own environment. Only the time inside generation counts: for the
engines that of transformers' ``generate``, for ft that of its whole generator. Exits 1 unless ft is
at least 3 times as fast as the slower and faster than the other.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TIMES_SLOWER = 3.0
ENGINES = {"ft": "trl", "swift": "swift", "llamafactory": "llamafactory"}
NAMES = {"ft": "ft", "swift": "swift infer", "llamafactory": "LLaMA-Factory do_predict"}


def main() -> int:
    """Render the prompts, have each engine answer them, print the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="nl2sql")
    parser.add_argument("--rows", type=int, help="at most this many rows")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        engine, path = given.child
        return answer(engine, json.loads(Path(path).read_text("utf-8")))
    with tempfile.TemporaryDirectory() as folder:
        job = write_job(given.recipe, given.rows, given.threads, Path(folder))
        rates = {engine: rate(engine, job, Path(folder)) for engine in ENGINES}
    slower, faster = sorted((rates["swift"], rates["llamafactory"]))
    print(f"ft / slower: {rates['ft'] / slower:.2f}   ft / faster: {rates['ft'] / faster:.2f}")
    return 0 if rates["ft"] >= TIMES_SLOWER * slower and rates["ft"] > faster else 1


def write_job(recipe: str, rows: int | None, threads: int, folder: Path) -> dict[str, Any]:
    """Write the rows as each engine takes them; return what the children need."""
    from prompts import read_prompts

    from ftcore.cache import cache_dir
    from ftcore.code_folder import code_folder
    from ftcore.plugins import load_plugins

    prompts = read_prompts(recipe, rows)
    # Both engines want an answer to each question and do not look at it.
    reference = {"role": "assistant", "content": "-"}
    asked = [{"messages": [*row["messages"], reference]} for row in prompts.rows]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked), "utf-8")
    (folder / "rows.json").write_text(json.dumps(asked), "utf-8")
    tags = dict(
        zip(("role_tag", "content_tag", "user_tag"), ("role", "content", "user"), strict=True)
    )
    about = {
        "file_name": "rows.json",
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {**tags, "assistant_tag": "assistant", "system_tag": "system"},
    }
    (folder / "dataset_info.json").write_text(json.dumps({"rows": about}), "utf-8")
    return {
        "folder": str(folder),
        "model": str(prompts.model),
        "decoding": prompts.decoding,
        "rows": prompts.rows,
        "threads": threads,
        "code": str(code_folder(cache_dir(), load_plugins().backend("trl").package)),
    }


def rate(engine: str, job: dict[str, Any], folder: Path) -> float:
    """Return the generated tokens per second of one engine in a process of its own."""
    from prompts import environment

    path = folder / f"{engine}.json"
    path.write_text(json.dumps({**job, "output": str(folder / f"{engine}.out")}), "utf-8")
    quiet = {"USE_HF": "1", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(job["threads"])}
    caches = {"MODELSCOPE_CACHE": str(folder / "cache"), "HF_HOME": str(folder / "hf")}
    python = str(environment(ENGINES[engine]).python)
    with (folder / f"{engine}.log").open("w", encoding="utf-8") as log:
        done = subprocess.run(
            [python, __file__, "--child", engine, str(path)],
            env={**os.environ, **quiet, **caches, "HOME": str(folder)},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        sys.exit((folder / f"{engine}.log").read_text("utf-8")[-3000:])
    found = json.loads((folder / f"{engine}.out").read_text("utf-8"))
    per_second = float(found["tokens"] / found["seconds"])
    print(
        f"{NAMES[engine]:26} {found['rows']} rows, {found['tokens']} tokens in "
        f"{found['seconds']:.1f} s: {per_second:.1f} tokens/s",
        flush=True,
    )
    return per_second


def answer(engine: str, job: dict[str, Any]) -> int:
    """Answer all rows with one engine; writes rows, tokens (stop tokens included) and seconds."""
    import torch

    torch.set_num_threads(job["threads"])
    run = {"ft": run_ft, "swift": run_swift, "llamafactory": run_llamafactory}[engine]
    Path(job["output"]).write_text(json.dumps(run(job)), "utf-8")
    return 0


def run_ft(job: dict[str, Any]) -> dict[str, float]:
    """Answer with ft's generator."""
    sys.path.insert(0, job["code"])
    from ftcore.backends import Request
    from ftcore.protocol import Decoding, ModelRef
    from ftcore.worker.generator import generate_all
    from ftcore.worker.loading import load_for_generation

    network = load_for_generation(ModelRef(job["model"], "float32", "sdpa", False), None, "cpu")
    requests = [Request(row["row_id"], tuple(row["prompt_ids"])) for row in job["rows"]]
    begin = time.perf_counter()
    found = list(generate_all(network, requests, Decoding(**job["decoding"])))
    seconds = time.perf_counter() - begin
    tokens = sum(len(p.token_ids) + (p.finish == "stop") for p in found)
    return {"rows": len(found), "tokens": tokens, "seconds": seconds}


def counted(job: dict[str, Any]) -> dict[str, float]:
    """Have transformers' ``generate`` count its rows, tokens and seconds from here on."""
    from transformers import GenerationMixin

    found = {"rows": 0, "tokens": 0, "seconds": 0.0}
    stops, generate = set(job["decoding"]["stop_ids"]), GenerationMixin.generate

    def timed(self: Any, *args: Any, **kwargs: Any) -> Any:
        begin = time.perf_counter()
        made = generate(self, *args, **kwargs)
        found["seconds"] += time.perf_counter() - begin
        prompt = kwargs["input_ids"].shape[1]
        for row in getattr(made, "sequences", made)[:, prompt:].tolist():
            ends = [place + 1 for place, token in enumerate(row) if token in stops]
            found["rows"] += 1
            found["tokens"] += ends[0] if ends else len(row)
        return made

    GenerationMixin.generate = timed
    return found


def run_swift(job: dict[str, Any]) -> dict[str, float]:
    """Answer with the pipeline behind `swift infer`, its default batch (1)."""
    from swift.pipelines import infer_main

    found = counted(job)
    arguments = {
        "model": job["model"],
        "model_type": "llama",
        "template": "chatml",
        "torch_dtype": "float32",
        "val_dataset": str(Path(job["folder"]) / "rows.jsonl"),
        "max_new_tokens": str(job["decoding"]["max_new_tokens"]),
        "temperature": "0",
        "stream": "false",
        "result_path": str(Path(job["folder"]) / "swift_result.jsonl"),
    }
    infer_main([text for name, value in arguments.items() for text in (f"--{name}", value)])
    return found


def run_llamafactory(job: dict[str, Any]) -> dict[str, float]:
    """Answer with LLaMA-Factory's ``do_predict``, its default batch (8), unscored."""
    import importlib.machinery
    import types

    audio = types.ModuleType("torchaudio")
    audio.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
    sys.modules.setdefault("torchaudio", audio)
    from llamafactory.hparams import parser
    from llamafactory.train.sft import workflow
    from llamafactory.train.tuner import run_exp

    # Scoring wants packages that generation does not, and takes time that is not counted anyway.
    parser._check_extra_dependencies = lambda *args: None
    workflow.ComputeSimilarity = lambda tokenizer: None
    found = counted(job)
    run_exp(
        {
            "model_name_or_path": job["model"],
            "stage": "sft",
            "do_predict": True,
            "predict_with_generate": True,
            "finetuning_type": "full",
            "template": "chatml",
            "eval_dataset": "rows",
            "dataset_dir": job["folder"],
            "cutoff_len": 2048,
            "max_new_tokens": job["decoding"]["max_new_tokens"],
            "do_sample": False,
            "infer_dtype": "float32",
            "use_cpu": True,
            "report_to": "none",
            "output_dir": str(Path(job["folder"]) / "llamafactory"),
        }
    )
    return found


if __name__ == "__main__":
    sys.exit(main())
