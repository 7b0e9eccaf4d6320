"""A weighted sum of losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from cnnx.arguments import shown
from cnnx.spelling import checked_call
from cnnx.training.custom_loss import Custom
from cnnx.training.loss import Loss, core_terms, weighted_loss

__all__ = ["Sum"]


@checked_call
@dataclass(frozen=True)
class Sum(Loss):
    """A weighted sum of losses of the same outputs and targets.

    The loss of a batch is ``sum of weight * loss``, each loss with the mean of its own.

    Args:
        terms: losses, each alone for weight 1 or as (loss, weight) with a weight above 0.

    Raises:
        TypeError: if a term is neither.
        ValueError: if there is no term, a weight is not above 0, or a term is a `Sum`. `Trainer`
            refuses losses of different targets, and different values of ignore_index.

    Example:
        >>> import cnnx
        >>> loss = Sum([cnnx.CrossEntropy(), (cnnx.losses.Dice(), 0.5)])
        >>> [weight for _, weight in loss.terms]
        [1.0, 0.5]
    """

    kind: ClassVar[str] = "sum"

    terms: Sequence[Loss | tuple[Loss, float]]

    def __post_init__(self) -> None:
        if isinstance(self.terms, (str, dict)) or not isinstance(self.terms, Sequence):
            raise TypeError(
                f"Sum: terms is {shown(self.terms)}, expected a list of losses or (loss, weight)"
            )
        if not self.terms:
            raise ValueError("Sum: terms is empty, expected losses or (loss, weight)")
        object.__setattr__(self, "terms", tuple(_term(each) for each in self.terms))

    @property
    def losses(self) -> list[Loss]:
        """The losses without their weights."""
        return [loss for loss, _ in self._weighted]

    @property
    def _weighted(self) -> list[tuple[Loss, float]]:
        return [each for each in self.terms if isinstance(each, tuple)]

    @property
    def takes_logits(self) -> bool:  # type: ignore[override]
        """Whether one of the losses does."""
        return any(loss.takes_logits for loss in self.losses)

    @property
    def ignore_index(self) -> int | None:  # type: ignore[override]
        """That of all losses."""
        return self.losses[0].ignore_index

    def takes_classes(self, outputs: int) -> bool:
        """Whether the losses do."""
        return self.losses[0].takes_classes(outputs)

    def for_classes(self, classes: Sequence[str] | None) -> Sum:
        """The sum of the losses with class weights in the order of a model's classes."""
        return Sum([(loss.for_classes(classes), weight) for loss, weight in self._weighted])

    @property
    def core_settings(self) -> dict[str, Any]:
        """The terms as kind, settings and weight."""
        return core_terms(self._weighted)


def _term(given: object) -> tuple[Loss, float]:
    loss, weight = weighted_loss(given, "a term", "Sum", "weight")
    if isinstance(loss, Sum):
        raise ValueError("Sum: a term is a Sum itself, expected its terms")
    if isinstance(loss, Custom):
        raise ValueError("Sum: a term is Custom, expected a function that adds the other losses")
    return loss, weight
