"""From process start to adapter saved: `ft run` against the engine's own command, same job.

Both train the NER recipe's rows for the same steps with the same settings, in the same
environment, evaluation and export off. The clock runs from the start of the process to the moment
at which the adapter's file was written last. Pairs alternate; the order within a pair turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "recipes" / "ner.toml"
WEIGHTS = "adapter_model.safetensors"


def timed(command: list[str], env: dict[str, str] | None, adapter: Callable[[], Path]) -> float:
    """Run ``command`` and return the seconds until its adapter was written."""
    begin = time.time()
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=env)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\nexit {done.returncode}\n{done.stderr[-3000:]}")
    return adapter().stat().st_mtime - begin


def ft_run(backend: str, overrides: list[str], runs: Path) -> float:
    """Run the recipe with ft; return its seconds."""
    command = [sys.executable, "-m", "ftcore", "run", str(RECIPE), "--backend", backend, "--quiet"]
    for override in (*overrides, "data.test=[]", "export.formats=[]"):
        command += ["--set", override]
    command += ["--runs", str(runs)]
    return timed(command, None, lambda: next(runs.glob(f"*/adapter/{WEIGHTS}")))


def rows_file(run: Path, folder: Path) -> Path:
    """Write the rows that the run trained on, in its order, as the engines read them."""
    import numpy as np

    from ftcore.recipe.loading import load_recipe

    loaded = load_recipe(RECIPE)
    order = np.load(run / "stream" / "order.npz")["rows"]
    messages = training_messages(loaded)
    path = folder / "rows.jsonl"
    lines = [json.dumps({"messages": messages[index]}, ensure_ascii=False) for index in order]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def training_messages(loaded: Any) -> list[list[dict[str, str]]]:
    """Return the conversations of the recipe's training rows."""
    from ftcore.engine.inputs import open_data

    rows = open_data(loaded).rows("train")
    return [[{"role": m.role, "content": m.content} for m in row.messages] for row in rows]


def settings_of(job: dict[str, Any], out: Path) -> dict[str, Any]:
    """Return what both engines' commands call by transformers' own names."""
    settings = job["settings"]
    return {
        "output_dir": str(out),
        "max_steps": settings["steps"],
        "per_device_train_batch_size": settings["batch_size"],
        "gradient_accumulation_steps": settings["accumulation"],
        "learning_rate": settings["learning_rate"],
        "lr_scheduler_type": settings["scheduler"],
        "warmup_steps": settings["warmup_steps"],
        "weight_decay": settings["weight_decay"],
        "adam_beta1": settings["beta1"],
        "adam_beta2": settings["beta2"],
        "max_grad_norm": settings["max_grad_norm"],
        "optim": "adamw_torch",
        "bf16": settings["precision"] == "bf16",
        "seed": settings["seed"],
        "use_cpu": True,
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": settings["steps"],
        "save_only_model": True,
        "report_to": "none",
        "dataloader_num_workers": 0,
    }


def swift_command(job: dict[str, Any], python: Path, rows: Path, folder: Path) -> list[str]:
    """Return the command of `swift sft`."""
    lora = job["settings"]["lora"]
    arguments = settings_of(job, folder / "out") | {
        "model": job["model"]["folder"],
        "model_type": "llama",
        "template": "chatml",
        "torch_dtype": job["model"]["dtype"],
        "tuner_type": "lora",
        "lora_rank": lora["rank"],
        "lora_alpha": int(lora["alpha"]),
        "lora_dropout": lora["dropout"],
        "target_modules": "all-linear",
        "dataset": str(rows),
        "split_dataset_ratio": 0,
        "dataset_shuffle": False,
        "train_dataloader_shuffle": False,
        "gradient_checkpointing": job["settings"]["gradient_checkpointing"],
        "max_length": 256,
        "check_model": False,
        "add_version": False,
        "eval_strategy": "no",
    }
    given = [word for name, value in arguments.items() for word in (f"--{name}", text(value))]
    return [str(python.with_name("swift")), "sft", *given]


