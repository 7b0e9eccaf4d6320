"""Features of images by a trained network, as a transformer of scikit-learn."""

from __future__ import annotations

import math
import os
from typing import Any

from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from cnnx.arguments import FloatArray, shown
from cnnx.model.input_parts import refuse_inputs
from cnnx.model.model import Model, load
from cnnx.sklearn.pixels import DTYPES, as_rows, image_shape_of
from cnnx.sklearn.thread_share import threads
from cnnx.spelling import checked_call

_NAME = "CNNFeatures"


@checked_call
class CNNFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Outputs of one layer of a trained network as features, for pipelines.

    X holds images of the model's input shape, or one flat row per image. Values are taken as by a
    call of the model: uint8 is divided by 255, floats are used unchanged.

    Args:
        model: a `cnnx.Model`, such as the `model_` of a `CNNClassifier`, or the path of its file.
        layer: name of the layer whose outputs are the features; None is the layer before the last
            one with weights.
        n_threads: number of threads. None is that of cnnx, within the limits that threadpoolctl
            and joblib set for OpenMP.

    Attributes:
        model_: the `cnnx.Model` up to the layer.
        layer_: name of the layer.
        n_features_in_: number of values of an image.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(64, size=16, seed=1)
        >>> model = cnnx.models.small((16, 16, 1), ["X", "O"])
        >>> CNNFeatures(model).fit_transform(x).shape
        (64, 64)
    """

    model_: Model
    layer_: str

    def __init__(
        self,
        model: Model | str | os.PathLike[str],
        layer: str | None = None,
        *,
        n_threads: int | None = None,
    ) -> None:
        self.model = model
        self.layer = layer
        self.n_threads = n_threads

    def fit(self, X: Any, y: Any = None) -> CNNFeatures:
        """Load the model and check that it fits the images. Nothing is trained.

        Args:
            X: images.
            y: not used.

        Raises:
            TypeError: if model is neither a model nor a path.
            ValueError: if the images do not have its shape, or it has no such layer.
            OSError: if the file cannot be read.
        """
        if isinstance(self.model, (str, os.PathLike)):
            model = load(self.model)
        elif isinstance(self.model, Model):
            model = self.model
        else:
            raise TypeError(
                f"{_NAME}: model is {shown(self.model)}, expected a cnnx.Model or a path; of a "
                "fitted estimator: model=estimator.model_"
            )
        refuse_inputs(model._core, _NAME)
        rows, shape = as_rows(X, _NAME)
        checked = validate_data(self, rows, dtype=DTYPES)
        image_shape_of(model.input_shape, shape, checked.shape[1], _NAME)
        self.layer_ = _last_features(model) if self.layer is None else self.layer
        self.model_ = model.until(self.layer_)
        self._n_features_out = math.prod(self.model_.output_shape)
        return self

    def transform(self, X: Any) -> FloatArray:
        """Compute the features of the images, (n, features); maps are flattened.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
            ValueError: if the images do not have the model's shape.
        """
        check_is_fitted(self, "model_")
        rows, shape = as_rows(X, _NAME)
        checked = validate_data(self, rows, reset=False, dtype=DTYPES)
        shape = image_shape_of(self.model_.input_shape, shape, checked.shape[1], _NAME)
        with threads(self.n_threads, _NAME):
            outputs: FloatArray = self.model_(checked.reshape(-1, *shape))
            return outputs.reshape(len(checked), -1)


def _last_features(model: Model) -> str:
    """Name of the layer before the last one with weights.

    Raises:
        ValueError: if there is none.
    """
    layers = {name: inputs for _, _, name, inputs, _ in model._core.layers}
    weighted = [each.name for each in model.layers if each.parameter_count]
    before: str = layers[weighted[-1]][0] if weighted else "input"
    if before == "input":
        raise ValueError(f"{_NAME}: the model has no layer before its last one, expected layer=...")
    return before
