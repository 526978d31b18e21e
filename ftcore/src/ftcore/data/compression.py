"""Opening plain and compressed files so that a truncated one is noticed."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import IO, Any

from ftcore.errors import DataError

READ_SIZE = 1 << 20


def open_bytes(path: Path, name: str) -> IO[bytes]:
    """Open a file for reading, decompressed by its suffix; `DataError` when it cannot be opened.

    Reading a damaged or truncated file raises one of `damage_errors`.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise DataError(
            f"{name} cannot be opened: {error.strerror}", code="data.unreadable"
        ) from error
    if path.suffix.lower() == ".gz":
        raw.close()
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if path.suffix.lower() == ".zst":
        return io.BufferedReader(_ZstdReader(raw), READ_SIZE)
    return raw


def damage_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions by which damaged files show themselves."""
    import zstandard

    return (EOFError, OSError, zlib.error, zstandard.ZstdError)


class _ZstdReader(io.RawIOBase):
    """Frames of Zstandard, one after the other.

    The library's own reader takes the end of the file for the end of the data, even inside a
    frame; this one raises EOFError there.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._frame: Any = None
        self._input = b""
        self._output = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._output:
            self._input = self._input or self._raw.read(READ_SIZE)
            if not self._input:
                if self._frame is not None:
                    raise EOFError("the file ends inside a Zstandard frame")
                return 0
            self._advance()
        count = min(len(buffer), len(self._output))
        buffer[:count] = self._output[:count]
        self._output = self._output[count:]
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()

    def _advance(self) -> None:
        import zstandard

        if self._frame is None:
            self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._output = memoryview(self._frame.decompress(self._input))
        self._input = self._frame.unused_data
        if self._frame.eof:
            self._frame = None