def text(value: Any) -> str:
    """Return a value as a command line takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def llamafactory_command(job: dict[str, Any], python: Path, rows: Path, folder: Path) -> list[str]:
    """Write the engine's configuration and return the command of `llamafactory-cli train`."""
    columns = {"role_tag": "role", "content_tag": "content"}
    tags = columns | {"user_tag": "user", "assistant_tag": "assistant", "system_tag": "system"}
    described = {
        "file_name": str(rows),
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": tags,
    }
    info = folder / "dataset_info.json"
    info.write_text(json.dumps({"rows": described}), encoding="utf-8")
    lora = job["settings"]["lora"]
    arguments = settings_of(job, folder / "out") | {
        "model_name_or_path": job["model"]["folder"],
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_rank": lora["rank"],
        "lora_alpha": int(lora["alpha"]),
        "lora_dropout": lora["dropout"],
        "lora_target": "all",
        "template": "chatml",
        "dataset": "rows",
        "dataset_dir": str(folder),
        "disable_shuffling": True,
        "disable_gradient_checkpointing": not job["settings"]["gradient_checkpointing"],
        "cutoff_len": 256,
        "overwrite_cache": True,
        "preprocessing_num_workers": 1,
    }
    # JSON is YAML; a file that is called .json it cannot read.
    config = folder / "train.yaml"
    config.write_text(json.dumps(arguments), encoding="utf-8")
    return [str(python.with_name("llamafactory-cli")), "train", str(config)]


COMMANDS = {"swift": swift_command, "llamafactory": llamafactory_command}


def cli_run(backend: str, run: Path, folder: Path) -> float:
    """Train the job of ``run`` with the engine's own command; return its seconds."""
    job = json.loads((run / "job.json").read_text(encoding="utf-8"))
    used = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    python = Path(used["python"])
    rows = rows_file(run, folder)
    command = COMMANDS[backend](job, python, rows, folder)
    return timed(command, cli_environment(folder, python), lambda: saved(folder / "out"))


def saved(out: Path) -> Path:
    """Return the adapter that the engine wrote first: at the last step."""
    return min(out.rglob(WEIGHTS), key=lambda path: path.stat().st_mtime)


def cli_environment(folder: Path, python: Path) -> dict[str, str]:
    """Return an environment in which the engine finds no hub, and an inert torchaudio.

    LLaMA-Factory imports torchaudio, whose package does not load beside a CPU build of torch.
    """
    inert = folder / "inert" / "torchaudio"
    inert.mkdir(parents=True)
    (inert / "__init__.py").write_text("", encoding="utf-8")
    env = {key: os.environ[key] for key in ("LANG", "TMPDIR") if key in os.environ}
    return env | {
        "PATH": f"{python.parent}:/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "PYTHONPATH": str(folder / "inert"),
        "USE_HF": "1",
        "HF_HUB_OFFLINE": "1",
        "MODELSCOPE_CACHE": str(folder / "home" / "modelscope"),
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def measure(backend: str, pairs: int, overrides: list[str], folder: Path) -> None:
    """Print each pair's ratio, the median and the spread of one backend."""
    # The first run says what the job is, and makes what later runs of both sides find made.
    ft_run(backend, overrides, folder / "first")
    job_run = next((folder / "first").glob("*/job.json")).parent
    ratios = []
    for index in range(pairs):
        here = folder / f"pair{index}"
        here.mkdir()
        sides: dict[str, Callable[[], float]] = {
            "ft": partial(ft_run, backend, overrides, here / "runs"),
            "cli": partial(cli_run, backend, job_run, here),
        }
        order = list(sides) if index % 2 == 0 else list(sides)[::-1]
        seconds = {side: sides[side]() for side in order}
        ratios.append(seconds["ft"] / seconds["cli"])
        print(
            f"{backend}, pair {index + 1}: ft {seconds['ft']:.1f} s, "
            f"its own command {seconds['cli']:.1f} s, ratio {ratios[-1]:.3f}",
            flush=True,
        )
    print(
        f"{backend}: {' '.join(overrides)}, median ratio {statistics.median(ratios):.3f} "
        f"(min {min(ratios):.3f}, max {max(ratios):.3f})",
        flush=True,
    )


def main() -> None:
    """Measure the engines that have a command of their own, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backends", nargs="+", default=list(COMMANDS), choices=list(COMMANDS))
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    overrides = [f"train.max_steps={arguments.steps}", *arguments.set]
    for backend in arguments.backends:
        with tempfile.TemporaryDirectory() as name:
            measure(backend, arguments.pairs, overrides, Path(name))


if __name__ == "__main__":
    main()
