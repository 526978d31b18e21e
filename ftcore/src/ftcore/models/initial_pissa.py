"""PiSSA (Meng et al., 2024): the adapter starts as the largest singular values of each weight.

W = U S V^T; with the r largest singular values A = sqrt(S_r / s) V_r^T and B = U_r sqrt(S_r / s),
where s is the adapter's scale. The worker takes s B A out of the base's weights, so that the
adapted model starts as the base model (`ftcore.worker.pissa`).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ftcore.models.adapter_folder import chance, write_adapter
from ftcore.models.initial_adapter import adapter_config
from ftcore.models.inspect import adapted_modules
from ftcore.models.safetensors_file import TensorReader

if TYPE_CHECKING:
    from ftcore.models.inspect import ModelFacts
    from ftcore.protocol import LoraSettings

Matrix = NDArray[np.float32]
# Columns beyond the rank, and rounds, of the subspace iteration.
OVERSAMPLING, ROUNDS = 16, 16


def write_pissa_adapter(
    folder: Path, facts: ModelFacts, lora: LoraSettings, *, seed: int, model: Path
) -> Path:
    """Write the adapter for the weights in the folder ``model``, computed in float32."""
    generator = chance(seed, 0x9155A)
    scale = lora.alpha / (math.sqrt(lora.rank) if lora.rslora else lora.rank)
    reader = TensorReader(model)
    tensors: dict[str, Matrix] = {}
    for name in adapted_modules(facts, lora.targets):
        weight = reader.read(f"{name}.weight")
        left, values, right = largest_singular(weight, lora.rank, generator)
        root = np.sqrt(values / np.float32(scale))
        a, b = root[:, None] * right, left * root
        start = f"base_model.model.{name}"
        # A layer with fewer rows or columns than the rank has no more singular values than that.
        tensors[f"{start}.lora_A.weight"] = _padded(a, (lora.rank, weight.shape[1]))
        tensors[f"{start}.lora_B.weight"] = _padded(b, (weight.shape[0], lora.rank))
    return write_adapter(folder, tensors, adapter_config(lora, str(model)))


def largest_singular(
    weight: Matrix, rank: int, generator: np.random.Generator
) -> tuple[Matrix, Matrix, Matrix]:
    """Return the ``rank`` largest singular values of a matrix [rows, columns] with their vectors.

    Left [rows, k], values [k], right [k, columns], k = min(rank, rows, columns), by randomised
    subspace iteration (Halko et al., 2011, algorithm 4.4), orthogonalised in every round.
    """
    width = min(rank + OVERSAMPLING, *weight.shape)
    start = generator.standard_normal((weight.shape[1], width)).astype(np.float32)
    basis = np.linalg.qr(weight @ start)[0]
    for _ in range(ROUNDS):
        basis = np.linalg.qr(weight @ np.linalg.qr(weight.T @ basis)[0])[0]
    left, values, right = np.linalg.svd(basis.T @ weight, full_matrices=False)
    kept = min(rank, width)
    return basis @ left[:, :kept], values[:kept], right[:kept]


def _padded(matrix: Matrix, shape: tuple[int, int]) -> Matrix:
    padded = np.zeros(shape, dtype=np.float32)
    padded[: matrix.shape[0], : matrix.shape[1]] = matrix
    return padded
