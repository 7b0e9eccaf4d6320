"""One loss for each of several outputs of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cnnx.arguments import shown
from cnnx.training.loss import Loss, core_terms, weighted_loss
from cnnx.training.loss_sum import Sum

__all__ = ["HeadLosses"]


@dataclass(frozen=True)
class HeadLosses(Loss):
    """Losses by the names of a model's outputs, each with a weight: `loss` of `Trainer` as a dict.

    Attributes:
        terms: the loss of each output, and its weight.

    Raises:
        TypeError: if a term is neither a loss nor (loss, weight).
        ValueError: if a weight is not above 0.
    """

    kind: ClassVar[str] = "heads"

    terms: Mapping[str, Any]

    def __post_init__(self) -> None:
        terms = {name: _term(name, given) for name, given in self.terms.items()}
        object.__setattr__(self, "terms", terms)

    def for_heads(self, shapes: Mapping[str, tuple[int, ...]]) -> HeadLosses:
        """The losses in the order of a model's outputs.

        Raises:
            ValueError: if the names are not those of the outputs.
        """
        if set(self.terms) != set(shapes):
            raise ValueError(
                f"Trainer: loss has the names {', '.join(self.terms)}, expected the model's "
                f"outputs {', '.join(shapes) or '(it has a single one)'}"
            )
        own = {}
        for name, shape in shapes.items():
            loss, weight = self.terms[name]
            own[name] = (loss.for_output(shape), weight)
        return HeadLosses(own)

    @property
    def takes_logits(self) -> bool:  # type: ignore[override]
        """Whether one of the losses does."""
        return any(loss.takes_logits for loss, _ in self.terms.values())

    @property
    def core_settings(self) -> dict[str, Any]:
        """The terms as kind, settings and weight."""
        return core_terms(self.terms.values())


def _term(name: str, given: object) -> tuple[Loss, float]:
    what = f"the loss of {name!r}"
    loss, weight = weighted_loss(given, what, "Trainer", f"the weight of {name!r}")
    if isinstance(loss, (Sum, HeadLosses)):
        raise TypeError(f"Trainer: {what} is {shown(loss)}, expected a single loss")
    return loss, weight
