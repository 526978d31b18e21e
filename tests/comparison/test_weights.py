import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from ftcore.comparison.weights import compare_weights, weights_digest
from ftcore.errors import ModelError


def folder(path: Path, **tensors) -> Path:
    path.mkdir(exist_ok=True)
    save_file(
        {name: np.asarray(value, "<f4") for name, value in tensors.items()},
        path / "model.safetensors",
    )
    return path


def test_the_same_bits(tmp_path):
    one, other = (folder(tmp_path / name, a=[1, 2], b=[3]) for name in "xy")
    found = compare_weights(one, other)
    assert found.same
    assert (found.tensors, found.differing, found.largest, found.where) == (2, 0, 0.0, "")
    assert weights_digest(one) == weights_digest(other)


def test_differences_and_unpaired_tensors(tmp_path):
    one = folder(tmp_path / "x", a=[1, 2], b=[3], c=[1], d=[1])
    other = folder(tmp_path / "y", a=[1, 2.5], b=[3], c=[1, 1], e=[1])
    found = compare_weights(one, other)
    assert (found.tensors, found.differing, found.largest, found.where) == (2, 1, 0.5, "a")
    assert found.unpaired == ("c", "d", "e")
    assert not found.same
    assert weights_digest(one) != weights_digest(other)


def test_bfloat16_is_read_as_numbers(tmp_path):
    for name, upper in (("x", 0x3F80), ("y", 0x4000)):  # 1 and 2
        (tmp_path / name).mkdir()
        header = {"a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}
        text = json.dumps(header).encode()
        raw = struct.pack("<Q", len(text)) + text + struct.pack("<H", upper)
        (tmp_path / name / "model.safetensors").write_bytes(raw)
    assert compare_weights(tmp_path / "x", tmp_path / "y").largest == 1.0


def test_not_a_number_is_a_difference(tmp_path):
    one, other = folder(tmp_path / "x", a=[1]), folder(tmp_path / "y", a=[float("nan")])
    found = compare_weights(one, other)
    assert found.differing == 1
    assert found.where == "a"


def test_a_folder_without_weights(tmp_path):
    with pytest.raises(ModelError, match="no weights"):
        weights_digest(tmp_path)
