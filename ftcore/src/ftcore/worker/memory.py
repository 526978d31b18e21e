"""Peak memory of this process, and of its GPU."""

from __future__ import annotations

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
