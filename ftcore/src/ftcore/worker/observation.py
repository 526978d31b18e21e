"""Writes down what training did, read from the live objects: rows, losses, optimizer, precision.

Only a run that is to be compared is observed (``Job.observe``). ``observation.jsonl`` gets one
line of kind "network" (what is trained and how it is held), one "micro" a micro-batch and one
"update" an optimizer step. Nothing here changes what is computed.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from pathlib import Path
from typing import Any

from ftcore.rendering.digests import DIGEST_BYTES
from ftcore.worker.events import LineFile

IGNORED = -100
OPTIONS = (
    "lr",
    "weight_decay",
    "betas",
    "eps",
    "amsgrad",
    "maximize",
    "foreach",
    "fused",
    "capturable",
    "differentiable",
    "decoupled_weight_decay",
)


class Observation:
    """The observer of one rank; its methods are called where the engine computes.

    ``first_step`` is the optimizer step (from 0) at which this worker begins.
    """

    def __init__(self, folder: Path, rank: int, first_step: int = 0) -> None:
        suffix = f".rank{rank}" if rank else ""
        self._lines = LineFile(folder / f"observation{suffix}.jsonl")
        self._rank = rank
        self._network: Any = None
        self._micro: dict[str, Any] | None = None
        self._arithmetic: str | None = None
        self._updates = first_step

    def forward(self, network: Any) -> None:
        """Describe the network before its first forward pass with gradients."""
        if self._network is None:
            self._network = network
            self._watch_arithmetic(network)
            self._lines.append({"kind": "network", "rank": self._rank, **describe(network)})

    def micro(self, step: int, micro: int, rows: list[tuple[Any, Any]], length: int) -> None:
        """Note the unpadded (ids, labels) of a micro-batch that was padded to ``length``."""
        self._flush()
        self._micro = {
            "kind": "micro",
            "step": step,
            "micro": micro,
            "rank": self._rank,
            "length": length,
            "ids": [ids.tolist() for ids, _ in rows],
            "labels": [labels.tolist() for _, labels in rows],
        }

    def loss(self, logits: Any, wanted: Any, value: Any, items: Any) -> None:
        """Note the loss of the pending micro-batch, and its sum computed here from the logits.

        ``logits`` [rows, places, vocabulary] predict ``wanted`` [rows, places]; ``items`` is
        the number that the engine divides by, if it says one; the sum is in nats.
        """
        if self._micro is None:
            return
        total, tokens = summed_loss(logits, wanted)
        self._micro.update(nll=total, tokens=tokens, loss=_number(value), items=_number(items))

    def output(self, value: Any) -> None:
        """Note the loss that the model itself returned, where no loss function was seen."""
        if self._micro is not None and value is not None:
            self._micro.setdefault("loss", _number(value))

    def update(self, optimizer: Any) -> None:
        """Note the optimizer as it is just before a step, and the norm of its gradients."""
        self._flush()
        inner = getattr(optimizer, "optimizer", optimizer)
        names = {id(p): name for name, p in self._named()}
        groups = [_group(group, names) for group in inner.param_groups if group["params"]]
        self._lines.append(
            {
                "kind": "update",
                "step": self._updates,
                "rank": self._rank,
                "optimizer": type(inner).__name__,
                "groups": groups,
                "clipped_norm": gradient_norm(inner),
            }
        )
        self._updates += 1

    def _named(self) -> Any:
        return () if self._network is None else self._network.named_parameters()

    def _flush(self) -> None:
        if self._micro is not None:
            self._lines.append({**self._micro, "arithmetic": self._arithmetic})
            self._micro = None

    def _watch_arithmetic(self, network: Any) -> None:
        """Note the type that the first trained linear layer computes in: autocast shows there."""
        import torch

        linear = [m for m in network.modules() if isinstance(m, torch.nn.Linear)]
        trained = [module for module in linear if module.weight.requires_grad]

        def hook(module: Any, inputs: Any, output: Any) -> None:
            if torch.is_grad_enabled():
                self._arithmetic = _type(output)

        for module in (trained or linear)[:1]:
            module.register_forward_hook(hook)


def describe(network: Any) -> dict[str, Any]:
    """Return what is trained (shape, type and digest of each tensor), and how the rest is held."""
    import torch

    frozen: Counter[str] = Counter()
    trained = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            trained[plain_name(name)] = {
                "shape": list(parameter.shape),
                "dtype": _type(parameter),
                "digest": tensor_digest(parameter),
            }
        else:
            frozen[_type(parameter)] += 1
    dropout = Counter(
        f"{module.p:g}"
        for module in network.modules()
        if isinstance(module, torch.nn.Dropout) and module.p > 0
    )
    config = getattr(network, "config", None)
    return {
        "trained": trained,
        "frozen": dict(frozen),
        "dropout": dict(dropout),
        "attention": getattr(config, "_attn_implementation", None),
        "checkpointing": bool(getattr(network, "is_gradient_checkpointing", False)),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def plain_name(name: str) -> str:
    """Return a parameter's name without the adapter's, as its file of weights has it."""
    return name.replace(".default.", ".").removesuffix(".default")


def tensor_digest(tensor: Any) -> str:
    """Return 32 hex digits of BLAKE2b over the bytes of a tensor."""
    import torch

    raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return hashlib.blake2b(raw.tobytes(), digest_size=DIGEST_BYTES).hexdigest()


def summed_loss(logits: Any, wanted: Any) -> tuple[float, int]:
    """Return the negative log-likelihood in nats summed over the supervised tokens; their number.

    ``logits`` [rows, places, vocabulary] predict ``wanted`` [rows, places].
    """
    import torch

    with torch.no_grad():
        wanted = wanted.reshape(-1).to(logits.device)
        given = logits.detach().float().reshape(-1, logits.shape[-1])
        keep = wanted != IGNORED
        total = torch.nn.functional.cross_entropy(given[keep], wanted[keep], reduction="sum")
    return float(total), int(keep.sum())


def gradient_norm(optimizer: Any) -> float:
    """Return the 2-norm of all gradients that the optimizer is about to use."""
    squares = 0.0
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                squares += float(parameter.grad.detach().double().square().sum())
    return math.sqrt(squares)


def _group(group: dict[str, Any], names: dict[int, str]) -> dict[str, Any]:
    inside = sorted(plain_name(names.get(id(p), "?")) for p in group["params"])
    digest = hashlib.blake2b("\0".join(inside).encode(), digest_size=DIGEST_BYTES).hexdigest()
    options = {name: group[name] for name in OPTIONS if name in group}
    options["lr"] = float(options["lr"])
    return {**options, "tensors": len(inside), "names": digest}


def _type(tensor: Any) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _number(value: Any) -> float | None:
    """Return a number as JSON has it: None for none, and for one that is not finite."""
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None
