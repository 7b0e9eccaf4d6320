"""Model: layers with weights, run on images, saved as one safe file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx import _core
from cnnx.arguments import FloatArray, images, is_integer, is_utf8, shown
from cnnx.layers import Layer
from cnnx.layers.base import Symbol
from cnnx.layers.graph import Input, LayerTuple, in_graph, in_order, input_shape_of
from cnnx.model.layer_view import ModelLayer
from cnnx.model.parameters import Parameters
from cnnx.model.preprocessing import Preprocessing, per_channel

__all__ = ["Model", "Parameters", "load"]


class Model:
    """A convolutional network.

    Images given to it have its own size: (batch, height, width, channels) of any real dtype, any
    strides; without the channel axis when there is one channel; one image without the batch axis
    gives one answer without it. Integers are divided by 255, floats taken as they are, then the
    preprocessing's mean and std apply. Several threads may predict with one model. It can be
    pickled, and copied by `clone` or the module copy.

    Args:
        layers: the layers in order; each learns its input from the one before.
        input_shape: (height, width, channels) of one image.
        classes: names of the outputs, in order; None makes predictions indices.
        preprocessing: how pixels become inputs; saved with the model.
        seed: draws the weights (He uniform; biases are zero).

    Raises:
        ValueError: in one sentence that names the layer, if the layers do not fit the images or
            each other.

    Example:
        >>> from cnnx import Conv2d, Dense, Flatten, MaxPool2d, Model, ReLU
        >>> model = Model(
        ...     [Conv2d(8, 3), ReLU(), MaxPool2d(2), Flatten(), Dense(2)],
        ...     input_shape=(32, 32, 1),
        ...     classes=["X", "O"],
        ... )
        >>> model([[0.0] * 32] * 32)
        array([0., 0.], dtype=float32)
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        input_shape: tuple[int, int, int],
        classes: Sequence[str] | None = None,
        preprocessing: Preprocessing = Preprocessing(),
        seed: int = 0,
    ) -> None:
        if isinstance(layers, Layer) or not isinstance(layers, Sequence):
            raise TypeError(f"Model: layers is {shown(layers)}, expected a list of layers")
        for layer in layers:
            if not isinstance(layer, Layer):
                raise TypeError(
                    f"Model: layers holds {shown(layer)}, expected layers such as Conv2d(32, 3)"
                )
        shape = input_shape_of(input_shape, "Model", "input_shape")
        self._core = _built(in_order(layers), shape, classes, preprocessing, seed)

    @classmethod
    def from_graph(
        cls,
        inputs: Input | Sequence[Input],
        outputs: Symbol | Sequence[Symbol],
        *,
        classes: Sequence[str] | None = None,
        preprocessing: Preprocessing = Preprocessing(),
        seed: int = 0,
    ) -> Model:
        """A model whose layers read any layers before them.

        Args:
            inputs: the image, one `Input`, alone or in a list.
            outputs: what a layer made of it, one, alone or in a list. Only layers that it needs
                are part of the model.
            classes: as for `Model`.
            preprocessing: as for `Model`.
            seed: as for `Model`.

        Raises:
            TypeError: if inputs is not one `Input` or outputs not what one layer made.
            ValueError: as `Model`, or if outputs does not come from inputs.

        Example:
            >>> from cnnx import AvgPool2d, Conv2d, Input, Model, Multiply, Sigmoid
            >>> image = Input((16, 16, 3))
            >>> maps = Conv2d(8, 3, padding="same")(image)
            >>> gates = Sigmoid()(Conv2d(8, 1)(AvgPool2d(16)(maps)))
            >>> model = Model.from_graph(image, Multiply()(maps, gates))
            >>> model.output_shape
            (16, 16, 8)
        """
        image, output = _only(inputs), _only(outputs)
        if not isinstance(image, Input):
            raise TypeError(f"Model.from_graph: inputs is {shown(inputs)}, expected one cnnx.Input")
        if not isinstance(output, Symbol):
            raise TypeError(
                f"Model.from_graph: outputs is {shown(outputs)}, expected what one layer made"
            )
        layers = in_graph(image, output)
        return cls._of(_built(layers, image.shape, classes, preprocessing, seed))

    @classmethod
    def _of(cls, core: _core.Model) -> Model:
        model = cls.__new__(cls)
        model._core = core
        return model

    @classmethod
    def _of_bytes(cls, content: bytes) -> Model:
        return cls._of(_core.Model.from_bytes(content))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled, or copied by the module copy, it is what `save` writes."""
        return type(self)._of_bytes, (self._core.to_bytes(),)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of one image."""
        height, width, channels = self._core.input_shape
        return height, width, channels

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one image's output."""
        return tuple(self._core.output_shape)

    @property
    def classes(self) -> list[str] | None:
        """Names of the outputs, or None."""
        return self._core.classes or None

    @property
    def preprocessing(self) -> Preprocessing:
        """How pixels become inputs."""
        resize, mean, std = self._core.preprocessing
        return Preprocessing(
            resize,
            mean[0] if len(mean) == 1 else tuple(mean),
            std[0] if len(std) == 1 else tuple(std),
        )

    @property
    def layers(self) -> list[ModelLayer]:
        """The layers in order: `ModelLayer`, whose `trainable` may be set."""
        return [
            ModelLayer(self._core, name, kind, tuple(shape), count)
            for name, kind, shape, count in self._core.layer_infos
        ]

    @property
    def buffers(self) -> Parameters:
        """What training keeps up to date beside the parameters, by name: the running statistics of
        batch norms.
        """
        core = self._core
        return Parameters(core.buffer_infos, core.get_buffer, core.set_buffer, "buffers")

    @property
    def parameters(self) -> Parameters:
        """The trained arrays by name: `Parameters`."""
        core, kind = self._core, "parameters"
        return Parameters(core.parameter_infos, core.get_parameter, core.set_parameter, kind)

    def __call__(self, x: ArrayLike) -> FloatArray:
        """Raw outputs (logits), (batch, outputs)."""
        pixels, integers, single = images(x, self.input_shape, "model")
        outputs = self._core.run(pixels, integers)
        return outputs[0] if single else outputs

    def predict_proba(self, x: ArrayLike) -> FloatArray:
        """Probabilities, (batch, outputs): softmax of the outputs, or sigmoid after training with
        BinaryCrossEntropy.

        A model that ends in Softmax or Sigmoid gives its outputs as they are.

        Raises:
            ValueError: if `x` does not fit, or the model has no outputs to choose from.
        """
        pixels, integers, single = images(x, self.input_shape, "predict_proba")
        probabilities = self._core.probabilities(pixels, integers)
        return probabilities[0] if single else probabilities

    def predict(self, x: ArrayLike) -> Any:
        """The most probable class of each image: an array of names, or of integer indices when
        there are none.

        With one sigmoid output, class 1 is its being above 1/2; with several, each a yes or no of
        its own, the answer is an array of booleans (batch, outputs).

        Raises:
            ValueError: if `x` does not fit, or the model has no outputs to choose from.
        """
        pixels, integers, single = images(x, self.input_shape, "predict")
        probabilities = self._core.probabilities(pixels, integers)
        answers: NDArray[Any]
        if probabilities.ndim == 2 and probabilities.shape[1] == 1:
            answers = (probabilities[:, 0] > 0.5).astype(np.int64)
        elif self._outputs_are_independent():
            answers = probabilities > 0.5
        else:
            answers = probabilities.argmax(axis=-1)
        if self.classes and answers.dtype != np.bool_:
            answers = np.array(self.classes)[answers]
        return answers[0] if single else answers

    def _outputs_are_independent(self) -> bool:
        kind = self._core.probability_kind
        return kind == "sigmoid" or (kind == "outputs" and self._core.layers[-1][0] == "sigmoid")

    def layer_outputs(self, x: ArrayLike) -> dict[str, FloatArray]:
        """What every layer made of `x`, by name; the last is the model's answer.

        It is bit for bit what calling the model gives, unless a batch norm follows a convolution:
        then it may differ by a rounding, for there the call makes one layer of the two.
        """
        pixels, integers, single = images(x, self.input_shape, "layer_outputs")
        outputs = self._core.layer_outputs(pixels, integers)
        return {name: array[0] if single else array for name, array in outputs.items()}

    def clone(self) -> Model:
        """A model of its own with the same weights."""
        return Model._of(self._core.clone())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model to one safetensors file: weights, graph, preprocessing and class names.

        The file is replaced as a whole: an interrupted save leaves the old one.

        Raises:
            OSError: if the file cannot be written.
        """
        self._core.save(os.fsencode(path))

    def summary(self) -> str:
        """A table of the layers, what they make of one image, and how many parameters."""
        rows = [("input", "", str(self.input_shape), "")]
        total = 0
        for name, kind, shape, count in self._core.layer_infos:
            rows.append((name, kind, str(tuple(shape)), f"{count:,}" if count else ""))
            total += count
        header = ("layer", "kind", "output", "parameters")
        widths = [max(len(row[i]) for row in [header, *rows]) for i in range(4)]
        lines = [
            "  ".join(
                [*(row[i].ljust(widths[i]) for i in range(3)), row[3].rjust(widths[3])]
            ).rstrip()
            for row in [header, *rows]
        ]
        return "\n".join([*lines, f"{total:,} parameters, {total * 4:,} bytes"])

    def __repr__(self) -> str:
        count = sum(info[3] for info in self._core.layer_infos)
        return (
            f"Model({len(self._core.layers)} layers, {count:,} parameters, "
            f"{self.input_shape} to {self.output_shape})"
        )


def _only(one: object) -> object:
    """The element of a list of one; anything else as it is."""
    return one[0] if isinstance(one, (list, tuple)) and len(one) == 1 else one


def _built(
    layers: list[LayerTuple],
    input_shape: tuple[int, int, int],
    classes: Sequence[str] | None,
    preprocessing: Preprocessing,
    seed: int,
) -> _core.Model:
    if not is_integer(seed) or seed < 0:
        raise ValueError(f"Model: seed is {seed!r}, expected an integer from 0 to 2**63 - 1")
    names = [] if classes is None else classes
    is_list = isinstance(names, (Sequence, np.ndarray)) and not isinstance(names, str)
    if not is_list or not all(isinstance(name, str) for name in names):
        raise TypeError(f"Model: classes is {shown(classes)}, expected a list of names")
    for name in names:
        if not is_utf8(name):
            raise ValueError(f"Model: classes holds {name!r}, expected names that UTF-8 can write")
    if not isinstance(preprocessing, Preprocessing):
        raise TypeError(
            f"Model: preprocessing is {shown(preprocessing)}, expected a cnnx.Preprocessing"
        )
    return _core.Model(
        layers,
        list(input_shape),
        list(names),
        preprocessing.resize,
        per_channel(preprocessing.mean, "mean"),
        per_channel(preprocessing.std, "std"),
        int(seed),
    )


def load(path: str | os.PathLike[str]) -> Model:
    """Reads a model that `Model.save` wrote.

    Raises:
        cnnx.FormatError: if the file is damaged, of a newer format, or no cnnx model; it is a
        ValueError.
        OSError: if the file cannot be read.
    """
    return Model._of(_core.Model.load(os.fsencode(path)))
