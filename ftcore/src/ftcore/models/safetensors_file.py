"""The safetensors container: header and tensors read, its data written tensor by tensor.

Layout (the format's own description): eight bytes with the header's length N, little-endian; N
bytes of JSON, ``{name: {"dtype", "shape", "data_offsets": [begin, end]}}`` with offsets counted
from the end of the header; the tensors' bytes, row-major, without gaps.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ftcore.errors import ModelError

if TYPE_CHECKING:
    import numpy as np

HEADER_LIMIT = 100_000_000  # bytes; the reference reader's own limit
INDEX_NAME = "model.safetensors.index.json"


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor of a file: type (``"F32"``), shape, and its bytes ``[begin, end)`` in the file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def elements(self) -> int:
        """The number of elements."""
        count = 1
        for size in self.shape:
            count *= size
        return count


def read_header(path: Path) -> dict[str, TensorInfo]:
    """Return the tensors of a safetensors file by name, without reading their data.

    Raises ModelError when the file is cut short, a Git LFS pointer, or not safetensors at all.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if start == b"version ":
            raise _broken(path, "it is a Git LFS pointer, not the weights", "Run: git lfs pull")
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 0 < length <= min(HEADER_LIMIT, size - 8):
            raise _broken(path, "its header is cut short or is not a safetensors header")
        raw = file.read(length)
    try:
        header = json.loads(raw)
        tensors = {
            name: TensorInfo(
                entry["dtype"],
                tuple(entry["shape"]),
                8 + length + entry["data_offsets"][0],
                8 + length + entry["data_offsets"][1],
            )
            for name, entry in header.items()
            if name != "__metadata__"
        }
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise _broken(path, "its header is not a safetensors header") from error
    expected = max((tensor.end for tensor in tensors.values()), default=8 + length)
    if expected != size:
        raise _broken(path, f"it has {size:,} bytes, its header promises {expected:,}")
    return tensors


def _broken(path: Path, why: str, hint: str = "Download or copy the model again.") -> ModelError:
    return ModelError(f"{path} cannot be read: {why}.", hint=hint, code="model.broken-weights")


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a model folder, by name; those of its index if it has one.

    A file that the index names is returned even where it is missing.
    """
    index = folder / INDEX_NAME
    if index.is_file():
        try:
            names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        except (ValueError, KeyError, AttributeError, UnicodeDecodeError) as error:
            raise _broken(index, "it is not an index of safetensors files") from error
        return [folder / name for name in sorted(names)]
    single = folder / "model.safetensors"
    return [single] if single.is_file() else sorted(folder.glob("*.safetensors"))


class TensorReader:
    """Reads tensors of a model folder one by one, as float32."""

    def __init__(self, folder: Path) -> None:
        self._places = {
            name: (path, info)
            for path in weight_files(folder)
            for name, info in read_header(path).items()
        }

    def read(self, name: str) -> np.ndarray:
        """Return one tensor; raises ModelError for a type that is no plain floating point."""
        import numpy as np

        path, info = self._places[name]
        with path.open("rb") as file:
            file.seek(info.begin)
            raw = file.read(info.end - info.begin)
        match info.dtype:
            case "F32" | "F16" | "F64":
                found = np.frombuffer(raw, f"<f{int(info.dtype[1:]) // 8}").astype(np.float32)
            case "BF16":
                # bfloat16 is the upper half of a float32.
                found = (np.frombuffer(raw, "<u2").astype("<u4") << 16).view(np.float32)
            case other:
                raise _broken(path, f"{name} is {other}, not plain floating point")
        return found.reshape(info.shape)


def write_safetensors(
    path: Path,
    shapes: Mapping[str, tuple[int, ...]],
    tensors: Iterable[tuple[str, np.ndarray]],
) -> dict[str, str]:
    """Write float32 tensors one after the other and return the SHA-256 of each one's bytes.

    ``shapes`` fixes the order; ``tensors`` must yield the same names in that order. Only one
    tensor is held in memory. Raises ValueError when a tensor is not the announced one.
    """
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, shape in shapes.items():
        count = TensorInfo("F32", shape, 0, 0).elements
        header[name] = {
            "dtype": "F32",
            "shape": list(shape),
            "data_offsets": [offset, offset + 4 * count],
        }
        offset += 4 * count
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    digests: dict[str, str] = {}
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for (name, tensor), expected in zip(tensors, shapes, strict=True):
            if name != expected or tensor.shape != shapes[expected] or tensor.dtype != "<f4":
                raise ValueError(f"got {name} {tensor.dtype} {tensor.shape}, not {expected}")
            data = tensor.tobytes()
            digests[name] = hashlib.sha256(data).hexdigest()
            file.write(data)
    return digests
