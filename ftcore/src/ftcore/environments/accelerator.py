"""Which accelerator this machine has, found without torch."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

from ftcore.errors import UnsupportedError

Kind = Literal["cpu", "cuda", "mps"]
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True, slots=True)
class Accelerator:
    """What training will run on; ``detail`` is for people ("NVIDIA H200, driver 570.86")."""

    kind: Kind
    detail: str = ""


def detect_accelerator(device: str = "auto") -> Accelerator:
    """Return the accelerator for ``device`` (``auto``, ``cpu``, ``cuda`` or ``mps``).

    ``$FT_DEVICE`` decides where ``device`` is ``auto``. Raises UnsupportedError when a device is
    asked for that this machine does not have, or is no device at all.
    """
    if device == "auto":
        device = os.environ.get("FT_DEVICE", "").lower() or "auto"
    if device not in DEVICES:
        raise UnsupportedError(
            f"Unknown device {device!r}.",
            hint=f"Use one of: {', '.join(DEVICES)}.",
            code="unsupported.device",
        )
    if device == "cpu":
        return Accelerator("cpu")
    found = _cuda() or _mps() or Accelerator("cpu")
    if device not in ("auto", found.kind):
        raise UnsupportedError(
            f"The device {device} was asked for, but this machine has {found.kind} only.",
            hint='Set device = "auto" or "cpu"; for cuda check the driver with nvidia-smi.',
            code="unsupported.device",
        )
    return found


def _cuda() -> Accelerator | None:
    """Return the NVIDIA device, if the driver shows one to this process."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if sys.platform != "linux" or (hidden is not None and hidden.strip() in ("", "-1")):
        return None
    return _nvidia_smi() or _libcuda()


def _nvidia_smi() -> Accelerator | None:
    """Ask ``nvidia-smi`` for the first device's name and its driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        answer = subprocess.run(
            [program, "--query-gpu=name,driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    if not answer:
        return None
    name, _, driver = answer.splitlines()[0].rpartition(",")
    return Accelerator("cuda", f"{name.strip()}, driver {driver.strip()}")


def _libcuda() -> Accelerator | None:
    """Ask the driver's library for its devices (containers often lack ``nvidia-smi``)."""
    try:
        library = ctypes.CDLL("libcuda.so.1")
        count, version = ctypes.c_int(0), ctypes.c_int(0)
        if library.cuInit(0) != 0 or library.cuDeviceGetCount(ctypes.byref(count)) != 0:
            return None
        library.cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return None
    if count.value < 1:
        return None
    # The driver states CUDA 12.8 as 12080.
    return Accelerator("cuda", f"CUDA {version.value // 1000}.{version.value % 1000 // 10}")


def _mps() -> Accelerator | None:
    """Return Apple's device on Apple silicon."""
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return Accelerator("mps", "Apple silicon")
    return None
