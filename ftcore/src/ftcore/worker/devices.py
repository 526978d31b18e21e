"""Which GPUs a worker's libraries may see: what they see they use, planned or not."""

from __future__ import annotations

from collections.abc import MutableMapping

VISIBLE = "CUDA_VISIBLE_DEVICES"


def limit_devices(device: str, world_size: int, environment: MutableMapping[str, str]) -> None:
    """Hide every GPU from a job on the CPU, and all but the first from a job of one process.

    With several in sight, transformers' trainer multiplies the batch by their number in silence,
    and other engines spread the model over them or refuse to start. Ranks of a job with several
    processes choose theirs by their number. To be called before CUDA is first used.
    """
    if device == "cpu":
        environment[VISIBLE] = ""
    elif device == "cuda" and world_size == 1:
        environment[VISIBLE] = environment.get(VISIBLE, "0").split(",")[0].strip()
