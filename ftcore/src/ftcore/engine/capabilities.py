"""Holds a recipe against what a backend declares: exact, approximate with consent, or refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ftcore.backends import BackendSpec
from ftcore.errors import Problem, UnsupportedError
from ftcore.recipe.loading import LoadedRecipe
from ftcore.recipe.rules import PROMPT_METHODS

# The recipe fields that an engine must honour; the core answers for all others by itself.
BACKEND_FIELDS = (
    "model.dtype",
    "model.quantization",
    "model.attention",
    "model.trust_remote_code",
    "train.method",
    "train.loss",
    "train.epochs",
    "train.max_steps",
    "train.batch_size",
    "train.accumulation",
    "train.learning_rate",
    "train.scheduler",
    "train.min_lr_ratio",
    "train.warmup_ratio",
    "train.warmup_steps",
    "train.optimizer",
    "train.beta1",
    "train.beta2",
    "train.epsilon",
    "train.weight_decay",
    "train.max_grad_norm",
    "train.precision",
    "train.gradient_checkpointing",
    "train.packing",
    "train.neftune_alpha",
    "train.shuffle",
    "train.padding_multiple",
    "train.seed",
    "train.lora.rank",
    "train.lora.alpha",
    "train.lora.dropout",
    "train.lora.targets",
    "train.lora.rslora",
    "train.lora.dora",
    "train.lora.init",
    "train.lora.plus_ratio",
    "train.freeze.last_layers",
    "train.prompt.virtual_tokens",
    "train.validation.every_steps",
    "train.validation.patience",
    "train.validation.load_best",
    "train.checkpoints.every_steps",
    "train.checkpoints.keep",
    "export.formats",
    "launch.device",
    "launch.processes",
    "launch.nodes",
    "launch.strategy",
    "launch.threads",
)

# "Off" asks nothing of a backend that does not know the feature; "no shuffling" does.
MEANT_WHEN_FALSE = ("train.shuffle",)
# Fields of features that are off unless another field turns them on.
DEPENDS = {
    "train.freeze.last_layers": ("train.method", ("freeze",)),
    "train.prompt.virtual_tokens": ("train.method", PROMPT_METHODS),
}


@dataclass(frozen=True, slots=True)
class CapabilityNotes:
    """What the plan shows: approximations consented to, and limits of this machine."""

    approximate: list[str]
    machine: list[Problem]


def field_value(loaded: LoadedRecipe, path: str) -> object:
    """Return the value of the recipe field ``path``."""
    value: object = loaded.recipe
    for part in path.split("."):
        value = getattr(value, part)
    return value


def check_capabilities(
    loaded: LoadedRecipe, spec: BackendSpec, others: Iterable[BackendSpec], device: str
) -> CapabilityNotes:
    """Refuse what ``spec`` cannot do; raises one `UnsupportedError` with every such field.

    Limits of this machine (a precision that its device lacks) are returned, not raised: a dry run
    shows them, a run refuses them.
    """
    refused: list[Problem] = []
    approximate: list[str] = []
    machine: list[Problem] = []
    for path in BACKEND_FIELDS:
        for value in _values(loaded, path):
            capability = spec.capability(path, value)
            if capability.state in ("unsupported", "not_yet"):
                refused.append(_refusal(spec, path, value, capability.note, others))
            elif capability.state == "approximate":
                if path not in loaded.recipe.accept_approximate:
                    refused.append(_needs_consent(spec, path, capability.note))
                approximate.append(f"{path}: {capability.note}")
            if capability.devices and device not in capability.devices:
                machine.append(_wrong_device(path, value, capability.devices, device))
    if refused:
        raise UnsupportedError(
            f"backend {spec.name} cannot run this recipe as it is",
            problems=[loaded.placed(problem) for problem in refused],
        )
    return CapabilityNotes(approximate, [loaded.placed(problem) for problem in machine])


def _values(loaded: LoadedRecipe, path: str) -> list[object]:
    switch = DEPENDS.get(path)
    if switch and field_value(loaded, switch[0]) not in switch[1]:
        return []
    value = field_value(loaded, path)
    # By identity: 0 equals False, but a seed or a rate of 0 asks for something.
    if value is None or value == "none" or (value is False and path not in MEANT_WHEN_FALSE):
        return []
    return list(value) if isinstance(value, list) and path == "export.formats" else [value]


def _refusal(
    spec: BackendSpec, path: str, value: object, note: str, others: Iterable[BackendSpec]
) -> Problem:
    able = [o.name for o in others if o.capability(path, value).state in ("exact", "approximate")]
    fix = f"backends that can: {', '.join(able)}" if able else "no installed backend can"
    message = f"{spec.name} does not support {path} = {value!r}: {note}"
    return Problem(message, field=path, fix=fix, code="unsupported.field")


def _needs_consent(spec: BackendSpec, path: str, note: str) -> Problem:
    return Problem(
        f"{spec.name} does {path} only approximately: {note}",
        field=path,
        fix=f'add "{path}" to accept_approximate',
        code="unsupported.needs-consent",
    )


def _wrong_device(path: str, value: object, devices: tuple[str, ...], device: str) -> Problem:
    return Problem(
        f"{path} = {value!r} needs {' or '.join(devices)}; this run is on {device}",
        field=path,
        fix=f"choose another value for {path}, or a machine with {devices[0]}",
        code="unsupported.device",
    )
