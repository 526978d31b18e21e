"""From the recipe's `[train]` to the numbers that are handed to the engine, none left open."""

from __future__ import annotations

import math

from ftcore.errors import RecipeError
from ftcore.models.initial_ia3 import ia3_parameters
from ftcore.models.initial_prompt import prompt_parameters
from ftcore.models.inspect import ModelFacts, lora_parameters
from ftcore.protocol import Decoding, LoraSettings, ModelRef, TrainSettings
from ftcore.recipe.loading import LoadedRecipe
from ftcore.recipe.rules import PROMPT_METHODS
from ftcore.recipe.schema import Recipe
from ftcore.rendering.order import Order
from ftcore.rendering.renderer import Renderer

FROZEN_DTYPE = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
# Methods that train weights of the model itself: these are float32 whatever the precision is.
IN_PLACE = ("full", "freeze")


def frozen_dtype(recipe: Recipe) -> str:
    """Return the type that the model is held in: the recipe's, or the one of its precision."""
    chosen = recipe.model.dtype
    if chosen != "auto":
        return chosen
    return "float32" if recipe.train.method in IN_PLACE else FROZEN_DTYPE[recipe.train.precision]


def model_ref(recipe: Recipe, folder: str) -> ModelRef:
    """Return how the worker loads the base model."""
    return ModelRef(
        folder=folder,
        dtype=frozen_dtype(recipe),  # type: ignore[arg-type]
        attention=recipe.model.attention,
        trust_remote_code=recipe.model.trust_remote_code,
        quantization=recipe.model.quantization,
    )


def lora_settings(recipe: Recipe, facts: ModelFacts) -> LoraSettings:
    """Return the adapter with its target modules named one by one."""
    lora = recipe.train.lora
    if lora.targets == "all-linear":
        targets = sorted({name.rsplit(".", 1)[-1] for name in facts.linear_modules()})
    else:
        targets = sorted(set(lora.targets))
    return LoraSettings(
        rank=lora.rank,
        alpha=lora.alpha,
        dropout=lora.dropout,
        targets=targets,
        rslora=lora.rslora,
        dora=lora.dora,
        init=lora.init,
        plus_ratio=lora.plus_ratio,
    )


def train_settings(
    loaded: LoadedRecipe, facts: ModelFacts, order: Order, pad_id: int
) -> TrainSettings:
    """Return the training problem as numbers; steps and warm-up come from the order."""
    train = loaded.recipe.train
    warmup = train.warmup_steps
    if warmup is None:
        # 7.000000000000001 steps come from floating point, not from the recipe.
        warmup = math.ceil(train.warmup_ratio * order.steps - 1e-6)
    return TrainSettings(
        method=train.method,
        loss=train.loss,
        steps=order.steps,
        epochs=order.epoch_at(order.steps),
        batch_size=train.batch_size,
        accumulation=train.accumulation,
        learning_rate=train.learning_rate,
        scheduler=train.scheduler,
        warmup_steps=warmup,
        optimizer=train.optimizer,
        beta1=train.beta1,
        beta2=train.beta2,
        epsilon=train.epsilon,
        weight_decay=train.weight_decay,
        max_grad_norm=train.max_grad_norm,
        precision=train.precision,
        gradient_checkpointing=train.gradient_checkpointing,
        padding_multiple=train.padding_multiple,
        seed=train.seed,
        eval_every=train.validation.every_steps,
        patience=train.validation.patience,
        load_best=train.validation.load_best,
        save_every=train.checkpoints.every_steps,
        keep_checkpoints=train.checkpoints.keep,
        pad_id=pad_id,
        trainable_parameters=trainable_parameters(loaded.recipe, facts),
        lora=lora_settings(loaded.recipe, facts),
        trained=trained_names(loaded.recipe, facts),
        neftune_alpha=train.neftune_alpha,
        min_lr_ratio=train.min_lr_ratio,
        virtual_tokens=train.prompt.virtual_tokens if train.method in PROMPT_METHODS else None,
    )


def trained_names(recipe: Recipe, facts: ModelFacts) -> list[str]:
    """Return the beginnings of the names of what is trained without an adapter.

    Raises `RecipeError` when fewer layers are there than are to be trained.
    """
    if recipe.train.method == "full":
        return [""]
    if recipe.train.method != "freeze":
        return []
    layers, wanted = facts.layer_names(), recipe.train.freeze.last_layers
    if wanted > len(layers):
        raise RecipeError(
            f"the model has {len(layers)} layers, fewer than train.freeze.last_layers = {wanted}",
            hint='train them all with method = "full", or fewer',
            code="recipe.too-many-layers",
        )
    return [f"{name}." for name in layers[-wanted:]]


def trainable_parameters(recipe: Recipe, facts: ModelFacts) -> int:
    """Return how many numbers are trained: an adapter's, or the model's own."""
    if recipe.train.method == "full":
        return facts.parameters
    if recipe.train.method == "ia3":
        return ia3_parameters(facts)
    if recipe.train.method in PROMPT_METHODS:
        return prompt_parameters(facts, recipe.train.method, recipe.train.prompt.virtual_tokens)
    if recipe.train.method == "freeze":
        names = tuple(trained_names(recipe, facts))
        return sum(math.prod(s) for name, s in facts.tensors.items() if name.startswith(names))
    lora = lora_settings(recipe, facts)
    count = lora_parameters(facts, lora.rank, lora.targets)
    if lora.dora:
        count += sum(
            outputs
            for name, (outputs, _) in facts.linear_modules().items()
            if any(f".{name}".endswith(f".{target}") for target in lora.targets)
        )
    return count


def decoding(recipe: Recipe, renderer: Renderer) -> Decoding:
    """Return the decoding with the template's stop tokens."""
    generation = recipe.evaluation.generation
    return Decoding(
        max_new_tokens=generation.max_new_tokens,
        do_sample=generation.do_sample,
        temperature=generation.temperature,
        top_p=generation.top_p,
        top_k=generation.top_k,
        repetition_penalty=generation.repetition_penalty,
        max_batch_tokens=generation.max_batch_tokens,
        seed=generation.seed,
        pad_id=renderer.pad_id,
        stop_ids=list(renderer.stop_ids),
    )
