"""A bare TRL script: the same rows, steps and adapter as a run of ft, nothing else.

Runs in the TRL environment: ``python bare_trl.py RUN_FOLDER OUT.json``. It reads the run's stream
(for the rows), its initial adapter and its job (for the numbers), and trains as TRL's own
documentation does: `SFTConfig`, `SFTTrainer`, TRL's own collator and loss.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import load_from_disk
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer


class Clock(TrainerCallback):  # type: ignore[misc]
    """Notes the first step's begin and the last step's end."""

    first: float | None = None
    last: float | None = None

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        """Note the first begin."""
        self.first = self.first or time.monotonic()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        """Note the last end."""
        self.last = time.monotonic()


def main() -> None:
    """Train and write seconds and final loss."""
    run, out = Path(sys.argv[1]), Path(sys.argv[2])
    job = json.loads((run / "job.json").read_text(encoding="utf-8"))
    settings = job["settings"]
    torch.set_num_threads(len(__import__("os").sched_getaffinity(0)))
    tokenizer = AutoTokenizer.from_pretrained(job["model"]["folder"])
    model = AutoModelForCausalLM.from_pretrained(
        job["model"]["folder"], dtype=getattr(torch, job["model"]["dtype"])
    )
    model = PeftModel.from_pretrained(model, run / "initial_adapter", is_trainable=True)
    order = np.load(run / "stream" / "order.npz")["rows"]
    config = SFTConfig(
        output_dir=str(out.parent / "bare"),
        max_steps=settings["steps"],
        per_device_train_batch_size=settings["batch_size"],
        gradient_accumulation_steps=settings["accumulation"],
        learning_rate=settings["learning_rate"],
        lr_scheduler_type="linear",
        warmup_steps=settings["warmup_steps"],
        bf16=settings["precision"] == "bf16",
        gradient_checkpointing=settings["gradient_checkpointing"],
        pad_to_multiple_of=settings["padding_multiple"],
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=job["device"] == "cpu",
        disable_tqdm=True,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    clock = Clock()
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=load_from_disk(str(run / "stream" / "train")).select(order),
        processing_class=tokenizer,
        callbacks=[clock],
    )
    trainer.train()
    seconds = (clock.last or 0.0) - (clock.first or 0.0)
    out.write_text(json.dumps({"seconds": seconds}), encoding="utf-8")


if __name__ == "__main__":
    main()
