"""What the ranks of a training agree on: their number, when to stop, and what they trained."""

from __future__ import annotations

from typing import Any

from ftcore.errors import GuaranteeError


def check_world(arguments: Any, planned: int) -> None:
    """Raise `GuaranteeError` unless the engine trains with as many processes as were planned.

    An engine that does not see the others trains replicas that know nothing of each other; one
    that sees several GPUs in one process multiplies the batch.
    """
    joined = _joined()
    if {joined, arguments.world_size} != {planned} or arguments.n_gpu > 1:
        raise GuaranteeError(
            f"{planned} processes were to train together; torch joined {joined}, the engine counts "
            f"{arguments.world_size} with {max(arguments.n_gpu, 1)} devices each",
            hint="this is a defect of the backend; report it with the run directory",
            code="guarantee.world-size",
        )


def any_rank(wish: bool, device: Any) -> bool:
    """Return whether any rank wishes it; all of them must ask."""
    if _joined() == 1:
        return wish
    import torch

    wishes = torch.tensor(int(wish), device=device)
    torch.distributed.all_reduce(wishes, torch.distributed.ReduceOp.MAX)
    return bool(wishes.item())


def total(values: list[float], device: Any) -> list[float]:
    """Return the sum of each of the values over all ranks."""
    if _joined() == 1:
        return values
    import torch

    # Sums of losses are of doubles, which Apple's GPUs lack; those have one process.
    summed = torch.tensor(values, dtype=torch.float64, device=device)
    torch.distributed.all_reduce(summed)
    return [float(value) for value in summed]


def wait_for_all() -> None:
    """Return when every rank has come here."""
    if _joined() > 1:
        import torch

        torch.distributed.barrier()


def leave() -> None:
    """Leave the group of ranks, where there is one; all of them must.

    An interpreter that ends while its group stands is aborted by torch now and then, after all is
    done: https://github.com/pytorch/pytorch/issues/190489.
    """
    if _joined() > 1:
        import torch

        torch.distributed.destroy_process_group()


def check_replicas(network: Any, device: Any) -> None:
    """Raise `GuaranteeError` unless every rank holds the same trained weights, to the bit.

    Compared are the sum and the sum of squares of each trained tensor.
    """
    if _joined() == 1:
        return
    import torch

    trained = [p.detach().double() for p in network.parameters() if p.requires_grad]
    mine = torch.stack([torch.stack([p.sum(), p.square().sum()]) for p in trained]).to(device)
    all_of_them = [torch.empty_like(mine) for _ in range(_joined())]
    torch.distributed.all_gather(all_of_them, mine)
    different = [rank for rank, theirs in enumerate(all_of_them) if not torch.equal(theirs, mine)]
    if different:
        raise GuaranteeError(
            f"the ranks have trained different weights: {different} differ",
            hint="this is a defect of the backend; report it with the run directory",
            code="guarantee.replicas",
        )


def _joined() -> int:
    """Return how many processes torch has joined."""
    import torch

    distributed = torch.distributed
    joined = distributed.is_available() and distributed.is_initialized()
    return int(distributed.get_world_size()) if joined else 1
