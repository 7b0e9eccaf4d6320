"""Class weights of the loss, for `--class-weights`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cnnx.cli.errors import UserError
from cnnx.cli.option_types import BALANCED
from cnnx.training.class_weights import balanced_weights
from cnnx.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def class_weights_of(
    option: str | list[float] | None, labels: NDArray[np.integer[Any]], names: Sequence[str]
) -> list[float] | None:
    """Weight of each class: the given ones, or balanced ones inverse to the class's frequency.

    Balanced weights are those of `CrossEntropy.balanced`.

    Raises:
        UserError: if there are not as many numbers as classes, or a balanced class has no image.
    """
    if option is None:
        return None
    if option != BALANCED:
        weights = [float(each) for each in option]
        if len(weights) != len(names):
            raise UserError(
                f"--class-weights has {counted(len(weights), 'number')}, expected one per class: "
                f"{', '.join(names)}"
            )
        return weights
    counts = np.bincount(labels, minlength=len(names))
    if counts.min() == 0:
        raise UserError(
            f"--class-weights balanced: class {names[int(counts.argmin())]} has no images; give "
            "one number per class instead"
        )
    return balanced_weights(counts)
