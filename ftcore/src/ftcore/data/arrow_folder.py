"""One part of the stream on disk: an Arrow file in the layout that `datasets` loads.

``datasets.load_from_disk`` of every version from 2 to 5 reads the folder: the feature type is
written as ``Sequence``, which later versions still understand.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ftcore.rendering.digests import DIGEST_BYTES

DATA_FILE = "data-00000-of-00001.arrow"
DIGESTS_FILE = "row_digests.npy"
LENGTHS_FILE = "lengths.npy"
SUPERVISED_FILE = "supervised.npy"

IntArray = NDArray[np.int32]


@dataclass(slots=True)
class PartChunk:
    """Some rows of one part: flat int32 ids and labels, tokens per row, 16 digest bytes per row."""

    ids: IntArray
    labels: IntArray
    lengths: IntArray
    supervised: IntArray
    digests: bytes


class PartWriter:
    """Writes chunks, in order, into a folder that `datasets` can load."""

    def __init__(self, folder: Path, name: str) -> None:
        import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

        folder.mkdir(parents=True)
        self._folder, self._name, self._pa = folder, name, pa
        column = pa.list_(pa.int32())
        self._schema = pa.schema([("input_ids", column), ("labels", column)])
        self._sink = pa.OSFile(str(folder / DATA_FILE), "wb")
        self._writer = pa.ipc.new_stream(self._sink, self._schema)
        self._lengths: list[IntArray] = []
        self._supervised: list[IntArray] = []
        self._digests: list[bytes] = []

    def write(self, chunk: PartChunk) -> None:
        """Append the rows of ``chunk``."""
        if not len(chunk.lengths):
            return
        pa = self._pa
        offsets = np.zeros(len(chunk.lengths) + 1, np.int32)
        np.cumsum(chunk.lengths, out=offsets[1:])
        columns = [
            pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))
            for values in (chunk.ids, chunk.labels)
        ]
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
        self._lengths.append(chunk.lengths)
        self._supervised.append(chunk.supervised)
        self._digests.append(chunk.digests)

    def finish(self, fingerprint: str) -> dict[str, int]:
        """Close the file, write what belongs beside it and return rows, tokens and the like."""
        self.close()
        lengths, supervised = _joined(self._lengths), _joined(self._supervised)
        digests = np.frombuffer(b"".join(self._digests), np.uint8).reshape(-1, DIGEST_BYTES)
        np.save(self._folder / LENGTHS_FILE, lengths)
        np.save(self._folder / SUPERVISED_FILE, supervised)
        np.save(self._folder / DIGESTS_FILE, digests)
        _write_json(self._folder / "dataset_info.json", _info(self._name, len(lengths)))
        _write_json(self._folder / "state.json", _state(self._name, fingerprint))
        return {
            "rows": len(lengths),
            "tokens": int(lengths.sum(dtype=np.int64)),
            "supervised_tokens": int(supervised.sum(dtype=np.int64)),
            "longest": int(lengths.max(initial=0)),
        }

    def close(self) -> None:
        """Close the Arrow file; safe to call twice."""
        if not self._sink.closed:
            self._writer.close()
            self._sink.close()


def _joined(arrays: list[IntArray]) -> IntArray:
    return np.concatenate(arrays) if arrays else np.zeros(0, np.int32)


def _info(name: str, rows: int) -> dict[str, Any]:
    column = {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "Sequence"}
    return {
        "citation": "",
        "description": "",
        "features": {"input_ids": column, "labels": column},
        "homepage": "",
        "license": "",
        "splits": {name: {"name": name, "num_bytes": 0, "num_examples": rows}},
    }


def _state(name: str, fingerprint: str) -> dict[str, Any]:
    return {
        "_data_files": [{"filename": DATA_FILE}],
        "_fingerprint": fingerprint,
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": name,
    }


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n", encoding="utf-8")
