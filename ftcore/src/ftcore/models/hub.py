"""Models from a hub, through the hubs' own clients: Hugging Face and ModelScope.

The clients' usual settings apply: ``HF_ENDPOINT`` (a mirror), ``HF_HOME``, ``HF_TOKEN`` and
``HF_HUB_OFFLINE``; ``MODELSCOPE_CACHE``, ``MODELSCOPE_DOMAIN`` and ``MODELSCOPE_API_TOKEN``.
Weights are fetched as safetensors only, and only files at the top of the repository.
"""

from __future__ import annotations

import importlib
import os
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftcore.cache import Notify, require_disk
from ftcore.errors import ModelError
from ftcore.packages.settings import redact

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

ALLOWED = ["*.json", "*.safetensors", "*.jinja", "*.model", "merges.txt", "vocab.txt"]
_SUBFOLDERS = ["*/*"]
_MARGIN = 100_000_000  # bytes to leave free
_TRUE = ("1", "true", "yes", "on")


def wants_modelscope() -> bool:
    """Whether the environment asks for ModelScope (``USE_MODELSCOPE_HUB=1``)."""
    return os.environ.get("USE_MODELSCOPE_HUB", "").lower() in _TRUE


def hub_offline() -> bool:
    """Whether the environment forbids asking the hub (``HF_HUB_OFFLINE=1``)."""
    return any(
        os.environ.get(name, "").lower() in _TRUE
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    )


def from_huggingface(
    model_id: str, revision: str | None, *, offline: bool, code: bool, notify: Notify
) -> Path:
    """Return the local snapshot of a model on the Hugging Face hub or the mirror ``HF_ENDPOINT``.

    ``code`` also fetches the repository's Python files. Raises ModelError (unknown id or revision,
    no access, no safetensors weights, not reachable and not cached) and DiskFull.
    """
    from huggingface_hub import HfApi, constants, errors

    endpoint = redact(os.environ.get("HF_ENDPOINT") or constants.ENDPOINT)
    if offline or hub_offline():
        return _snapshot(model_id, revision, local_only=True, offline=True, code=code)
    try:
        info = HfApi(endpoint=os.environ.get("HF_ENDPOINT")).model_info(
            model_id, revision=revision, files_metadata=True, timeout=30
        )
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise _not_on_hub(model_id, revision, endpoint, error) from error
    except Exception as error:
        # What the client raises when a network is missing differs from version to version.
        notify(f"model {model_id}: {endpoint} cannot be asked ({_first_line(error)})")
        return _snapshot(model_id, revision, local_only=True, offline=False, code=code)
    notify(f"model {model_id}: from {endpoint}, revision {(info.sha or 'main')[:12]}")
    _check_listing(model_id, info, code)
    return _snapshot(model_id, revision, local_only=False, offline=False, code=code)


def _patterns(code: bool) -> list[str]:
    return [*ALLOWED, "*.py"] if code else list(ALLOWED)


def _snapshot(
    model_id: str, revision: str | None, *, local_only: bool, offline: bool, code: bool
) -> Path:
    """Return the snapshot's folder, downloaded unless ``local_only``."""
    from huggingface_hub import constants, errors, snapshot_download

    endpoint = os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
    try:
        folder = snapshot_download(
            model_id,
            revision=revision,
            cache_dir=constants.HF_HUB_CACHE,
            endpoint=endpoint,
            local_files_only=local_only,
            allow_patterns=_patterns(code),
            ignore_patterns=_SUBFOLDERS,
        )
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise _not_cached(model_id, redact(endpoint), offline) from error
    except Exception as error:
        raise ModelError(
            f"The model {model_id} could not be downloaded from {redact(endpoint)}: "
            f"{_first_line(error)}",
            hint="Run the same command again: the download goes on where it stopped.",
            code="model.download",
        ) from error
    return Path(str(folder))


