"""Digests every micro-batch as the engine consumes it: ids at the forward, labels at the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ftcore.errors import ReceiptMismatch
from ftcore.rendering.digests import batch_digest, row_digest
from ftcore.worker.stream import IGNORED
from ftcore.worker.supervised import as_labels, following

if TYPE_CHECKING:
    from ftcore.worker.events import EventWriter
    from ftcore.worker.observation import Observation
    from ftcore.worker.stream import WorkerStream


class ReceiptRecorder:
    """Writes one receipt per micro-batch of the training stage.

    The engine's model is observed from outside (`watch`): a pre-hook sees the token ids of every
    forward pass with gradients, and the wrapped loss sees the labels that the loss consumes.
    """

    def __init__(
        self,
        events: EventWriter,
        stage: str,
        stream: WorkerStream,
        first_step: int = 0,
        observation: Observation | None = None,
    ) -> None:
        self._events = events
        self._stage = stage
        self._observation = observation
        rank = stream.ranks.rank
        self._due = iter(
            (step, micro)
            for step, micro, owner, _ in stream.order.iter_micro_batches()
            if owner == rank and step >= first_step
        )
        self._rank = rank
        self._ids: tuple[Any, Any] | None = None
        self._places: Any | None = None

    def watch(self, model: Any, *, loss_owner: Any | None) -> None:
        """Observe ``model``.

        ``loss_owner`` is the module whose ``loss_function(logits, labels, ...)`` computes the
        standard loss; None means that the labels that enter the forward pass are the ones consumed
        (an engine's own head).
        """
        self.watch_forward(model, labels=loss_owner is None)
        if loss_owner is not None:
            loss_owner.loss_function = self.wrap_loss(loss_owner.loss_function)

    def watch_forward(self, model: Any, *, labels: bool) -> None:
        """Observe only what enters ``model``: ids, and the labels where ``labels`` says so.

        Without its labels, a loss of the engine's own has to be wrapped (`wrap_loss`).
        """
        model.register_forward_pre_hook(self._on_forward(labels), with_kwargs=True)
        if self._observation is not None:
            model.register_forward_hook(self._on_output)

    def wrap_loss(self, loss: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``loss`` with the labels of every call recorded.

        Where the forward pass computed logits at some places only (``logits_to_keep``), the loss
        gets what these predict as ``shift_labels``, and that is what is recorded.
        """

        def recorded(*args: Any, **kwargs: Any) -> Any:
            if self._ids is None:
                return loss(*args, **kwargs)
            labels = kwargs["labels"] if "labels" in kwargs else args[1]
            wanted = None
            if self._places is not None:
                wanted = kwargs["shift_labels"] = following(labels, self._places)
                labels = as_labels(wanted, self._places, labels)
            self.consumed(labels)
            value = loss(*args, **kwargs)
            if self._observation is not None:
                logits = kwargs["logits"] if "logits" in kwargs else args[0]
                items = kwargs.get("num_items_in_batch")
                wanted = following(labels) if wanted is None else wanted
                self._observation.loss(logits, wanted, value, items)
            return value

        return recorded

    def _on_forward(self, labels_too: bool) -> Callable[..., None]:
        def hook(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            import torch

            if not (module.training and torch.is_grad_enabled()):
                return
            if self._observation is not None:
                self._observation.forward(module)
            self.entered(
                kwargs["input_ids"], kwargs["attention_mask"], kwargs.get("logits_to_keep")
            )
            if labels_too:
                self.consumed(kwargs["labels"])

        return hook

    def _on_output(self, module: Any, inputs: Any, output: Any) -> None:
        if self._observation is not None:
            self._observation.output(getattr(output, "loss", None))

    def entered(self, ids: Any, mask: Any, places: Any | None = None) -> None:
        """Note the ids [rows, length] of a forward pass until its labels are consumed.

        ``places`` are those that it computes logits at, int64 [places]; None: at all.
        """
        if self._ids is not None:
            raise ReceiptMismatch("a micro-batch went through the model without a loss")
        self._ids, self._places = (ids, mask), places

    def consumed(self, labels: Any) -> None:
        """Digest the pending ids together with the labels that the loss consumes."""
        if self._ids is None:
            raise ReceiptMismatch("the loss was computed on labels without a forward pass")
        ids, mask = (tensor.cpu().numpy() for tensor in self._ids)
        self._ids = self._places = None
        labels = _without_virtual(labels.cpu().numpy(), ids.shape[1])
        step, micro = next(self._due, (-1, -1))
        rows = [
            (row[keep == 1], wanted[keep == 1])
            for row, wanted, keep in zip(ids, labels, mask, strict=True)
        ]
        digests = [row_digest(row, wanted) for row, wanted in rows]
        digest = batch_digest(step, micro, self._rank, digests)
        self._events.receipt(self._stage, step, micro, digest)
        if self._observation is not None:
            self._observation.micro(step, micro, rows, ids.shape[1])


def _without_virtual(labels: Any, length: int) -> Any:
    """Return labels [rows, length] without those of virtual tokens, which are put in front."""
    virtual = labels.shape[1] - length
    if virtual < 0 or (labels[:, :virtual] != IGNORED).any():
        raise ReceiptMismatch("the loss was computed on labels that are not those of its tokens")
    return labels[:, virtual:]
