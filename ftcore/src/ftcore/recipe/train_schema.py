"""The `[train]` table of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ftcore.recipe.section import Section

Positive = Annotated[float, Field(gt=0)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class LoraSection(Section):
    """The low-rank adapter (Hu et al., 2021)."""

    rank: Count = Field(8, description="Rank of the adapter.")
    alpha: Positive = Field(16, description="Scale numerator; the update is scaled by alpha/rank.")
    dropout: BelowOne = Field(0.0, description="Dropout on the adapter's input.")
    targets: Literal["all-linear"] | list[str] = Field(
        "all-linear", description="Linear layers that get an adapter, by name."
    )
    rslora: bool = Field(False, description="Scale by alpha/sqrt(rank) (Kalajdzievski, 2023).")
    dora: bool = Field(False, description="Weight-decomposed adapter (Liu et al., 2024).")
    init: Literal["default", "pissa"] = Field(
        "default",
        description="How the adapter starts: `default`: as the base model answers, B at zero; "
        "`pissa`: from the weights' largest singular values (Meng et al., 2024).",
    )
    plus_ratio: Positive | None = Field(
        None, description="LoRA+: learning rate of B over that of A (Hayou et al., 2024)."
    )


class FreezeSection(Section):
    """Training of the last layers only (`train.method = "freeze"`)."""

    last_layers: Count = Field(2, description="How many of the last decoder layers are trained.")


class PromptSection(Section):
    """Prompt tuning, prefix tuning and P-tuning."""

    virtual_tokens: Count = Field(16, description="Number of virtual tokens.")


class ValidationSection(Section):
    """Validation loss while training, and what follows from it."""

    every_steps: Count | None = Field(
        None, description="Measure validation loss every this many steps; unset: never."
    )
    patience: Count | None = Field(
        None, description="Stop after this many measurements without improvement."
    )
    load_best: bool = Field(
        False, description="End with the checkpoint of the lowest validation loss."
    )


class CheckpointSection(Section):
    """Checkpoints while training; the last state is always kept."""

    every_steps: Count | None = Field(None, description="Save every this many steps.")
    keep: Count = Field(2, description="How many checkpoints are kept, the best one besides.")


class TrainSection(Section):
    """The training problem: method, loss, optimiser, schedule, precision, order."""

    method: Literal[
        "lora", "full", "freeze", "prompt_tuning", "prefix_tuning", "p_tuning", "ia3"
    ] = Field("lora", description="What is trained.")
    loss: Literal["standard", "engine"] = Field(
        "standard",
        description="`standard`: the common causal-LM loss, mean over the supervised tokens of the "
        "accumulation group; `engine`: the engine's own head, outside the bit-for-bit guarantee.",
    )
    epochs: Positive = Field(1.0, description="Passes over the training rows.")
    max_steps: Count | None = Field(None, description="Optimizer steps; overrides `epochs`.")
    batch_size: Count = Field(4, description="Rows per device and micro-batch.")
    accumulation: Count = Field(1, description="Micro-batches per optimizer step.")
    learning_rate: Positive = Field(1e-4, description="Peak learning rate.")
    scheduler: Literal["constant", "linear", "cosine"] = Field(
        "linear", description="Shape of the learning rate after warm-up."
    )
    min_lr_ratio: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="Where `linear` and `cosine` end, as a share of the peak; unset: at 0."
    )
    warmup_ratio: BelowOne = Field(0.0, description="Share of the steps for linear warm-up.")
    warmup_steps: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Steps of linear warm-up; overrides `warmup_ratio`."
    )
    optimizer: Literal["adamw", "adafactor", "sgd"] = Field(
        "adamw",
        description="`adamw` as in torch; `adafactor` with the recipe's rate (Shazeer and Stern, "
        "2018), which keeps little state; `sgd` without momentum.",
    )
    beta1: BelowOne = Field(0.9, description="AdamW beta 1.")
    beta2: BelowOne = Field(0.999, description="AdamW beta 2.")
    epsilon: Positive = Field(1e-8, description="AdamW epsilon.")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.0, description="Decoupled weight decay.")
    max_grad_norm: Annotated[float, Field(ge=0)] = Field(
        1.0, description="Gradient norm above which gradients are scaled down; 0: never."
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="Arithmetic of forward and backward passes (autocast unless fp32)."
    )
    gradient_checkpointing: bool = Field(
        False, description="Recompute activations in the backward pass to save memory."
    )
    packing: bool = Field(False, description="Several rows in one sequence.")
    neftune_alpha: Positive | None = Field(
        None, description="Noise on the embeddings (Jain et al., 2023)."
    )
    shuffle: bool = Field(True, description="Shuffle the rows in every epoch.")
    padding_multiple: Count = Field(8, description="Rows are padded to a multiple of this.")
    seed: Seed = Field(42, description="Seed of order, adapter and dropout.")
    lora: LoraSection = LoraSection()
    freeze: FreezeSection = FreezeSection()
    prompt: PromptSection = PromptSection()
    validation: ValidationSection = ValidationSection()
    checkpoints: CheckpointSection = CheckpointSection()
