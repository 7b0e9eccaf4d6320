"""Regression on images with the interface of scikit-learn.

Many parameters because scikit-learn's are the arguments of a constructor. Repeated because it reads
them from the constructor of each class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from cnnx.advice import warn
from cnnx.callbacks import Callback
from cnnx.data.augmentation import Augmentation
from cnnx.model.model import Model
from cnnx.model.predictions import outputs_are_values
from cnnx.sklearn.estimator import CNNEstimator
from cnnx.sklearn.networks import Network
from cnnx.sklearn.pixels import Pixels, channel_statistics
from cnnx.sklearn.settings import RegressionLoss, regression_loss_of
from cnnx.spelling import checked_call
from cnnx.training.optimizers import Optimizer
from cnnx.training.schedules import Schedule

# Of the range of y: a mean above it leaves predictions in float32 less than a thousandth of that.
_MOST_RANGES = 1e4


@checked_call
class CNNRegressor(RegressorMixin, CNNEstimator):
    """Convolutional network as a regressor of scikit-learn.

    Images and parameters are those of `CNNClassifier`. y is (n,) or (n, outputs). If the network
    ends in a `Dense` layer with a bias, it is trained on standardised targets, in whose unit
    `history_` and `loss` are, and the weights of this layer are rescaled afterwards. So `model_`
    and its file predict in the unit of y.

    Args:
        network: as for `CNNClassifier`; a Model must have as many outputs as y has columns.
        image_shape: (height, width) or (height, width, channels) of flat rows.
        epochs: passes over the images. None is at least 20, and as many as 1000 updates take.
        batch_size: images per update.
        optimizer: "adamw", ``AdamW(0.003, weight_decay=0.05)``; "sgd", ``SGD(0.01, momentum=0.9)``;
            "adam", "rmsprop" or "muon" with the defaults of cnnx; or an optimizer.
        learning_rate: learning rate; None keeps the optimizer's.
        weight_decay: weight decay; None keeps the optimizer's.
        schedule: "cosine", "one_cycle", "triangular", a schedule, or None for a constant rate.
        loss: "mse", "l1", "huber", or a loss such as ``cnnx.Huber(0.5)``.
        augmentation: random augmentation of the training images.
        standardize: whether to standardise values of X that are not uint8, and the targets.
        compute_dtype: as for `CNNClassifier`.
        validation_fraction: fraction of the images to hold out, whose loss `history_` has. None
            holds out none, or 0.1 for early stopping.
        early_stopping: whether to stop when the loss of the held-out images has not improved for
            `patience` epochs, and to restore the weights of the best epoch.
        patience: number of epochs for early_stopping.
        warm_start: whether `fit` continues with the network of the last `fit`.
        random_state: seed of the weights and of the order of the images: an integer, a
            ``numpy.random.RandomState``, or None for another seed in every fit.
        n_threads: number of threads. None is that of cnnx, within the limits that threadpoolctl
            and joblib set for OpenMP.
        callbacks: callbacks of `Trainer.fit`.
        verbose: whether to show the progress of `fit`, 0 or 1.

    Attributes:
        model_: the trained `cnnx.Model`.
        history_: `cnnx.History` of all epochs.
        image_shape_: (height, width, channels).
        n_features_in_: number of values of an image.
        feature_names_in_: names of the columns, if X is a data frame.
        n_iter_: number of epochs.

    Example:
        >>> import cnnx
        >>> x, _ = cnnx.data.xo(256, size=16, seed=1)
        >>> brightness = x.mean(axis=(1, 2, 3))
        >>> regressor = CNNRegressor(epochs=4, random_state=0).fit(x, brightness)
        >>> regressor.predict(x[:5]).shape
        (5,)
    """

    _loss_parameter = "loss"

    def __init__(
        self,
        network: Network = "auto",
        *,
        image_shape: Sequence[int] | None = None,
        epochs: int | None = None,
        batch_size: int = 64,
        optimizer: str | Optimizer = "adamw",
        learning_rate: float | None = None,
        weight_decay: float | None = None,
        schedule: str | Schedule | None = "one_cycle",
        loss: str | RegressionLoss = "mse",
        augmentation: Augmentation | None = None,
        standardize: bool = True,
        compute_dtype: str | None = None,
        validation_fraction: float | None = None,
        early_stopping: bool = False,
        patience: int = 5,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        n_threads: int | None = None,
        callbacks: Sequence[Callback] | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            network,
            image_shape=image_shape,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            schedule=schedule,
            augmentation=augmentation,
            standardize=standardize,
            compute_dtype=compute_dtype,
            validation_fraction=validation_fraction,
            early_stopping=early_stopping,
            patience=patience,
            warm_start=warm_start,
            random_state=random_state,
            n_threads=n_threads,
            callbacks=callbacks,
            verbose=verbose,
        )
        self.loss = loss

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> CNNRegressor:
        """Train the network.

        Args:
            X: images, in one of the forms of `CNNClassifier`.
            y: targets, (n,) or (n, outputs).
            sample_weight: weight of each image in the loss, (n,), 0 or more.

        Raises:
            TypeError: if X is sparse, or a parameter is of another type.
            ValueError: if X, y, the weights or a parameter do not fit.
            FloatingPointError: if the training diverges.
        """
        return self._fit(X, y, sample_weight, partial=False)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> CNNRegressor:
        """Train for one epoch on these images, and keep the state of the optimizer.

        The first call standardises by its own images and targets. The learning rate is constant;
        ``set_params(learning_rate=...)`` changes it for later calls, and None brings back the
        optimizer's. After pickle or a copy the optimizer starts anew.

        Args:
            X: images, in one of the forms of `CNNClassifier`.
            y: targets, (n,) or (n, outputs).
            sample_weight: weight of each image in the loss, (n,), 0 or more.

        Raises:
            TypeError: as `fit`.
            ValueError: as `fit`, if network, image_shape, standardize, optimizer, weight_decay or
                loss was changed between calls, or with early_stopping, which needs several epochs.
        """
        self._refuse_early_stopping()
        return self._fit(X, y, sample_weight, partial=True)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict the targets of each image, in the shape of y."""
        values = self._computed(X, lambda model, x: model(x)).astype(np.float64)
        return values[:, 0] if self._is_flat else values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, partial: bool) -> CNNRegressor:
        with self._unchanged_on_error():
            is_new = self._is_new(partial)
            x, y = self._checked(X, y, is_new, multi_output=True, y_numeric=True)
            if is_new:
                self._is_flat = y.ndim == 1
            targets = y.reshape(len(y), -1).astype(np.float64)
            weights = None if sample_weight is None else self._weights(sample_weight, len(y))
            return self._train(x, targets, weights, is_new=is_new, partial=partial)

    def _loss(self) -> RegressionLoss:
        return regression_loss_of(self.loss, self._name)

    def _outputs(self, targets: NDArray[Any]) -> int:
        count: int = targets.shape[1]
        return count

    # The trained network predicts standardised targets, `model_` those of y.

    def _new_model(self, x: Pixels, targets: NDArray[Any], seed: int) -> Model:
        model = super()._new_model(x, targets, seed)
        self._layer = _last_dense(model) if self.standardize else None
        self._mean, self._std = np.zeros(targets.shape[1]), np.ones(targets.shape[1])
        if self._layer is not None:
            mean, std = channel_statistics(targets[:, np.newaxis, np.newaxis])
            self._mean, self._std = np.array(mean), np.array(std)
            ranges = np.ptp(targets, axis=0)
            lost = (ranges > 0) & (np.abs(self._mean) > _MOST_RANGES * ranges)
            if lost.any():
                column = int(np.argmax(lost))
                warn(
                    f"{self._name}: y varies by {ranges[column]:.4g} around {mean[column]:.4g}, of "
                    "which predictions in float32 hold few digits, expected y - y.mean()"
                )
            if outputs_are_values(model._core):  # a model that was trained in the unit of y
                self._rescale(model, 1 / self._std, -self._mean / self._std)
        return model

    def _scaled(self, targets: NDArray[Any]) -> NDArray[Any]:
        return (targets - self._mean) / self._std

    def _published(self, model: Model) -> Model:
        copy = model.clone()
        self._rescale(copy, self._std, self._mean)
        return copy

    def _resumed(self) -> Model:
        model = super()._resumed()
        self._rescale(model, 1 / self._std, -self._mean / self._std)
        return model

    def _rescale(
        self, model: Model, factor: NDArray[np.float64], offset: NDArray[np.float64]
    ) -> None:
        """Change the last layer so that outputs become ``factor * output + offset``."""
        if self._layer is not None:
            weight, bias = f"{self._layer}.weight", f"{self._layer}.bias"
            model.parameters[weight] = model.parameters[weight] * factor
            model.parameters[bias] = model.parameters[bias] * factor + offset


def _last_dense(model: Model) -> str | None:
    """Name of the last layer, if it is a dense one with a bias."""
    last = model.layers[-1]
    has_bias = last.kind == "dense" and f"{last.name}.bias" in model.parameters
    return last.name if has_bias else None
