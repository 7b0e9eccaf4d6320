"""The input of a model, or its several inputs, as properties of `Model`; checks of images."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx import _core
from cnnx.arguments import FloatArray
from cnnx.batch_arguments import (
    are_black,
    are_divided_twice,
    are_standardized,
    brightest,
    check_float_range,
    images,
    warn_of_black_images,
    warn_of_divided_twice,
    warn_of_division,
    warn_of_standardization,
)
from cnnx.model.file_form import is_imported
from cnnx.model.input_parts import NORMS, CoreInput, core_inputs, packed
from cnnx.preprocessing import preprocessing_of

if TYPE_CHECKING:
    from cnnx.data.dataset import ImageLike

# Outputs of a batch, and whether its values are integers to be divided by 255.
Compute: TypeAlias = "Callable[[NDArray[np.uint8] | FloatArray, bool], FloatArray]"

_BYTES_AT_ONCE = 64 << 20  # of the copies of several inputs


class ModelInputs:
    """The inputs of a `Model`."""

    _core: _core.Model

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of one image; (1, 1, numbers) of several `inputs` together."""
        return self._input_shape

    @property
    def inputs(self) -> dict[str, tuple[int, int, int]]:
        """Shapes of the inputs of a model with several, by name; empty for one.

        Such a model takes dicts of arrays by these names. Each array is as images of a model with
        one input; floats of any range are used unchanged for an input of one pixel, (1, 1,
        channels). The arrays are copied side by side into one: for outputs and predictions in
        batches of at most 64 MB, elsewhere for the whole call.

        Example:
            >>> from cnnx import Add, Conv2d, Input, Model
            >>> left, right = Input((8, 8, 1)), Input((8, 8, 1))
            >>> shared = Add()(Conv2d(4, 1)(left), Conv2d(4, 1)(right))
            >>> Model.from_graph({"left": left, "right": right}, shared).inputs
            {'left': (8, 8, 1), 'right': (8, 8, 1)}
        """
        return {each.name: each.shape for each in self._inputs}

    @functools.cached_property
    def _inputs(self) -> tuple[CoreInput, ...]:
        """The several inputs, which never change."""
        return core_inputs(self._core)

    @functools.cached_property
    def _input_shape(self) -> tuple[int, int, int]:
        height, width, channels = self._core.input_shape
        return height, width, channels

    def _outputs(self, compute: Compute, x: ImageLike, function: str) -> tuple[FloatArray, bool]:
        """Outputs that `compute` gives for images, and whether they had no batch axis."""
        if not self._inputs:
            pixels, integers, single = self._images(x, function)
            return compute(pixels, integers), single
        batches = [
            (compute(pixels, integers), single)
            for pixels, integers, single in packed(self._inputs, x, function, _BYTES_AT_ONCE)
        ]
        return np.concatenate([outputs for outputs, _ in batches]), batches[0][1]

    def _images(
        self, x: ImageLike, function: str
    ) -> tuple[NDArray[np.uint8] | FloatArray, bool, bool]:
        """`x` as `images` returns it, with floats in the range that the model expects."""
        if self._inputs:
            return next(packed(self._inputs, x, function))
        if isinstance(x, np.ndarray) and x.dtype.kind in "biuf":
            pixels, integers, single = images(x, self._input_shape, function)
        else:
            pixels, integers, single = self._converted(x, function)
        self._check_range(pixels, integers, function)
        return pixels, integers, single

    def _check_range(self, pixels: NDArray[Any], integers: bool, function: str) -> None:
        """Refuse or warn of pixels on another scale than the model expects."""
        if integers:
            if self._declares_range:
                warn_of_division(function)
            elif are_black(pixels):
                warn_of_black_images(pixels, function)
        else:
            most = brightest(pixels)
            if 2 < most < math.inf or self._standardizes_twice(pixels):
                self._check_floats(pixels, function)
            elif are_divided_twice(most) and not self._has_unknown_range:
                warn_of_divided_twice(pixels, function)

    def _check_floats(self, pixels: FloatArray | NDArray[np.uint8], function: str) -> None:
        """Check floats that are not from 0 to 1."""
        if self._takes_any_floats():
            return
        if self._standardizes_twice(pixels):
            warn_of_standardization(pixels, function)
        else:
            check_float_range(pixels, function)

    def _converted(
        self, x: ImageLike, function: str
    ) -> tuple[NDArray[np.uint8] | FloatArray, bool, bool]:
        from cnnx.data.image_like import (  # on first use: predictions start fast
            array_of,
            refuse_other,
            reordering,
        )

        if isinstance(x, Mapping):
            raise TypeError(
                f"{function}: x is a dict with the names {', '.join(map(str, x)) or 'of none'}, "
                "expected images: the model has a single input"
            )
        refuse_other(x, function)
        shape, resize = self._input_shape, self._core.preprocessing[0]
        return images(array_of(x, shape, resize, function), shape, function, reordering(x))

    @functools.cached_property
    def _declares_range(self) -> bool:
        return preprocessing_of(self._core).declares_range

    def _standardizes_twice(self, pixels: FloatArray | NDArray[np.uint8]) -> bool:
        """Whether preprocessing applies mean and std to standardized floats."""
        return self._standardizes and are_standardized(pixels)

    @functools.cached_property
    def _standardizes(self) -> bool:
        return preprocessing_of(self._core).standardizes

    def _takes_any_floats(self) -> bool:
        """Whether floats of another range are rescaled, or the range is not known."""
        rescales = self._declares_range or self._core.layers[0][0] in NORMS
        return rescales or self._has_unknown_range

    @functools.cached_property
    def _has_unknown_range(self) -> bool:
        """Whether the file of an imported model leaves the range of its floats open."""
        return is_imported(self._core) and not self._standardizes
