"""Model: a network with its parameters, for inference, saving and loading."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from cnnx import _core
from cnnx.advice import warn
from cnnx.arguments import above_zero, path_of, shown
from cnnx.files.extensions import other_format
from cnnx.files.file_kind import FileKind, refuse_other_kind
from cnnx.layers import Layer
from cnnx.layers.base import Symbol
from cnnx.layers.graph import Input, input_shape_of, warn_of_repeated
from cnnx.model.build import built
from cnnx.model.build_graph import built_from_graph
from cnnx.model.compute_dtype import set_compute_dtype
from cnnx.model.custom_layers import refuse_custom_layers
from cnnx.model.display import ModelDisplay
from cnnx.model.foreign_files import with_call
from cnnx.model.heads import one_or_all, predictions_of_heads
from cnnx.model.layer_results import LayerResults
from cnnx.model.layer_reuse import (
    copy_arrays,
    layer_tuples,
    preprocessing_for,
    reused_parameters,
)
from cnnx.model.layer_view import ModelLayer
from cnnx.model.memory import ModelMemory
from cnnx.model.metadata import ModelMetadata
from cnnx.model.outputs import ModelOutputs
from cnnx.model.parameters import Parameters
from cnnx.model.predictions import checked_outputs, outputs_are_values, predictions_of
from cnnx.model.tiled_predictions import TiledPredictions
from cnnx.preprocessing import Preprocessing, preprocessing_of
from cnnx.spelling import checked_call

if TYPE_CHECKING:
    from cnnx.data.dataset import ImageLike

__all__ = ["Model", "Parameters", "load"]


@checked_call
class Model(ModelOutputs, LayerResults, ModelDisplay, ModelMemory, ModelMetadata, TiledPredictions):
    """Convolutional network.

    Input images have shape (batch, height, width, channels), any real dtype and any strides. The
    channel axis may be omitted when there is one channel. A single image without the batch axis
    gives a single output without it. Integers, from 0 to 255, are divided by 255; floats are used
    unchanged, and values above 2 are refused or draw a `cnnx.Warning` unless mean or std exceed 1,
    the first layer is a norm, or the model is an imported ONNX file without mean and std, whose
    range is not known. Then the preprocessing's mean and std apply.

    Images may also be the path of an image file or an image of Pillow, which are resized as the
    preprocessing says, with the bits of `cnnx predict`; a list of either; a PyTorch tensor with the
    channels last; or any object with `__array__` or `__dlpack__`. A model with several `inputs`
    takes a dict of arrays by their names.

    Several threads may use one model. A model supports pickle and the module copy.

    Args:
        layers: layers in order; each infers its input shape from the layer before. Layers of a
            built model (`Model.layers`) bring their names, weights and `trainable`.
        input_shape: (height, width, channels) of one image.
        classes: names of the outputs, in order; None makes predictions indices.
        preprocessing: conversion of pixels to inputs; saved with the model. None is
            `Preprocessing()`, or with the first layer of a built model that model's.
        seed: seed of the initial weights (He uniform; biases are zero).

    Raises:
        ValueError: if a layer does not fit the images or the layer before; the message names the
            layer.

    Example:
        >>> from cnnx import Conv2d, Dense, Flatten, MaxPool2d, Model, ReLU
        >>> model = Model(
        ...     [Conv2d(8, 3), ReLU(), MaxPool2d(2), Flatten(), Dense(2)],
        ...     input_shape=(32, 32, 1),
        ...     classes=["X", "O"],
        ... )
        >>> model([[0.0] * 32] * 32)
        array([0., 0.], dtype=float32)

        The same network with a new last layer for three classes and the other weights:

        >>> layers = [*model.layers[:-1], Dense(3)]
        >>> Model(layers, input_shape=model.input_shape, classes=["X", "O", "+"])
        Model(5 layers, 5,483 parameters, (32, 32, 1) to (3,))
    """

    def __init__(
        self,
        layers: Sequence[Layer | ModelLayer],
        *,
        input_shape: tuple[int, int, int],
        classes: Sequence[str] | None = None,
        preprocessing: Preprocessing | None = None,
        seed: int = 0,
    ) -> None:
        if isinstance(layers, Layer) or not isinstance(layers, Sequence):
            raise TypeError(f"Model: layers is {shown(layers)}, expected a list of layers")
        for layer in layers:
            if not isinstance(layer, (Layer, ModelLayer)):
                raise TypeError(
                    f"Model: layers holds {shown(layer)}, expected layers such as Conv2d(32, 3)"
                )
        shape = input_shape_of(input_shape, "Model", "input_shape")
        if preprocessing is None:
            preprocessing = preprocessing_for(layers)
        given = reused_parameters(layers)
        self._core = built(layer_tuples(layers), shape, classes, preprocessing, seed, given)
        copy_arrays(layers, self._core)
        warn_of_repeated(layers)

    @classmethod
    @checked_call
    def from_graph(
        cls,
        inputs: Input | Sequence[Input] | Mapping[str, Input],
        outputs: Symbol | Sequence[Symbol] | Mapping[str, Symbol],
        *,
        classes: Sequence[str] | None = None,
        preprocessing: Preprocessing = Preprocessing(),
        seed: int = 0,
    ) -> Model:
        """Build a model from a graph of layers.

        Args:
            inputs: the `Input`, alone or in a list, or several by name. A model with several inputs
                takes dicts of arrays wherever another takes images.
            outputs: the output of one layer, alone or in a list, or several by name. Only the
                layers that they depend on are part of the model. A model with several outputs
                gives and takes dicts: predictions, and the losses and targets of a `Trainer`.
            classes: as for `Model`.
            preprocessing: as for `Model`; none with several inputs.
            seed: as for `Model`.

        Raises:
            TypeError: if inputs is not one `Input`, or outputs is not the output of one layer.
            ValueError: as `Model`, if outputs does not depend on each input, or if an input has two
                names, or one that no layer may have.

        Example:
            >>> from cnnx import AvgPool2d, Conv2d, Input, Model, Multiply, Sigmoid
            >>> image = Input((16, 16, 3))
            >>> maps = Conv2d(8, 3, padding="same")(image)
            >>> gates = Sigmoid()(Conv2d(8, 1)(AvgPool2d(16)(maps)))
            >>> model = Model.from_graph(image, Multiply()(maps, gates))
            >>> model.output_shape
            (16, 16, 8)

            Two images of one scene, such as a photograph and a coarser depth map:

            >>> import numpy as np
            >>> from cnnx import Concat, Upsample2d
            >>> colours, depth = Input((16, 16, 3)), Input((8, 8, 1))
            >>> far = Upsample2d(2)(Conv2d(8, 3, padding="same")(depth))
            >>> both = Concat()(Conv2d(8, 3, padding="same")(colours), far)
            >>> model = Model.from_graph({"colours": colours, "depth": depth}, Conv2d(2, 1)(both))
            >>> x = {"colours": np.zeros((5, 16, 16, 3)), "depth": np.zeros((5, 8, 8, 1))}
            >>> model.predict(x).shape
            (5, 16, 16)
        """
        return cls._of(built_from_graph(inputs, outputs, classes, preprocessing, seed))

    @classmethod
    def _of_bytes(cls, content: bytes) -> Model:
        return cls._of(_core.Model.from_bytes(content))

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickle with the bytes that `save` writes."""
        refuse_custom_layers(self._core, "pickle:")
        return type(self)._of_bytes, (self._core.to_bytes(),)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one image's output, (outputs,) or (height, width, channels).

        An output (batch, rows, features) of an ONNX file has the shape (rows, features).
        """
        return self._shapes_in_file.get("", tuple(self._core.output_shape))

    @property
    def classes(self) -> list[str] | None:
        """Name of the outputs, or None."""
        return self._core.classes or None

    @property
    def preprocessing(self) -> Preprocessing:
        """Conversion of pixels to inputs."""
        return preprocessing_of(self._core)

    @property
    def temperature(self) -> float:
        """Number that divides the outputs before softmax or sigmoid, 1 without calibration.

        A number above 1 makes predictions less confident; the most probable class stays the same.
        `evaluation.calibrate` fits it to held-out images. It can be assigned, and is saved with the
        model. Training resets it to 1.

        Reference:
            Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, 2017.
        """
        return self._core.temperature

    @temperature.setter
    def temperature(self, value: float) -> None:
        self._core.temperature = above_zero(value, "model", "temperature")

    @property
    def compute_dtype(self) -> str:
        """Data type that predictions and train steps compute in, `"float32"` or `"bfloat16"`.

        With `"bfloat16"` activations and their gradients are held in 16 bits, so they take half of
        the memory, and products take weights rounded to 16 bits. Parameters, sums, batch norms, the
        loss and updates stay float32. CPUs with AMX compute such products several times faster. On
        those with AVX-512 BF16 alone large networks on images of 224x224 may gain, and small ones
        on small images are slower. On all others the same bits take longer, of which a
        `cnnx.Warning` tells, as `has_native_bfloat16` does. It can be assigned, and is saved with
        the model. `layer_outputs` and `explain` compute in float32.

        Raises:
            ValueError: for another word, and for `"bfloat16"` if the model is quantized.

        Example:
            >>> import cnnx
            >>> model = cnnx.models.lenet5()
            >>> model.compute_dtype = "bfloat16"
            >>> model.compute_dtype
            'bfloat16'
        """
        return self._core.compute_dtype

    @compute_dtype.setter
    def compute_dtype(self, value: str) -> None:
        set_compute_dtype(self._core, value, "model")

    @property
    def layers(self) -> tuple[ModelLayer, ...]:
        """Layers in order, as `ModelLayer` whose `trainable` can be assigned."""
        return tuple(
            ModelLayer(self._core, name, kind, tuple(shape), count)
            for name, kind, shape, count in self._core.layer_infos
        )

    @property
    def buffers(self) -> Parameters:
        """Running statistics of batch norms by name."""
        core = self._core
        return Parameters(core.buffer_infos, core.get_buffer, core.set_buffer, "buffers")

    @property
    def parameters(self) -> Parameters:
        """Trainable arrays by name."""
        core, kind = self._core, "parameters"
        return Parameters(core.parameter_infos, core.get_parameter, core.set_parameter, kind)

    def __call__(self, x: ImageLike) -> Any:
        """Compute the raw outputs (logits), (batch, outputs), or a dict of them by name."""
        return self._shaped(*self._outputs(self._core.run, x, "model"))

    @checked_call
    def predict_proba(self, x: ImageLike) -> Any:
        """Compute probabilities, (batch, outputs) or (batch, height, width, classes).

        They are the softmax of the outputs, or the sigmoid after training with
        BinaryCrossEntropy. The outputs of a model that ends in Softmax or Sigmoid are returned
        unchanged. Of several outputs, a dict of those by name; values remain values.

        Raises:
            ValueError: if `x` does not fit the model, or the model is not a classifier.
        """
        if outputs_are_values(self._core) and not self._has_heads:
            raise ValueError(
                "predict_proba: the model was trained with a regression loss, so it has no "
                "probabilities, expected a classifier; its values are model.predict(x)"
            )
        return self._shaped(*self._outputs(self._core.probabilities, x, "predict_proba"))

    @checked_call
    def predict(self, x: ImageLike) -> Any:
        """Predict the class of each image, or its values after training with a regression loss.

        Returns:
            The most probable classes, (batch,), or (batch, height, width) for a class per position:
            names, or integer indices for a model without class names. One sigmoid output, of an
            image or of each position, gives class 1 above 1/2 and class 0 otherwise. Several
            independent sigmoid outputs give booleans, (batch, outputs). A model without class names
            that was trained with `MSE`, `L1` or `Huber` gives its outputs, float32, in their shape,
            or (batch,) for one output. A model with several outputs gives a dict of these by name.

        Raises:
            ValueError: if `x` does not fit the model or is not finite, or if a model that was not
                trained with a regression loss is not a classifier.
            FloatingPointError: if the outputs for finite images are NaN.

        Example:
            >>> import cnnx
            >>> x, _ = cnnx.data.xo(64, seed=1)
            >>> layers = [cnnx.AvgPool2d(8), cnnx.Flatten(), cnnx.Dense(1)]
            >>> model = cnnx.Model(layers, input_shape=(32, 32, 1))
            >>> brightness = x.mean(axis=(1, 2, 3)) / 255
            >>> history = cnnx.Trainer(model, loss=cnnx.MSE()).fit(x, brightness, epochs=1)
            >>> model.predict(x).shape
            (64,)
        """
        compute = functools.partial(checked_outputs, self._core, "predict")
        outputs, single = self._outputs(compute, x, "predict")
        if self._has_heads:
            return predictions_of_heads(self._core, self._shaped(outputs, False), single)
        return one_or_all(predictions_of(self._core, self._shaped(outputs, False)), single)

    @checked_call
    def save(self, path: str | os.PathLike[str]) -> None:
        """Save weights, graph, preprocessing, class names and metadata to one safetensors file.

        The file is replaced as a whole. An interrupted save leaves the old file in place, a killed
        one also a temporary file, which the next save removes. The target of a link is replaced.

        Raises:
            ValueError: if the model has a `layers.Custom`.
            OSError: if the file cannot be written, or is an existing one of another kind, such as
                a checkpoint.
        """
        file = path_of(path, "save")
        refuse_other_kind(file, FileKind.MODEL, "save: path")
        if (other := other_format(file)) is not None:
            name = str(PurePath(file).with_suffix(".cnnx"))
            written = f"; ONNX is written by cnnx.onnx.save(model, {file!r})"
            warn(
                f"save: path is {file!r}, the name of a file of {other}, but the file has cnnx's "
                f"own format, expected a name such as {name!r}{written if other == 'ONNX' else ''}"
            )
        replace(self, file)


def replace(model: Model, file: str) -> None:
    """Do what `Model.save` does, whatever the file held before."""
    refuse_custom_layers(model._core, "save:")
    model._core.save(os.fsencode(file))


@checked_call
def load(path: str | os.PathLike[str]) -> Model:
    """Load a model that `Model.save` wrote.

    Raises:
        cnnx.FormatError: a ValueError, if the file is damaged, of a newer format or not a cnnx
            model; for a file of another library the message has the call that reads it.
        OSError: if the file cannot be read.
    """
    text = path_of(path, "load")
    try:
        return Model._of(_core.Model.load(os.fsencode(text)))
    except _core.FormatError as error:
        raise _core.FormatError(with_call(str(error), text)) from None
