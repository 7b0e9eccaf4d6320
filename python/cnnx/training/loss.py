"""The base class of losses, and the settings that they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from cnnx.arguments import above_zero, is_integer, shown
from cnnx.recipe import Recipe
from cnnx.spelling import instance_for
from cnnx.training.class_weights import checked_class_weights


class Loss(Recipe):
    """Base class of the losses of a `Trainer`.

    Attributes:
        takes_logits: whether the loss applies softmax or sigmoid to the outputs itself, and so
            counts correct predictions.
        ignore_index: label of positions that count for nothing, or None.
    """

    takes_logits: ClassVar[bool] = True
    ignore_index: int | None = None

    def takes_classes(self, outputs: int) -> bool:
        """Whether the targets of so many outputs are labels of classes, and not values."""
        return False

    def for_classes(self, classes: Sequence[str] | None) -> Loss:
        """The loss with class weights in the order of a model's classes.

        Raises:
            ValueError: if the weights are by name and the names are not those of the classes.
        """
        return self

    def for_output(self, shape: tuple[int, ...]) -> Loss:
        """The loss of a model with this shape of the output of an image."""
        return self


def weighted_loss(given: object, what: str, function: str, weight_of: str) -> tuple[Loss, float]:
    """A loss alone or as (loss, weight), whose weight is 1 unless given.

    Raises:
        TypeError: if it is neither; `what` names it in the error.
        ValueError: if the weight is not above 0; `weight_of` names it.
    """
    loss, weight = given if isinstance(given, (tuple, list)) and len(given) == 2 else (given, 1.0)
    if not isinstance(loss, Loss):
        raise TypeError(
            f"{function}: {what} is {shown(given)}, expected a loss or (loss, weight)"
            f"{instance_for(loss, 'loss')}"
        )
    return loss, above_zero(weight, function, weight_of)


def core_terms(losses: Iterable[tuple[Loss, float]]) -> dict[str, Any]:
    """Settings of weighted losses for the compiled core: kind, settings and weight of each."""
    return {"terms": [(loss.kind, loss.core_settings, weight) for loss, weight in losses]}


class ClassLoss(Loss):
    """Base class of the losses of classes, frozen dataclasses with these settings.

    Attributes:
        class_weights: weights of the classes in order or by name; None for equal weights.
    """

    class_weights: Sequence[float] | Mapping[int, float] | Mapping[str, float] | None

    def takes_classes(self, outputs: int) -> bool:
        """True unless a single output is the sigmoid of a probability."""
        return outputs > 1

    def for_classes(self, classes: Sequence[str] | None) -> Loss:
        """The loss with class weights in the order of a model's classes."""
        weights = self.class_weights
        if not isinstance(weights, Mapping):
            return self
        if classes is None or set(weights) != set(classes):
            expected = "integers, since the model has no class names"
            if classes is not None:
                expected = f"the model's classes {', '.join(classes)}"
            raise ValueError(
                f"Trainer: class_weights has the keys {', '.join(map(str, weights))}, "
                f"expected {expected}"
            )
        by_name: Mapping[Any, float] = weights
        dataclass: Any = self
        ordered: Loss = replace(dataclass, class_weights=[by_name[name] for name in classes])
        return ordered

    def _check_classes(self) -> None:
        """Check the settings of classes; errors begin with the name of the loss."""
        name = type(self).__name__
        if self.class_weights is not None:
            weights = checked_class_weights(self.class_weights, name)
            object.__setattr__(self, "class_weights", weights)
        if self.ignore_index is None:
            return
        if not is_integer(self.ignore_index) or not -(2**63) < self.ignore_index < 2**63:
            raise TypeError(
                f"{name}: ignore_index is {shown(self.ignore_index)}, expected a label or None"
            )
        object.__setattr__(self, "ignore_index", int(self.ignore_index))
