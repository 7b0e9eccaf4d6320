"""A loss that is a function of the user's own, in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import FloatArray, boolean, is_integer, shown
from cnnx.layers.gradient_check import disagreement
from cnnx.spelling import checked_call
from cnnx.training.loss import Loss

__all__ = ["Custom"]

# (outputs, targets) -> (mean loss, its gradient with respect to the outputs).
LossFunction: TypeAlias = "Callable[[Any, Any], tuple[Any, Any]]"


@checked_call
@dataclass(frozen=True)
class Custom(Loss):
    """A loss of your own: a function of NumPy arrays, called once per train step.

    ``function(outputs, targets)`` returns the mean loss of a batch and its gradient with respect to
    the outputs. `outputs` is float32, a batch in the shape of the model's output, and `targets` a
    batch of float32 in `target_shape`. With `logits`, targets are int64 labels, (batch,) or (batch,
    height, width), unless they have the shape of the outputs. With ``shards`` the function is
    called once per shard.

    The first call compares the gradient with differences of the loss along random directions, and
    refuses one that is wrong. The arrays are copies, so the function may keep and change them. It
    cannot use the trainer or its model, which wait for it.

    Not possible with such a loss: `sample_weight`, mixup, checkpoints (a file cannot hold the
    function), and the accuracy in the history.

    Args:
        function: the function.
        target_shape: shape of the targets of one image, if they are not those of the outputs.
        logits: whether the function applies softmax to the outputs and compares them with labels,
            so that the model is a classifier; otherwise it predicts values.

    Raises:
        TypeError: if an argument has another type.
        ValueError: if target_shape has a size below 1. `Trainer.fit` and `step` refuse results of
            another shape, and a wrong gradient.

    Example:
        >>> import cnnx
        >>> import numpy as np
        >>> def quantile(outputs, targets, q=0.9):
        ...     below = targets - outputs
        ...     loss = np.maximum(q * below, (q - 1) * below).mean()
        ...     return loss, np.where(below > 0, -q, 1 - q) / below.size
        >>> x, _ = cnnx.data.xo(64, seed=1)
        >>> layers = [cnnx.AvgPool2d(8), cnnx.Flatten(), cnnx.Dense(1)]
        >>> model = cnnx.Model(layers, input_shape=(32, 32, 1))
        >>> trainer = cnnx.Trainer(model, loss=cnnx.losses.Custom(quantile))
        >>> history = trainer.fit(x, x.mean(axis=(1, 2, 3)) / 255, epochs=1)
    """

    kind: ClassVar[str] = "custom"

    function: LossFunction
    _: KW_ONLY
    target_shape: tuple[int, ...] | None = None
    logits: bool = False
    output_shape: tuple[int, ...] = field(default=(), init=False, repr=False)

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise TypeError(
                f"Custom: function is {shown(self.function)}, expected a function of outputs and "
                "targets that returns (loss, gradient)"
            )
        boolean(self.logits, "Custom", "logits")
        if self.target_shape is None:
            return
        given: Any = self.target_shape
        shape = (given,) if is_integer(given) else given
        is_shape = isinstance(shape, (tuple, list)) and len(shape) > 0
        if not is_shape or not all(is_integer(each) and each >= 1 for each in shape):
            raise ValueError(
                f"Custom: target_shape is {shown(given)}, expected sizes of at least 1"
            )
        object.__setattr__(self, "target_shape", tuple(int(each) for each in shape))

    @property
    def takes_logits(self) -> bool:  # type: ignore[override]
        """Whether the function applies softmax to the outputs."""
        return self.logits

    def for_output(self, shape: tuple[int, ...]) -> Custom:
        """The loss of a model with this shape of an output, which checks the first gradient."""
        bound = Custom(self.function, target_shape=self.target_shape, logits=self.logits)
        object.__setattr__(bound, "output_shape", shape)
        return bound

    @property
    def core_settings(self) -> dict[str, Any]:
        """The function between flat arrays, and the sizes of these."""
        shape = self.output_shape
        return {
            "function": _Call(self.function, shape, self.target_shape or shape),
            "output_size": math.prod(shape),
            "label_count": math.prod(shape[:2]) if len(shape) == 3 else 1,
            "target_size": math.prod(self.target_shape or ()) if self.target_shape else 0,
            "takes_logits": self.logits,
        }


class _Call:
    """Calls a user's function with arrays in their shapes, and checks what it returns."""

    def __init__(
        self, function: LossFunction, outputs: tuple[int, ...], targets: tuple[int, ...]
    ) -> None:
        self._function = function
        self._outputs = outputs
        self._targets = targets
        self._is_checked = False

    def __call__(
        self, outputs: FloatArray, targets: NDArray[Any], wants_gradient: bool
    ) -> tuple[float, FloatArray | None]:
        count = len(outputs)
        shaped = outputs.reshape(count, *self._outputs)
        if targets.dtype == np.int64:
            is_map = len(self._outputs) == 3
            wanted = targets.reshape(count, *(self._outputs[:2] if is_map else ()))
        else:
            wanted = targets.reshape(count, *self._targets)
        is_first = wants_gradient and not self._is_checked
        originals = (shaped.copy(), wanted.copy()) if is_first else None
        loss, gradient = self._result(self._function(shaped, wanted))
        if not wants_gradient:
            return loss, None
        array = self._array(gradient)
        if array.shape != shaped.shape:
            raise ValueError(
                f"Custom: the gradient of {self._name} has shape {array.shape}, expected that of "
                f"the outputs, {shaped.shape}"
            )
        if originals:
            if math.isfinite(loss) and not np.isfinite(array).all():
                raise ValueError(
                    f"Custom: the gradient of {self._name} holds NaN or infinity for a loss of "
                    f"{loss:.4g}, expected finite numbers"
                )
            self._check(*originals)
            self._is_checked = True
        return loss, array

    @property
    def _name(self) -> str:
        return str(getattr(self._function, "__name__", "the function"))

    def _result(self, result: object) -> tuple[float, Any]:
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(
                f"Custom: {self._name} returned {shown(result)}, expected (loss, gradient)"
            )
        loss, gradient = result
        number = np.asarray(loss)
        if number.size != 1 or number.dtype.kind not in "fiu":
            raise TypeError(
                f"Custom: the loss of {self._name} is {shown(loss)}, expected one number, the mean "
                "of the batch"
            )
        return float(number.reshape(())), gradient

    def _array(self, gradient: Any) -> NDArray[Any]:
        """The gradient as an array of float32."""
        array = np.asarray(gradient)
        if array.dtype.kind not in "fiu":
            raise TypeError(
                f"Custom: the gradient of {self._name} is {shown(gradient)} of dtype "
                f"{array.dtype}, expected an array of numbers such as float32"
            )
        return np.ascontiguousarray(array, dtype=np.float32)

    def _check(self, outputs: FloatArray, targets: NDArray[Any]) -> None:
        """Compare the gradient with differences of the loss."""

        def call(point: list[Any]) -> tuple[float, NDArray[Any]]:
            loss, gradient = self._result(self._function(point[0], targets.copy()))
            return loss, self._array(gradient)

        found = disagreement(
            lambda point: call(point)[0], lambda _, point: [call(point)[1]], [outputs]
        )
        if found is not None:
            measured, claimed = found
            raise ValueError(
                f"Custom: the gradient of {self._name} is wrong: along a random direction the "
                f"loss changes by {measured:.4g}, but the gradient says {claimed:.4g}; expected "
                "the gradient of the mean loss with respect to the outputs"
            )
