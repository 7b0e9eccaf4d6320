"""Predictions of large images in tiles, as methods of `Model`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import FloatArray, PairLike, one_of, pair, real_array
from cnnx.batch_arguments import images
from cnnx.data.dataset import ImageLike
from cnnx.data.image_like import image_at_its_size
from cnnx.mapping import check_mapping
from cnnx.model.input_parts import refuse_inputs
from cnnx.model.inputs import ModelInputs
from cnnx.model.predictions import checked_outputs, labels_of, outputs_are_values
from cnnx.model.receptive_field import network_of
from cnnx.model.tiles import Tile, aligned_side, default_side, largest_step, tiles_along
from cnnx.model.variants import ModelVariants
from cnnx.spelling import checked_call

Blending: TypeAlias = Literal["linear", "none"]
_BLENDINGS = get_args(Blending)
_AXES = ("height", "width")
_EXAMINED_SIDE = 256  # rows and columns of pixels whose range is checked


class TiledPredictions(ModelInputs, ModelVariants):
    """Base class of `Model` with the methods that predict large images tile by tile."""

    @checked_call
    def predict_tiled(
        self,
        x: ImageLike,
        *,
        tile: PairLike | None = None,
        overlap: PairLike | None = None,
        blend: Blending = "linear",
    ) -> NDArray[Any]:
        """Predict the class of each position of large images, tile by tile.

        The memory is that of one tile and of the result. The images may be arrays that are mapped
        from a file. They may have any size: the model is resized to that of the tiles. Where a
        network refuses the sides of an image, its last row and column are repeated up to the next
        multiple of the network's strides.

        By default the overlap of the tiles follows from the receptive field of the network, so that
        each prediction depends on the same pixels as that of the whole image, and differs only by
        rounding. With a smaller overlap predictions change near the borders of tiles.

        Args:
            x: an image (height, width, channels), or images with a batch axis; the channel axis may
                be omitted when there is one channel. Integers are divided by 255. Or one image
                file or image of Pillow, which keeps its size.
            tile: height and width of the tiles in pixels, an integer or (height, width). A side is
                reduced to the next one that fits the network's strides. None is 256, or three times
                the receptive field if that is more.
            overlap: pixels that neighbouring tiles have in common, an integer or (height, width).
                None is the least number for the predictions of the whole image.
            blend: how probabilities of tiles are joined where the overlap is too small for those of
                the whole image. "linear" averages them with weights that fall linearly towards the
                border of a tile, and needs the memory of a row of tiles. "none" takes those of the
                tile in which a position is farther from the border.

        Returns:
            Class indices, (height, width) or (batch, height, width), uint8 up to 256 classes, else
            int64; the names are `model.classes[index]`. Independent outputs give booleans, and a
            model that was trained with `MSE`, `L1` or `Huber` its outputs, float32, both with the
            axis of the outputs.

        Raises:
            TypeError: if an argument is of another type.
            ValueError: if the network is not fully convolutional, naming the layer, if x does not
                fit the model or is not finite, or if the tiles are too small for the network.
            FloatingPointError: if the outputs for finite images are NaN.

        References:
            O. Ronneberger, P. Fischer, T. Brox: U-Net: Convolutional Networks for Biomedical Image
            Segmentation, 2015 ("overlap-tile strategy").

        Example:
            >>> import cnnx
            >>> model = cnnx.models.unet((64, 64, 3), 4, depth=2, width=4)
            >>> x, _ = cnnx.data.shapes(1, size=(500, 300))
            >>> labels = model.predict_tiled(x[0], tile=128)
            >>> labels.shape, labels.dtype.name
            ((500, 300), 'uint8')
        """
        return _predicted(self, x, tile, overlap, blend, "predict_tiled", self._labels_of_tile)

    @checked_call
    def predict_proba_tiled(
        self,
        x: ImageLike,
        *,
        tile: PairLike | None = None,
        overlap: PairLike | None = None,
        blend: Blending = "linear",
    ) -> FloatArray:
        """Compute the probabilities of each position of large images, tile by tile.

        The arguments are those of `predict_tiled`.

        Returns:
            Probabilities as of `predict_proba`, (height, width, classes) or (batch, height, width,
            classes).

        Raises:
            TypeError: if an argument is of another type.
            ValueError: as `predict_tiled`, or if the model was trained with a regression loss.
            FloatingPointError: if the outputs for finite images are NaN.

        Example:
            >>> import cnnx
            >>> model = cnnx.models.unet((64, 64, 3), 4, depth=2, width=4)
            >>> x, _ = cnnx.data.shapes(1, size=(500, 300))
            >>> model.predict_proba_tiled(x[0], tile=128).shape
            (500, 300, 4)
        """
        if outputs_are_values(self._core):
            raise ValueError(
                "predict_proba_tiled: the model was trained with a regression loss, so it has no "
                "probabilities, expected a classifier; its values are model.predict_tiled(x)"
            )
        return _predicted(self, x, tile, overlap, blend, "predict_proba_tiled", lambda tile: tile)

    def _labels_of_tile(self, outputs: FloatArray) -> NDArray[Any]:
        if outputs_are_values(self._core):
            return outputs
        labels = labels_of(self._core, outputs)
        is_small = labels.dtype == np.int64 and outputs.shape[-1] <= 256
        return labels.astype(np.uint8) if is_small else labels


class _Tiling(NamedTuple):
    """Tiles of an image.

    Attributes:
        model: model for images of the size of a tile.
        rows: tiles along the height.
        columns: tiles along the width.
        size: height and width of the result.
        is_blended: whether tiles have parts of the result in common.
    """

    model: TiledPredictions
    rows: list[Tile]
    columns: list[Tile]
    size: tuple[int, int]
    is_blended: bool

    def outputs(self, image: NDArray[Any], row: Tile, column: Tile, function: str) -> FloatArray:
        """Outputs of one tile that belong to the result."""
        height, width, _ = self.model._core.input_shape
        part = image[row.start : row.start + height, column.start : column.start + width]
        missing = [(0, height - part.shape[0]), (0, width - part.shape[1]), (0, 0)]
        shape = self.model._input_shape
        pixels, integers, _ = images(np.pad(part, missing, mode="edge"), shape, function)
        outputs: FloatArray = checked_outputs(self.model._core, function, pixels, integers)[0]
        return outputs[row.begin :, column.begin :][: len(row.weights), : len(column.weights)]


def _predicted(
    model: TiledPredictions,
    x: ImageLike,
    tile: PairLike | None,
    overlap: PairLike | None,
    blend: str,
    function: str,
    converted: Callable[[FloatArray], NDArray[Any]],
) -> NDArray[Any]:
    """Results of images, of whose outputs `converted` makes what the caller returns."""
    refuse_inputs(model._core, function)
    pixels, is_single = _images_of(x, model._core.input_shape[2], function)
    # Pixels of a grid, because a mapped image may be too large to be read twice.
    down, right = (-(-side // _EXAMINED_SIDE) for side in pixels.shape[1:3])
    model._check_range(pixels[:, ::down, ::right], pixels.dtype.kind in "iu", function)
    tiling = _tiling_of(
        model,
        (pixels.shape[1], pixels.shape[2]),
        _pair_or_none(tile, function, "tile"),
        _pair_or_none(overlap, function, "overlap"),
        one_of(blend, _BLENDINGS, function, "blend") == "linear",
        function,
    )
    none = converted(np.empty((0, 0, model._core.output_shape[2]), np.float32))
    result = np.empty((len(pixels), *tiling.size, *none.shape[2:]), none.dtype)
    for image, whole in zip(pixels, result, strict=True):
        if tiling.is_blended:
            _predict_blended(tiling, image, whole, function, converted)
        else:
            for row, column in itertools.product(tiling.rows, tiling.columns):
                outputs = converted(tiling.outputs(image, row, column, function))
                place = whole[row.first : row.end, column.first : column.end]
                place[:] = outputs[: place.shape[0], : place.shape[1]]
    return result[0] if is_single else result


def _predict_blended(
    tiling: _Tiling,
    image: NDArray[Any],
    result: NDArray[Any],
    function: str,
    converted: Callable[[FloatArray], NDArray[Any]],
) -> None:
    """Write the result of one image, a row of tiles at a time.

    Sums of rows that the next tiles reach, too, are passed on to them.
    """
    width, channels = tiling.columns[-1].end, tiling.model._core.output_shape[2]
    unfinished = np.zeros((0, width, channels), np.float32)
    ends = [row.first for row in tiling.rows[1:]] + [tiling.rows[-1].end]
    for row, end in zip(tiling.rows, ends, strict=True):
        sums = np.zeros((len(row.weights), width, channels), np.float32)
        sums[: len(unfinished)] = unfinished
        for column in tiling.columns:
            weights = row.weights[:, np.newaxis] * column.weights
            outputs = tiling.outputs(image, row, column, function)
            sums[:, column.first : column.end] += weights[..., np.newaxis] * outputs
        place = result[row.first : end]
        place[:] = converted(sums[: len(place), : result.shape[1]])
        unfinished = sums[end - row.first :]


def _tiling_of(
    model: TiledPredictions,
    size: tuple[int, int],
    tile: list[int] | None,
    overlap: list[int] | None,
    blend: bool,
    function: str,
) -> _Tiling:
    network = network_of(model._core, function)
    sides = tile or [default_side(field) for field in network.fields]
    if min(sides) < 1:
        raise ValueError(f"{function}: tile is {tuple(sides)}, expected positive sizes")
    extended, resized = _resized(model, size, sides, network.grids, function)
    fields = network_of(resized._core, function).fields
    axes, result_size, is_blended = [], [], False
    for axis, field in enumerate(fields):
        side, outputs = resized._core.input_shape[axis], resized._core.output_shape[axis]
        step = 1
        if side < extended[axis]:
            limit = largest_step(side, outputs, field)
            asked = limit if overlap is None else side - overlap[axis]
            step = asked - asked % network.grids[axis]
            if overlap is not None and (step < 1 or overlap[axis] < side - outputs * field.stride):
                raise ValueError(
                    f"{function}: overlap is {overlap[axis]} along the {_AXES[axis]}, expected "
                    f"{math.ceil(side - outputs * field.stride)} to "
                    f"{side - network.grids[axis]} for tiles of {side} pixels"
                )
            if step < 1:
                needed = side - limit + network.grids[axis]
                needed += (extended[axis] - needed) % network.grids[axis]
                raise ValueError(
                    f"{function}: tile is {side} along the {_AXES[axis]}, expected {needed} or "
                    "more for the network's receptive field, or an overlap to blend"
                )
            is_blended = is_blended or (blend and step > limit)
        axes.append(tiles_along(extended[axis], side, step, outputs, field, blend=blend))
        is_extended = extended[axis] > size[axis]
        end = axes[axis][-1].end
        result_size.append(min(end, math.ceil(size[axis] / field.stride)) if is_extended else end)
    return _Tiling(resized, axes[0], axes[1], (result_size[0], result_size[1]), is_blended)


def _resized(
    model: TiledPredictions,
    size: tuple[int, int],
    sides: list[int],
    grids: tuple[int, int],
    function: str,
) -> tuple[tuple[int, int], TiledPredictions]:
    """Size of the image, extended if the network needs that, and the model for its tiles."""
    on_grid = [each + -each % grid for each, grid in zip(size, grids, strict=True)]
    failure = None
    for height, width in (size, on_grid):
        tile = (
            aligned_side(sides[0], height, grids[0]),
            aligned_side(sides[1], width, grids[1]),
        )
        if min(tile) < 1:
            continue
        try:
            return (height, width), model.resized(tile)
        except ValueError as error:
            failure = error
    if failure is None:
        raise ValueError(f"{function}: tile is {tuple(sides)}, expected at least {grids}")
    raise ValueError(f"{function}: tile is {tuple(sides)}, which is too small: {failure}")


def _pair_or_none(value: PairLike | None, function: str, argument: str) -> list[int] | None:
    return None if value is None else pair(value, function, argument)


def _images_of(x: ImageLike, channels: int, function: str) -> tuple[NDArray[Any], bool]:
    """`x` with axes of batch and channels, and whether it was a single image."""
    array = real_array(image_at_its_size(x, channels, function), function, "x")
    check_mapping(array, f"{function}: x")
    shape = array.shape
    if channels == 1 and array.ndim == 3 and shape[-1] in (3, 4):
        raise ValueError(
            f"{function}: x has shape {shape}, which looks like one image of {shape[-1]} channels, "
            "expected (height, width), (batch, height, width) or (batch, height, width, 1)"
        )
    if channels == 1 and array.ndim in (2, 3) and shape[-1] != 1:
        array = array[..., np.newaxis]
    is_single = array.ndim == 3
    if is_single:
        array = array[np.newaxis]
    if array.ndim != 4 or array.shape[3] != channels or 0 in array.shape[1:]:
        raise ValueError(
            f"{function}: x has shape {shape}, expected (height, width, {channels}) or (batch, "
            f"height, width, {channels})"
        )
    return array, is_single
