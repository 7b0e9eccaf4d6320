"""What happens inside a model: outputs of layers, and gradients, as methods of `Model`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike

from cnnx.arguments import FloatArray, float32_array
from cnnx.model.heads import joined_factors
from cnnx.model.input_parts import holds_integers
from cnnx.model.inputs import ModelInputs
from cnnx.model.layer_names import layer_name, layer_names
from cnnx.spelling import checked_call

if TYPE_CHECKING:
    from cnnx.data.dataset import ImageLike


class LayerResults(ModelInputs):
    """Base class of `Model` with the methods that look inside a network."""

    @checked_call
    def layer_outputs(
        self, x: ImageLike, names: Sequence[str] | None = None
    ) -> dict[str, FloatArray]:
        """Compute the outputs of layers by name: all of them, or those in `names`.

        The values equal those of a call of the model bit for bit, except where a batch norm
        follows a convolution. There they may differ by rounding, because a call fuses the two
        layers. Those of a quantized model may differ by steps of its scales.

        Args:
            x: images, as for a call of the model.
            names: names of layers, as in `Model.layers`. Layers after the last of them do not run.

        Raises:
            TypeError: if `names` is no list of text.
            ValueError: if `x` does not fit the model, or no layer has one of the names.

        Example:
            >>> import cnnx
            >>> model = cnnx.models.lenet5()
            >>> x, _ = cnnx.data.xo(2, size=28, seed=1)
            >>> {name: y.shape for name, y in model.layer_outputs(x, ["relu_2"]).items()}
            {'relu_2': (2, 10, 10, 16)}
        """
        chosen = layer_names(self._core, names, "layer_outputs")
        pixels, integers, single = self._images(x, "layer_outputs")
        outputs = self._core.layer_outputs(pixels, integers, chosen)
        return {name: array[0] if single else array for name, array in outputs.items()}

    @checked_call
    def gradients(
        self, x: ImageLike, grad_outputs: ArrayLike | Mapping[str, ArrayLike], *, of: str = "input"
    ) -> FloatArray:
        """Compute the gradient of `sum(grad_outputs * model(x))` with respect to images or a layer.

        It tells how the outputs change with each pixel, or with each value of a layer's output.
        Everything is computed as in prediction: batch norms use their running statistics, and
        dropout drops nothing. The gradient of the images is that of the pixels as given, before
        division by 255 and the preprocessing. The bits do not depend on the number of threads.

        Args:
            x: images, as for a call of the model.
            grad_outputs: the factor of each raw output, in the shape of `model(x)`. A row with a 1
                at one class asks for the gradient of that class's output. Of several outputs a
                dict, without those whose factors are 0.
            of: "input", or the name of a layer, as in `Model.layers`; of several inputs the name of
                one of them.

        Returns:
            The gradient, in the shape of the images, with the channel axis, or of the layer's
            output.

        Raises:
            TypeError: if `of` is not text, the dtype of `grad_outputs` is not real, or it is a dict
                for one output.
            ValueError: if `x` or `grad_outputs` does not fit the model, or no layer is named `of`.

        Example:
            >>> import cnnx
            >>> model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(2)], input_shape=(2, 2, 1))
            >>> model.parameters["dense_1.weight"] = [[1, 0], [2, 0], [3, 0], [4, 1]]
            >>> gradient = model.gradients([[0.0, 0.0], [0.0, 0.0]], [1.0, 0.0])
            >>> gradient[:, :, 0]
            array([[1., 2.],
                   [3., 4.]], dtype=float32)
        """
        known = layer_names(self._core, None, "gradients")
        of = layer_name(of, known if self._inputs else ["input", *known], "gradients", "of")
        pixels, integers, single = self._images(x, "gradients")
        if isinstance(grad_outputs, Mapping):
            factors = joined_factors(self._core, grad_outputs, None if single else len(pixels))
        else:
            factors = float32_array(grad_outputs, "gradients", "grad_outputs")
        outputs = tuple(self._core.output_shape)
        expected = outputs if single else (len(pixels), *outputs)
        if factors.shape != expected:
            raise ValueError(
                f"gradients: grad_outputs has shape {factors.shape}, expected that of the outputs, "
                f"{expected}"
            )
        gradient = self._core.gradients(pixels, integers, factors, of)
        if of in self.inputs and holds_integers(cast("dict[str, Any]", x)[of]):
            gradient /= np.float32(255)
        return gradient[0] if single else gradient
