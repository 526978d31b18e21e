"""Memory of this process and of its GPU: the peak, and giving back what a stage left."""

from __future__ import annotations

import ctypes
import gc
import resource
import sys


def peak_memory_mib() -> float:
    """Return the largest resident size of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def cuda_memory() -> dict[str, float]:
    """Return the peak of torch's CUDA allocations in MiB, where a GPU was used."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return {}
    return {"peak_cuda_memory_mib": torch.cuda.max_memory_allocated() / 2**20}


def release_memory() -> None:
    """Return what a finished stage left behind to the system and to the GPU.

    Python frees the engine's cycles only when asked to, and glibc keeps freed heaps: without this
    the next stage's memory would lie on top of the last one's.
    """
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc only
        if trim is not None:
            trim(0)
