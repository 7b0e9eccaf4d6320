"""Model: layers with weights, run on pictures, saved as one safe file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array, is_integer, pictures, shown
from cnnx.layers import Layer
from cnnx.preprocessing import Preprocessing, per_channel

__all__ = ["Model", "Parameters", "load"]


class Parameters(Mapping[str, FloatArray]):
    """A model's trained arrays by name. Reading gives a copy; assigning checks the shape and
    changes the model.

    Example:
        >>> from cnnx import Dense, Flatten, Model
        >>> model = Model([Flatten(), Dense(2)], input_shape=(2, 2, 1))
        >>> model.parameters["dense_1.bias"] = [1.0, 2.0]
        >>> model.parameters["dense_1.bias"]
        array([1., 2.], dtype=float32)
    """

    def __init__(self, core: _core.Model) -> None:
        self._core = core
        self._names = [name for name, _, _ in core.parameter_infos]

    def __getitem__(self, name: str) -> FloatArray:
        return self._core.get_parameter(name)

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        self._core.set_parameter(name, float32_array(value, "parameters", name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}: {shape}" for name, shape, _ in self._core.parameter_infos)
        return f"Parameters({shapes})"


class Model:
    """A convolutional network.

    Pictures given to it have its own size: (batch, height, width, channels) of any real dtype, any
    strides; without the channel axis when there is one channel; one picture without the batch axis
    gives one answer without it. Integers are divided by 255, floats taken as they are, then the
    preprocessing's mean and std apply. Several threads may predict with one model.

    Args:
        layers: the layers in order; each learns its input from the one before.
        input_shape: (height, width, channels) of one picture.
        classes: names of the outputs, in order; None makes predictions indices.
        preprocessing: how pixels become inputs; saved with the model.
        seed: draws the weights (He uniform; biases are zero).

    Raises:
        ValueError: in one sentence that names the layer, if the layers do not fit the pictures or
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
        if not (
            isinstance(input_shape, Sequence)
            and len(input_shape) == 3
            and all(is_integer(size) for size in input_shape)
        ):
            raise TypeError(
                f"Model: input_shape is {shown(input_shape)}, expected (height, width, channels)"
            )
        if not is_integer(seed) or seed < 0:
            raise ValueError(f"Model: seed is {seed!r}, expected an integer from 0 to 2**63 - 1")
        if isinstance(classes, str) or not all(isinstance(name, str) for name in classes or []):
            raise TypeError(f"Model: classes is {shown(classes)}, expected a list of names")
        if not isinstance(preprocessing, Preprocessing):
            raise TypeError(
                f"Model: preprocessing is {shown(preprocessing)}, expected a cnnx.Preprocessing"
            )
        self._core = _core.Model(
            [(layer.kind, layer.attributes, layer.name or "", [], True) for layer in layers],
            [int(size) for size in input_shape],
            list(classes or []),
            preprocessing.resize,
            per_channel(preprocessing.mean, "mean"),
            per_channel(preprocessing.std, "std"),
            int(seed),
        )

    @classmethod
    def _of(cls, core: _core.Model) -> Model:
        model = cls.__new__(cls)
        model._core = core
        return model

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of one picture."""
        height, width, channels = self._core.input_shape
        return height, width, channels

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one picture's output."""
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
    def parameters(self) -> Parameters:
        """The trained arrays by name: `Parameters`."""
        return Parameters(self._core)

    def __call__(self, x: ArrayLike) -> FloatArray:
        """Raw outputs (logits), (batch, outputs)."""
        pixels, integers, single = pictures(x, self.input_shape, "model")
        outputs = self._core.run(pixels, integers)
        return outputs[0] if single else outputs

    def predict_proba(self, x: ArrayLike) -> FloatArray:
        """Probabilities, (batch, outputs): softmax of the outputs, or sigmoid after training with
        BinaryCrossEntropy.

        A model that ends in Softmax or Sigmoid gives its outputs as they are.

        Raises:
            ValueError: if `x` does not fit, or the model has no outputs to choose from.
        """
        pixels, integers, single = pictures(x, self.input_shape, "predict_proba")
        probabilities = self._core.probabilities(pixels, integers)
        return probabilities[0] if single else probabilities

    def predict(self, x: ArrayLike) -> Any:
        """The most probable class of each picture: an array of names, or of integer indices when
        there are none.

        With one sigmoid output, class 1 is its being above 1/2; with several, each a yes or no of
        its own, the answer is an array of booleans (batch, outputs).

        Raises:
            ValueError: if `x` does not fit, or the model has no outputs to choose from.
        """
        pixels, integers, single = pictures(x, self.input_shape, "predict")
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
        """What every layer made of `x`, by name; the last is the model's answer, bit for bit."""
        pixels, integers, single = pictures(x, self.input_shape, "layer_outputs")
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
        """A table of the layers, what they make of one picture, and how many parameters."""
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


def load(path: str | os.PathLike[str]) -> Model:
    """Reads a model that `Model.save` wrote.

    Raises:
        cnnx.FormatError: if the file is damaged, of a newer format, or no cnnx model; it is a
        ValueError.
        OSError: if the file cannot be read.
    """
    return Model._of(_core.Model.load(os.fsencode(path)))
