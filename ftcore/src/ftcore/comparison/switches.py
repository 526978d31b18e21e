"""What the plain loop can be told to do differently, to see whether an engine does just that.

A switch is ``{"settings": {...}, "dtype": ..., "options": {...}}``: fields of the training
settings, the type of the frozen weights, and options of the plain loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Switch = Mapping[str, Any]


def setting(**changes: Any) -> dict[str, Any]:
    """Return the switch that changes training settings."""
    return {"settings": changes}


def option(**changes: Any) -> dict[str, Any]:
    """Return the switch that changes options of the plain loop."""
    return {"options": changes}


def merged(switches: Iterable[Switch]) -> dict[str, Any]:
    """Return one switch that does what all of them do; later ones win."""
    settings: dict[str, Any] = {}
    options: dict[str, Any] = {}
    dtype = None
    for switch in switches:
        settings.update(switch.get("settings", {}))
        options.update(switch.get("options", {}))
        dtype = switch.get("dtype", dtype)
    found = {"settings": settings, "options": options, "dtype": dtype}
    return {name: value for name, value in found.items() if value}


def catalogue(settings: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Switch]]:
    """Yield (code, level, sentence, switch) of what is tried where looking does not decide.

    The likeliest first: what no live object shows, then the engines' well-known defaults.
    """
    if settings["max_grad_norm"]:
        yield "clipping", "L3", "does not clip the gradients", setting(max_grad_norm=0.0)
    if settings["max_grad_norm"] != 1.0:
        yield "clipping", "L3", "clips gradients at a norm of 1", setting(max_grad_norm=1.0)
    if settings["accumulation"] > 1:
        text = "averages the micro-batches' mean losses instead of dividing by the group's tokens"
        yield "normalisation", "L2", text, option(normalisation="mean_of_means")
        text = "adds the micro-batches' mean losses up instead of dividing by the group's tokens"
        yield "normalisation", "L2", text, option(normalisation="sum_of_means")
    for decay in (0.1, 0.01, 0.0):
        if settings["weight_decay"] != decay:
            text = f"decays the weights by {decay:g} instead of {settings['weight_decay']:g}"
            yield "weight-decay", "L3", text, setting(weight_decay=decay)
    for name, values in (("beta2", (0.95, 0.98, 0.999)), ("epsilon", (1e-6, 1e-8))):
        for value in values:
            if settings[name] != value:
                text = f"has {name} {value:g} instead of {settings[name]:g}"
                yield name, "L3", text, setting(**{name: value})
    for scheduler in ("cosine", "linear", "constant"):
        if settings["scheduler"] != scheduler:
            text = f"has a {scheduler} schedule instead of a {settings['scheduler']} one"
            yield "scheduler", "L3", text, setting(scheduler=scheduler)
    if settings["warmup_steps"]:
        yield "warmup", "L3", "does not warm up", setting(warmup_steps=0)
    if settings["precision"] == "fp32":
        text = "computes in bfloat16"
        yield "precision", "L2", text, setting(precision="bf16")
    for multiple in (1, 64):
        if settings["padding_multiple"] != multiple:
            text = f"pads to a multiple of {multiple} instead of {settings['padding_multiple']}"
            yield "padding", "L2", text, setting(padding_multiple=multiple)
