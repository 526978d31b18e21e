"""Compares two trained adapters (or models) tensor by tensor, without holding both in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ftcore.errors import ModelError
from ftcore.models.safetensors_file import TensorInfo, read_header, weight_files

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}


@dataclass(frozen=True, slots=True)
class WeightDifference:
    """Two sets of tensors, compared.

    ``differing`` of the ``tensors`` that both have are not equal to the bit; ``largest`` is the
    largest absolute difference, in the tensor ``where``. ``unpaired`` tensors are in one only, or
    have another shape there.
    """

    tensors: int
    differing: int
    largest: float
    where: str
    unpaired: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether the two are the same to the bit."""
        return not self.differing and not self.unpaired


def compare_weights(one: Path, other: Path) -> WeightDifference:
    """Compare the safetensors files of two folders. Raises `ModelError` for a broken file."""
    mine, theirs = _tensors(one), _tensors(other)
    paired = [name for name in mine if name in theirs]
    shared = [name for name in paired if mine[name][1].shape == theirs[name][1].shape]
    largest, where, differing = 0.0, "", 0
    for name in shared:
        first, second = _read(*mine[name]), _read(*theirs[name])
        if np.array_equal(first, second):
            continue
        differing += 1
        apart = float(np.abs(first.astype(np.float64) - second.astype(np.float64)).max())
        if not apart <= largest:
            largest, where = apart, name
    unpaired = sorted({*mine, *theirs} - set(shared))
    return WeightDifference(len(shared), differing, largest, where, tuple(unpaired))


def weights_digest(folder: Path) -> str:
    """Return 32 hex digits of BLAKE2b over the names, types, shapes and bytes of all tensors."""
    state = hashlib.blake2b(digest_size=16)
    tensors = _tensors(folder)
    for name in sorted(tensors):
        path, info = tensors[name]
        state.update(f"{name}\0{info.dtype}\0{info.shape}\0".encode())
        state.update(_bytes(path, info))
    return state.hexdigest()


def _tensors(folder: Path) -> dict[str, tuple[Path, TensorInfo]]:
    files = weight_files(folder)
    if not files:
        raise ModelError(f"{folder} holds no weights", code="model.no-weights")
    return {name: (path, info) for path in files for name, info in read_header(path).items()}


def _bytes(path: Path, info: TensorInfo) -> bytes:
    with path.open("rb") as file:
        file.seek(info.begin)
        return file.read(info.end - info.begin)


def _read(path: Path, info: TensorInfo) -> NDArray[np.floating]:
    raw = _bytes(path, info)
    if info.dtype == "BF16":
        # bfloat16 is the upper half of a float32.
        wide = np.frombuffer(raw, "<u2").astype(np.uint32) << 16
        return wide.view(np.float32).reshape(info.shape)
    return np.frombuffer(raw, TYPES.get(info.dtype, "u1")).reshape(
        info.shape if info.dtype in TYPES else -1
    )
