from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from ftcore.errors import ModelError
from ftcore.models.safetensors_file import read_header, weight_files, write_safetensors


def tensors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "a": rng.standard_normal((3, 5)).astype("<f4"),
        "b": rng.standard_normal(7).astype("<f4"),
    }


def test_the_reference_library_reads_what_is_written(tmp_path: Path):
    path, content = tmp_path / "model.safetensors", tensors()
    digests = write_safetensors(path, {n: t.shape for n, t in content.items()}, content.items())
    loaded = load_file(path)
    assert set(digests) == set(content)
    assert all(np.array_equal(loaded[name], content[name]) for name in content)


def test_a_tensor_that_was_not_announced_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="not a"):
        write_safetensors(tmp_path / "m", {"a": (2, 2)}, [("a", np.zeros((2, 3), "<f4"))])


def test_the_header_of_a_library_file_is_read(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    save_file({"w": np.zeros((4, 2), np.float16)}, path, metadata={"format": "pt"})
    header = read_header(path)
    assert list(header) == ["w"]
    assert (header["w"].dtype, header["w"].shape, header["w"].elements) == ("F16", (4, 2), 8)
    assert header["w"].end == path.stat().st_size


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "cut short"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"\xff" * 64, "cut short or is not"),
        (b"\x04\0\0\0\0\0\0\0nope", "not a safetensors header"),
        (b"\x02\0\0\0\0\0\0\0[]", "not a safetensors header"),
    ],
)
def test_a_file_that_is_not_safetensors_says_why(tmp_path: Path, content: bytes, why: str):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=why):
        read_header(path)


def test_a_file_cut_short_is_found_by_its_size(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    save_file(tensors(), path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ModelError, match="its header promises"):
        read_header(path)


def test_the_index_decides_which_files_belong(tmp_path: Path):
    for name in ("model-1.safetensors", "consolidated.safetensors"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}'
    )
    assert [path.name for path in weight_files(tmp_path)] == [
        "model-1.safetensors",
        "model-2.safetensors",
    ]
