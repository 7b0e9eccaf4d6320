"""Copies of a model with one part changed, and frozen layers, as methods of `Model`."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from typing import TypeVar

from cnnx._core import Model as CoreModel
from cnnx.arguments import PairLike, is_integer, pair
from cnnx.layers.graph import LayerTuple
from cnnx.model.build import built, class_count, class_names
from cnnx.model.heads import core_heads, refuse_heads, sources_of_heads
from cnnx.model.input_parts import refuse_inputs, with_remaining_inputs
from cnnx.model.last_layer import layers_with_arrays, with_outputs
from cnnx.model.layer_names import layer_name
from cnnx.model.layer_patterns import matching
from cnnx.model.layer_reuse import every_layer
from cnnx.model.parameter_sizes import refuse_int8
from cnnx.preprocessing import Preprocessing, preprocessing_of
from cnnx.spelling import NamedAttributes, checked_call

_Model = TypeVar("_Model", bound="ModelVariants")


class ModelVariants(NamedAttributes):
    """Base class of `Model` with the methods that copy a model or freeze its layers."""

    _core: CoreModel

    @classmethod
    def _of(cls: type[_Model], core: CoreModel) -> _Model:
        model = cls.__new__(cls)
        model._core = core
        return model

    def clone(self: _Model) -> _Model:
        """Copy the model with its weights."""
        return self._of(self._core.clone())

    def __copy__(self: _Model) -> _Model:
        return self.clone()

    def __deepcopy__(self: _Model, memo: dict[int, object]) -> _Model:
        return self.clone()

    @checked_call
    def resized(self: _Model, size: PairLike) -> _Model:
        """Copy the model with its weights for images of another height and width.

        A fully convolutional model takes images of any size. A `Dense` after `Flatten` does not,
        because its weights depend on the size; after `GlobalAvgPool2d` it does.

        Args:
            size: height and width of the copy's images, an integer or (height, width).

        Returns:
            A copy with the same weights, names, classes, preprocessing and frozen layers.

        Raises:
            TypeError: if size is neither an integer nor a pair.
            ValueError: if a layer does not allow images of this size; the message names the layer.

        Example:
            >>> from cnnx import Conv2d, Dense, GlobalAvgPool2d, Model, ReLU
            >>> layers = [Conv2d(8, 3), ReLU(), GlobalAvgPool2d(), Dense(2)]
            >>> model = Model(layers, input_shape=(32, 32, 1), classes=["X", "O"])
            >>> model.resized((64, 48)).input_shape
            (64, 48, 1)
        """
        height, width = pair(size, "resized", "size")
        for side in (height, width):
            if not 1 <= side < 2**31:
                raise ValueError(
                    f"resized: size is {(height, width)}, expected (height, width), each 1 to "
                    "2147483647"
                )
        return self._of(self._core.resized(height, width))

    @checked_call
    def with_preprocessing(self: _Model, preprocessing: Preprocessing) -> _Model:
        """Copy the model with its weights and another preprocessing, to be trained with it.

        Raises:
            TypeError: if preprocessing is not a `Preprocessing`.
            ValueError: as `Preprocessing`, or if the model was trained with a loss other than
                CrossEntropy.

        Example:
            >>> import cnnx
            >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
            >>> model.with_preprocessing(cnnx.Preprocessing(mean=0.5, std=0.25)).preprocessing
            Preprocessing(resize='stretch', mean=0.5, std=0.25)
        """
        own = self._core
        refuse_inputs(own, "with_preprocessing")
        copy = _rebuilt(own, every_layer(own), own.classes, preprocessing=preprocessing)
        if copy.probability_kind != own.probability_kind:
            raise ValueError(
                "with_preprocessing: the model was trained with a loss other than CrossEntropy, "
                "expected a new model: cnnx.Model(..., preprocessing=...)"
            )
        copy.temperature = own.temperature
        return self._of(copy)

    @checked_call
    def with_classes(self: _Model, classes: int | Sequence[str], *, seed: int = 0) -> _Model:
        """Copy the model for other classes, with a new last layer, to be trained for them.

        The last layer with parameters, dense or a 1x1 convolution, gets one output per class and
        new weights. It is trainable. So do others whose outputs are added to its outputs, as in
        `models.resnet18_fcn`. The other layers keep their weights and `trainable`, and the model
        its preprocessing. Softmax, LogSoftmax or Sigmoid at the end is left out, because losses
        and predictions apply it themselves. The temperature is 1. A model with a class for each
        position remains one.

        Args:
            classes: names of the classes in the order of the outputs, or their number.
            seed: seed of the new weights, which also depend on those that they replace, so that
                they are none that an earlier layer began with.

        Raises:
            TypeError: if classes are neither names nor a number.
            ValueError: if the last layer with parameters is of another kind, if the layers after
                it do not turn its outputs into one number per class, of the image or of each
                position, or if weights are int8.

        Example:
            >>> import cnnx
            >>> digits = cnnx.models.lenet5()
            >>> letters = digits.with_classes(["A", "B", "C"])
            >>> letters.output_shape, letters.layers[-1].name
            ((3,), 'dense_3')
            >>> cells = cnnx.models.unet((32, 32, 3), ["cell", "background"], depth=2, width=8)
            >>> cells.with_classes(["cell", "nucleus", "background"]).output_shape
            (32, 32, 3)
        """
        count = class_count(classes, "with_classes")
        own = self._core
        refuse_int8(own, "with_classes")
        refuse_heads(own, "with_classes")
        layers, fresh = with_outputs(own, count, "with_classes")
        new = _another_seed(own, fresh, seed)
        copy = _rebuilt(own, layers, class_names(classes), seed=new, fresh=fresh)
        expected = [*own.output_shape[:-1], count]
        if copy.output_shape != expected:  # the core checks names itself
            raise ValueError(
                f"with_classes: with {count} outputs of {fresh[-1]} the model's output has shape "
                f"{tuple(copy.output_shape)}, expected {tuple(expected)}: pool before Flatten"
            )
        return self._of(copy)

    @checked_call
    def with_new_weights(self: _Model, *, seed: int = 0) -> _Model:
        """Copy the model with the weights of a new one, to be trained from the beginning.

        Running statistics begin anew, too. The copy has the layers, their `trainable`, the classes
        and the preprocessing. Its temperature is 1.

        Args:
            seed: seed of the new weights.

        Raises:
            ValueError: if seed is negative, or if weights are int8.

        Example:
            >>> import cnnx
            >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
            >>> again = model.with_new_weights(seed=1)
            >>> again.classes, again.output_shape == model.output_shape
            (['X', 'O'], True)
        """
        own = self._core
        refuse_int8(own, "with_new_weights")
        height, width, channels = own.input_shape
        shape = (height, width, channels)
        how = preprocessing_of(own)
        new = built(every_layer(own), shape, own.classes, how, seed)
        new.compute_dtype = own.compute_dtype
        _copy_heads(own, new)
        return self._of(new)

    @checked_call
    def until(self: _Model, layer: str) -> _Model:
        """Copy the layers up to and including a named one, with their weights: its features.

        The copy has the preprocessing, but no class names. Its output is that of the layer in
        `layer_outputs`, except for the rounding of a batch norm that a call fuses. Of several
        inputs it has those that these layers need. A copy of one of several outputs has its task.

        Args:
            layer: name of a layer, as in `Model.layers`, or of one of several outputs.

        Raises:
            TypeError: if the name is not text.
            ValueError: if no layer has this name.

        Example:
            >>> import cnnx
            >>> model = cnnx.models.lenet5()
            >>> features = model.until("flatten_1")
            >>> x, _ = cnnx.data.xo(2, size=28, seed=1)
            >>> features(x).shape
            (2, 400)
        """
        layers = every_layer(self._core)
        parts = [name for name, _, _ in self._core.inputs]
        names = [each[2] for each in layers if each[2] not in parts]
        heads = dict(zip(sources_of_heads(self._core), core_heads(self._core), strict=False))
        outputs = {head.name: source for source, head in heads.items() if head.name not in names}
        source = outputs.get(layer, layer) if isinstance(layer, str) else layer
        last = layer_name(source, names, "until")
        needed = {last}
        for _, _, name, inputs, _, _ in reversed(layers):
            if name in needed:
                needed.update(inputs)
        core = _rebuilt(self._core, [each for each in layers if each[2] in needed], None)
        if last in heads:
            core.probability_kind = heads[last].probabilities
        elif last == layers[-1][2] and not heads:
            core.probability_kind = self._core.probability_kind
        return self._of(core)

    @checked_call
    def freeze(self, pattern: str) -> list[str]:
        """Exclude layers from training by a shell pattern on their names, such as "conv*".

        A frozen layer keeps its parameters, and a frozen batch norm also its running statistics.
        `*` matches any characters, `?` matches one, and `[12]` one of those in brackets. A layer of
        a block has the block's name before its own: "*conv*" also matches "residual_1.conv2d_1".
        The model itself changes, and its file has the frozen layers.

        Returns:
            Names of the layers that were trainable before.

        Raises:
            TypeError: if the pattern is not text.
            ValueError: if it matches no layer with parameters.

        Example:
            >>> import cnnx
            >>> model = cnnx.models.lenet5()
            >>> model.freeze("conv*")
            ['conv2d_1', 'conv2d_2']
            >>> model.unfreeze("*_2")
            ['conv2d_2']
        """
        return self._set_trainable(pattern, "freeze", trainable=False)

    @checked_call
    def unfreeze(self, pattern: str) -> list[str]:
        """Include layers in training again by a shell pattern on their names.

        The optimizers of the Adam family count steps of the whole model: the first updates of a
        layer that was frozen before have another size than those of a new optimizer, which
        `Trainer.reset_optimizer` begins.

        Returns:
            Names of the layers that were frozen before.

        Raises:
            TypeError: if the pattern is not text.
            ValueError: if it matches no layer with parameters.

        Example:
            >>> import cnnx
            >>> cnnx.models.lenet5().unfreeze("*")
            []
        """
        return self._set_trainable(pattern, "unfreeze", trainable=True)

    def _set_trainable(self, pattern: str, function: str, *, trainable: bool) -> list[str]:
        core = self._core
        before = {name: flag for _, _, name, _, flag in core.layers}
        changed = [
            name
            for name in matching(pattern, layers_with_arrays(core), function)
            if before[name] != trainable
        ]
        for name in changed:
            core.set_trainable(name, trainable)
        return changed


def _copy_heads(source: CoreModel, model: CoreModel) -> None:
    model.set_heads([(name, shape, kind) for name, shape, _, kind in source.heads])


def _another_seed(source: CoreModel, layers: Collection[str], seed: int) -> int:
    """A seed that depends on the weights of some layers; one that is refused stays as it is."""
    if not is_integer(seed) or seed < 0:
        return seed
    checksum = 0
    for name, _, _ in source.parameter_infos:
        if name.rpartition(".")[0] in layers:
            checksum = zlib.crc32(source.get_parameter(name).tobytes(), checksum)
    return (seed + (checksum << 31)) % 2**63


def _rebuilt(
    source: CoreModel,
    layers: list[LayerTuple],
    classes: Sequence[str] | None,
    *,
    preprocessing: Preprocessing | None = None,
    seed: int = 0,
    fresh: Collection[str] = (),
) -> CoreModel:
    """Model of some layers of another one, with their parameters and buffers.

    Args:
        source: model that has the layers.
        layers: layers, those that each one reads included.
        classes: class names, or None.
        preprocessing: preprocessing, or None for that of the source.
        seed: seed of the parameters of `fresh`.
        fresh: names of the layers that keep their new parameters.
    """
    how = preprocessing_of(source) if preprocessing is None else preprocessing
    copied = {name for _, _, name, _, _, _ in layers if name not in fresh}
    given = [name for name, *_ in source.parameter_infos if name.rpartition(".")[0] in copied]
    model = built(*with_remaining_inputs(source, layers), classes, how, seed, given)
    model.compute_dtype = source.compute_dtype
    model.metadata = source.metadata
    if model.output_shape == source.output_shape:
        _copy_heads(source, model)
    for infos, read, write in (
        (model.buffer_infos, source.get_buffer, model.set_buffer),
        (model.parameter_infos, source.get_parameter, model.set_parameter),
    ):
        for name, _, _ in infos:
            if name.rpartition(".")[0] not in fresh:
                write(name, read(name))
    return model
