"""The order in which rows are trained on: decided here once, for every engine."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ftcore.errors import DataError, RecipeError

ORDER_VERSION = 1


@dataclass(frozen=True, slots=True)
class OrderShape:
    """The numbers that, with the seed, decide an order.

    ``dataset_rows`` rows; ``batch_size`` rows in a micro-batch of one rank; ``accumulation``
    micro-batches of each of ``world_size`` ranks in an optimizer step.
    """

    dataset_rows: int
    batch_size: int
    accumulation: int
    world_size: int


@dataclass(frozen=True)
class Order:
    """Row numbers of every micro-batch, over all epochs, steps and ranks.

    Micro-batch (step, micro, rank), each counted from 0, has the number
    ``(step * accumulation + micro) * world_size + rank`` and the rows
    ``rows[offsets[number]:offsets[number + 1]]``. ``rows`` and ``offsets`` are int64.
    ``left_over`` counts rows at the very end that were fewer than the ranks, and were left out.
    """

    shape: OrderShape
    rows: NDArray[np.int64]
    offsets: NDArray[np.int64]
    left_over: int = 0

    @property
    def micro_batches(self) -> int:
        """Number of micro-batches over all ranks."""
        return len(self.offsets) - 1

    @property
    def steps(self) -> int:
        """Number of optimizer steps."""
        return -(-self.micro_batches // self._micro_batches_per_step)

    @property
    def _micro_batches_per_step(self) -> int:
        return self.shape.accumulation * self.shape.world_size

    def number(self, step: int, micro: int, rank: int = 0) -> int:
        """Return the number of a micro-batch; IndexError where the order has none there."""
        shape = self.shape
        if not (0 <= micro < shape.accumulation and 0 <= rank < shape.world_size and step >= 0):
            raise IndexError(f"no micro-batch at step {step}, micro {micro}, rank {rank}")
        number = (step * shape.accumulation + micro) * shape.world_size + rank
        if number >= self.micro_batches:
            raise IndexError(f"no micro-batch at step {step}, micro {micro}, rank {rank}")
        return number

    def micro_batch(self, step: int, micro: int, rank: int = 0) -> NDArray[np.int64]:
        """Return the row numbers of one micro-batch, in order."""
        number = self.number(step, micro, rank)
        return self.rows[self.offsets[number] : self.offsets[number + 1]]

    def iter_micro_batches(self) -> Iterator[tuple[int, int, int, NDArray[np.int64]]]:
        """Yield (step, micro, rank, row numbers) by number."""
        for number in range(self.micro_batches):
            step, inside = divmod(number, self._micro_batches_per_step)
            micro, rank = divmod(inside, self.shape.world_size)
            yield step, micro, rank, self.rows[self.offsets[number] : self.offsets[number + 1]]

    def epoch_at(self, step: int) -> float:
        """Return how many epochs lie behind when ``step`` optimizer steps are done."""
        number = min(max(step, 0) * self._micro_batches_per_step, self.micro_batches)
        return float(self.offsets[number]) / self.shape.dataset_rows

    def digest(self) -> str:
        """Return the SHA-256 (hex) of the shape, the rows and the offsets."""
        state = hashlib.sha256(repr((ORDER_VERSION, asdict(self.shape), self.left_over)).encode())
        state.update(self.rows.astype("<i8").tobytes())
        state.update(self.offsets.astype("<i8").tobytes())
        return state.hexdigest()

    def save(self, path: Path) -> None:
        """Write the order to ``path`` as a NumPy archive (the name is taken as it is)."""
        shape = np.array([ORDER_VERSION, *asdict(self.shape).values(), self.left_over], np.int64)
        with path.open("wb") as file:
            np.savez(file, shape=shape, rows=self.rows, offsets=self.offsets)

    @classmethod
    def load(cls, path: Path) -> Order:
        """Read what :meth:`save` wrote. Raises DataError for anything else."""
        try:
            with np.load(path, allow_pickle=False) as archive:
                version, *shape, left_over = archive["shape"].tolist()
                rows, offsets = archive["rows"], archive["offsets"]
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise DataError(f"{path} is not an order file: {error}", code="data.order") from error
        if version != ORDER_VERSION:
            raise DataError(
                f"{path} is an order of version {version}; this ft reads {ORDER_VERSION}",
                hint="Start the run anew with this version of ft.",
                code="data.order",
            )
        return cls(OrderShape(*shape), rows, offsets, left_over)


def plan_order(
    rows: int,
    *,
    batch_size: int,
    accumulation: int,
    world_size: int = 1,
    epochs: float | None,
    max_steps: int | None,
    seed: int,
    shuffle: bool = True,
) -> Order:
    """Return the order of training over ``rows`` rows.

    Each epoch is shuffled by (seed, epoch), the epochs are put end to end (a group may straddle
    two), and micro-batches are dealt from the front. Of a fractional epoch the first part is
    taken. ``max_steps`` wins over ``epochs`` and may go beyond it. Only the last group can be
    partial: with one rank its last micro-batch is simply shorter; with several, the last round
    is dealt as evenly as possible, and rows fewer than the ranks are left out. Raises DataError
    for no rows and RecipeError for numbers that give no step.
    """
    shape = OrderShape(rows, batch_size, accumulation, world_size)
    _check(shape, epochs, max_steps)
    if max_steps is not None:
        wanted = max_steps * batch_size * accumulation * world_size
    else:
        # 2.9999999 epochs of rows come from floating point, not from the user.
        wanted = math.ceil((epochs or 0) * rows - 1e-6)
    counts, left_over = _deal(wanted, batch_size, world_size)
    if not len(counts):
        raise RecipeError(
            f"{wanted} row{'s' * (wanted != 1)} cannot be dealt to {world_size} ranks, so there "
            "is nothing to train on",
            hint="Use more rows, more epochs or fewer ranks.",
            code="recipe.no-steps",
        )
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
    return Order(shape, _epochs(rows, wanted - left_over, seed, shuffle), offsets, left_over)


def _check(shape: OrderShape, epochs: float | None, max_steps: int | None) -> None:
    if shape.dataset_rows < 1:
        raise DataError(
            "there are no rows to train on",
            hint="Look at the row account: every row was dropped, or the file is empty.",
            code="data.no-rows",
        )
    if epochs is None and max_steps is None:
        raise RecipeError("neither epochs nor max_steps is given", code="recipe.no-steps")
    numbers = {
        "batch_size": shape.batch_size,
        "accumulation": shape.accumulation,
        "world_size": shape.world_size,
        "max_steps": 1 if max_steps is None else max_steps,
        "epochs": 1 if epochs is None else epochs,
    }
    for name, value in numbers.items():
        if not value > 0 or math.isinf(value):
            raise RecipeError(f"{name} must be above 0, not {value}", code="recipe.no-steps")


def _deal(wanted: int, batch_size: int, world_size: int) -> tuple[NDArray[np.int64], int]:
    """Return the size of every micro-batch by number, and how many rows are left out."""
    rounds, rest = divmod(wanted, batch_size * world_size)
    full = np.full(rounds * world_size, batch_size, np.int64)
    if rest < world_size:
        return full, rest
    share, extra = divmod(rest, world_size)
    last = np.full(world_size, share, np.int64)
    last[:extra] += 1
    return np.concatenate([full, last]), 0


def _epochs(rows: int, wanted: int, seed: int, shuffle: bool) -> NDArray[np.int64]:
    """Return the first ``wanted`` row numbers of the epochs put end to end."""
    epochs = [
        shuffled_rows(rows, seed, epoch) if shuffle else np.arange(rows, dtype=np.int64)
        for epoch in range(-(-wanted // rows))
    ]
    return np.concatenate(epochs)[:wanted]


def shuffled_rows(rows: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the row numbers of one epoch, shuffled by (seed, epoch).

    Rows are sorted by 64 raw random bits each. NumPy promises the raw bits of a bit generator
    for ever, but not the results of ``Generator.permutation``.
    """
    bits = np.random.Philox(np.random.SeedSequence([seed, epoch])).random_raw(rows)
    return np.argsort(bits, kind="stable").astype(np.int64)
