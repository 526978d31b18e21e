"""What a worker inherits of this process's environment, and what it must not."""

from __future__ import annotations

import os
import re
from pathlib import Path

# The parent's packages, and places of caches that would lead out of the worker's own home.
DROPPED_PREFIXES = ("PYTHON", "VIRTUAL_ENV", "CONDA")
DROPPED = frozenset(
    {
        "HF_ASSETS_CACHE",
        "HF_DATASETS_CACHE",
        "HF_HUB_CACHE",
        "HF_MODULES_CACHE",
        "HF_XET_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "TORCHINDUCTOR_CACHE_DIR",
        "TORCH_HOME",
        "TRANSFORMERS_CACHE",
        "TRITON_CACHE_DIR",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
    }
)
# A worker reaches no hub and no tracker, so it needs no credentials of any kind.
SECRET = re.compile(
    r"(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|API_?KEY|ACCESS_KEY|PRIVATE_KEY)(_|$)",
    re.IGNORECASE,
)
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DO_NOT_TRACK": "1",
    "WANDB_MODE": "disabled",
    "TOKENIZERS_PARALLELISM": "false",
}


def worker_environment(home: Path, threads: int | None) -> dict[str, str]:
    """Return a cleaned copy of this process's environment for a worker.

    HOME and the engines' caches point below ``home``, which is made; hubs are switched off, since
    models and data were resolved to folders before; credentials are left out.
    """
    kept = {name: value for name, value in os.environ.items() if _inherited(name)}
    kept.update(OFFLINE)
    kept.update(HOME=str(home), XDG_CACHE_HOME=str(home / ".cache"), HF_HOME=str(home / "hf"))
    kept.update(MPLCONFIGDIR=str(home / "matplotlib"), MODELSCOPE_CACHE=str(home / "modelscope"))
    # Threads that spin at barriers stall a shared machine: measured 17 times slower with both of
    # two cores also busy elsewhere, and no slower when they wait passively on a quiet one.
    kept.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if threads:
        kept.update(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    home.mkdir(parents=True, exist_ok=True)
    return kept


def _inherited(name: str) -> bool:
    return not (name.startswith(DROPPED_PREFIXES) or name in DROPPED or SECRET.search(name))