def _check_listing(model_id: str, info: ModelInfo, code: bool) -> None:
    """Check, before any download, that there are safetensors weights and space for them."""
    from huggingface_hub import constants, try_to_load_from_cache

    files = {
        entry.rfilename: entry.size or 0
        for entry in info.siblings or []
        if "/" not in entry.rfilename
    }
    if not any(name.endswith(".safetensors") for name in files):
        pickled = any(name.endswith((".bin", ".pt", ".pth")) for name in files)
        raise ModelError(
            f"The model {model_id} has no safetensors weights"
            + (", only pickled ones, which can run code when opened." if pickled else "."),
            hint="Choose a repository that has .safetensors files.",
            code="model.no-safetensors",
        )
    cache = Path(constants.HF_HUB_CACHE)
    missing = [
        size
        for name, size in files.items()
        if any(fnmatch(name, pattern) for pattern in _patterns(code))
        and not isinstance(
            try_to_load_from_cache(model_id, name, cache_dir=cache, revision=info.sha), str
        )
    ]
    if missing:
        require_disk(cache, sum(missing) + _MARGIN, f"The model {model_id}")


def _not_on_hub(model_id: str, revision: str | None, endpoint: str, error: Exception) -> ModelError:
    """Return the error for an id or revision that the hub does not show to this user."""
    from huggingface_hub import errors

    if isinstance(error, errors.RevisionNotFoundError):
        return ModelError(
            f"The model {model_id} has no revision {revision!r} on {endpoint}.",
            hint="Use a branch, a tag or a commit of the repository; leave it out for main.",
            code="model.unknown-revision",
        )
    if isinstance(error, errors.GatedRepoError):
        return ModelError(
            f"The model {model_id} is gated: its owner must grant you access.",
            hint=f"Ask for access at {endpoint}/{model_id}, then set HF_TOKEN.",
            code="model.gated",
        )
    return ModelError(
        f"There is no model {model_id} on {endpoint}, and no such folder here.",
        hint="Check the spelling; for a private model set HF_TOKEN; "
        "for ModelScope set model.source = 'modelscope'.",
        code="model.not-on-hub",
    )


def _not_cached(model_id: str, endpoint: str, offline: bool) -> ModelError:
    """Return the error for a model that is neither cached nor reachable."""
    if offline:
        return ModelError(
            f"The model {model_id} is not in the cache and ft is offline.",
            hint="Run once with a network, or give a local folder as model.id.",
            code="model.offline",
        )
    return ModelError(
        f"The model {model_id} is not in the cache and {endpoint} cannot be reached.",
        hint="Check the network, name a mirror (HF_ENDPOINT), use ModelScope "
        "(model.source = 'modelscope'), or give a local folder as model.id.",
        code="model.unreachable",
    )


def from_modelscope(
    model_id: str, revision: str | None, *, offline: bool, code: bool, notify: Notify
) -> Path:
    """Return the local snapshot of a model on ModelScope.

    Raises ModelError when the client is not installed or cannot get the model.
    """
    try:
        client: Any = importlib.import_module("modelscope")
    except ImportError as error:
        raise ModelError(
            "ModelScope's client is not installed.",
            hint="Install it beside ft: pip install modelscope",
            code="model.no-modelscope",
        ) from error
    notify(f"model {model_id}: from ModelScope")
    try:
        folder = client.snapshot_download(
            model_id,
            revision=revision,
            local_files_only=offline,
            allow_patterns=_patterns(code),
            ignore_patterns=_SUBFOLDERS,
        )
    except Exception as error:
        raise ModelError(
            f"The model {model_id} could not be had from ModelScope: {_first_line(error)}",
            hint="Check the id and the network, or give a local folder as model.id.",
            code="model.offline" if offline else "model.not-on-hub",
        ) from error
    return Path(str(folder))


def _first_line(error: Exception) -> str:
    """Return the first line of an error's text, or its class."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
