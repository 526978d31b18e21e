"""Where torch comes from: the one package whose build depends on the accelerator."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.tags import platform_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from ftcore.environments.accelerator import Accelerator
from ftcore.packages.settings import PackageSettings


@dataclass(frozen=True, slots=True)
class TorchSource:
    """The requirement and the extra uv arguments; ``label`` names the source in key and report.

    Labels: ``none``; ``find-links`` (a wheel in the user's folder); ``index`` (the user's index, or
    PyPI on macOS); ``pytorch:cpu``, ``pytorch:auto``, ... (PyTorch's own index, chosen by uv).
    """

    label: str
    requirement: str = ""
    args: tuple[str, ...] = ()


def choose_torch_source(
    version: str, python: str, accelerator: Accelerator, settings: PackageSettings
) -> TorchSource:
    """Return where torch ``version`` comes from for Python ``python`` (X.Y).

    A ``UV_TORCH_BACKEND`` of the user's wins, then a fitting wheel in a find-links folder, then the
    user's own index; otherwise PyTorch's index for the accelerator, as PyPI's Linux wheels bring
    some gigabytes of CUDA along.
    """
    if not version:
        return TorchSource("none")
    plain = f"torch=={version}"
    if settings.torch_backend:
        backend = settings.torch_backend
        return TorchSource(f"pytorch:{backend}", plain, ("--torch-backend", backend))
    wheel = _local_wheel(version, python, accelerator, settings.find_links_folders())
    if wheel:
        return TorchSource("find-links", f"torch=={wheel}")
    if settings.own_index or settings.no_index or sys.platform == "darwin":
        return TorchSource("index", plain)
    backend = "auto" if accelerator.kind == "cuda" else "cpu"
    return TorchSource(f"pytorch:{backend}", plain, ("--torch-backend", backend))


def _local_wheel(
    version: str, python: str, accelerator: Accelerator, folders: list[Path]
) -> Version | None:
    """Return the full version (``2.13.0+cpu``) of a torch wheel in ``folders`` that fits."""
    interpreter, platforms = "cp" + python.replace(".", ""), set(platform_tags())
    for folder in folders:
        for path in sorted(folder.glob("torch-*.whl")):
            try:
                _, found, _, tags = parse_wheel_filename(path.name)
            except InvalidWheelFilename:
                continue
            fits = found.public == version and any(
                tag.interpreter == interpreter and tag.platform in platforms for tag in tags
            )
            if fits and not (accelerator.kind == "cuda" and found.local == "cpu"):
                return found
    return None
