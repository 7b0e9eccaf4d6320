"""Classifier of images with the interface of scikit-learn.

Many parameters because scikit-learn's are the arguments of a constructor. Repeated because it reads
them from the constructor of each class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from cnnx.arguments import FloatArray, shown
from cnnx.callbacks import Callback
from cnnx.data.augmentation import Augmentation
from cnnx.sklearn.estimator import CNNEstimator
from cnnx.sklearn.networks import Network
from cnnx.spelling import checked_call
from cnnx.training.losses import CrossEntropy
from cnnx.training.optimizers import Optimizer
from cnnx.training.schedules import Schedule


@checked_call
class CNNClassifier(ClassifierMixin, CNNEstimator):
    """Convolutional network as a classifier of scikit-learn.

    X holds images, (n, height, width, channels) or (n, height, width), or one flat row per image.
    Flat rows are reshaped to `image_shape`. Without it, rows whose length is the square of 8 or
    more are square images of one channel, and all other rows are tables: images of one pixel with
    a channel per feature, for a network of dense layers; ``image_shape=(1, 1, 64)`` makes 64
    features a table.

    uint8 values are divided by 255. Values of other types are standardised per channel, with the
    mean and the standard deviation of the training set. Later images are read in the unit of the
    training set, whatever their type.

    With the same integer as random_state a fit gives the same bits on any number of threads and
    on any CPU with AVX2 or NEON. Images of weight 0 are left out. Weights are not equivalent to
    repeated images, because these would be shuffled into other batches.

    Args:
        network: "auto", a small network for images of any size; a name in `cnnx.models`, such as
            "resnet20"; a function (input_shape, classes) -> Model, which gets ``seed=`` if it has
            this parameter; or a Model. A Model is copied and trained further, with its own
            preprocessing, and with a new last layer unless it has the same classes.
        image_shape: (height, width) or (height, width, channels) of flat rows.
        epochs: passes over the images. None is at least 20, and as many as 1000 updates take.
        batch_size: images per update.
        optimizer: "adamw", ``AdamW(0.003, weight_decay=0.05)``; "sgd", ``SGD(0.01, momentum=0.9)``;
            "adam", "rmsprop" or "muon" with the defaults of cnnx; or an optimizer.
        learning_rate: learning rate; None keeps the optimizer's.
        weight_decay: weight decay; None keeps the optimizer's.
        schedule: "cosine", "one_cycle", "triangular", a schedule, or None for a constant rate.
        label_smoothing: fraction of each label spread evenly over the classes.
        class_weight: weights by class, or "balanced" for weights inverse to the frequency of the
            class. They multiply sample_weight.
        augmentation: random augmentation of the training images.
        standardize: whether to standardise values that are not uint8.
        compute_dtype: "float32" or "bfloat16", as `cnnx.Model.compute_dtype`; None keeps that of a
            Model as network, and is float32 otherwise.
        validation_fraction: fraction of the images to hold out, whose loss and accuracy `history_`
            has. None holds out none, or 0.1 for early stopping.
        early_stopping: whether to stop when the loss of the held-out images has not improved for
            `patience` epochs, and to restore the weights of the best epoch.
        patience: number of epochs for early_stopping.
        warm_start: whether `fit` continues with the network of the last `fit`. It then refuses
            another network, image_shape or standardize.
        random_state: seed of the weights and of the order of the images: an integer, a
            ``numpy.random.RandomState``, or None for another seed in every fit.
        n_threads: number of threads. None is that of cnnx, within the limits that threadpoolctl
            and joblib set for OpenMP.
        callbacks: callbacks of `Trainer.fit`.
        verbose: whether to show the progress of `fit`, 0 or 1.

    Attributes:
        model_: the trained `cnnx.Model`.
        classes_: the labels, sorted.
        history_: `cnnx.History` of all epochs.
        image_shape_: (height, width, channels).
        n_features_in_: number of values of an image.
        feature_names_in_: names of the columns, if X is a data frame.
        n_iter_: number of epochs.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(256, size=16, seed=1)
        >>> classifier = CNNClassifier(epochs=4, random_state=0).fit(x, y)
        >>> classifier.predict_proba(x[:5]).shape
        (5, 2)
    """

    classes_: NDArray[Any]

    _loss_parameter = "label_smoothing"

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
        label_smoothing: float = 0.0,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
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
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> CNNClassifier:
        """Train the network.

        Args:
            X: images, in one of the forms above.
            y: labels, (n,), of any type that NumPy sorts.
            sample_weight: weight of each image in the loss, (n,), 0 or more.

        Raises:
            TypeError: if X is sparse, or a parameter is of another type.
            ValueError: if X, y, the weights or a parameter do not fit.
            FloatingPointError: if the training diverges.
        """
        with self._unchanged_on_error():
            is_new = self._is_new()
            x, y = self._checked(X, y, is_new)
            check_classification_targets(y)
            if is_new:
                self.classes_ = self._distinct(y, "y")
            indices = self._indices(y)
            return self._train(x, indices, self._all_weights(y, sample_weight), is_new=is_new)

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> CNNClassifier:
        """Train for one epoch on these images, and keep the state of the optimizer.

        The first call standardises by its own images. The learning rate is constant;
        ``set_params(learning_rate=...)`` changes it for later calls, and None brings back the
        optimizer's. After pickle or a copy the optimizer starts anew.

        Args:
            X: images, in one of the forms above.
            y: labels, (n,).
            classes: all labels that will occur; needed in the first call.
            sample_weight: weight of each image in the loss, (n,), 0 or more.

        Raises:
            TypeError: as `fit`.
            ValueError: as `fit`, if classes is missing in the first call or differs later, if
                network, image_shape, standardize, optimizer, weight_decay or label_smoothing was
                changed between calls, or with early_stopping or class_weight="balanced", which
                need all images.
        """
        self._refuse_early_stopping()
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"partial_fit: class_weight is {self.class_weight!r}, which needs all images, "
                "expected weights by class: class_weight={0: 1.0, 1: 2.5}"
            )
        with self._unchanged_on_error():
            is_new = self._is_new(partial=True)
            x, y = self._checked(X, y, is_new)
            check_classification_targets(y)
            self._set_classes(classes, is_new)
            indices = self._indices(y)
            weights = self._all_weights(y, sample_weight)
            return self._train(x, indices, weights, is_new=is_new, partial=True)

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the label of each image, (n,)."""
        scores = self._logits(X)
        predicted: NDArray[Any] = self.classes_[scores.argmax(axis=1)]
        return predicted

    def predict_proba(self, X: Any) -> FloatArray:
        """Compute the probability of each class, (n, classes), in the order of `classes_`."""
        return self._computed(X, lambda model, x: model.predict_proba(x))

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Compute the logarithm of the probabilities, (n, classes), finite for tiny ones too."""
        logits = self._computed(X, lambda model, x: model(x) / np.float32(model.temperature))
        logits -= logits.max(axis=1, keepdims=True)
        logs: FloatArray = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return logs

    def decision_function(self, X: Any) -> FloatArray:
        """Compute the outputs of the network.

        Returns:
            The logits, (n, classes). For two classes their difference, (n,), which is above 0 for
            the second one.
        """
        scores = self._logits(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def _logits(self, X: Any) -> FloatArray:
        return self._computed(X, lambda model, x: model(x))

    def _loss(self) -> CrossEntropy:
        return CrossEntropy(label_smoothing=self.label_smoothing)

    def _outputs(self, targets: NDArray[Any]) -> list[str]:
        return [str(label) for label in self.classes_]

    def _distinct(self, labels: Any, argument: str) -> NDArray[Any]:
        distinct: NDArray[Any] = np.unique(labels)
        if len(distinct) < 2:
            raise ValueError(
                f"{self._name}: {argument} has one class, {shown(distinct.tolist())}, expected at "
                "least two classes"
            )
        return distinct

    def _set_classes(self, classes: Any, is_new: bool) -> None:
        if is_new:
            if classes is None:
                raise ValueError(
                    "partial_fit: classes is None in the first call, expected all labels that will "
                    "occur: classes=np.unique(y)"
                )
            self.classes_ = self._distinct(classes, "classes")
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"partial_fit: classes is {shown(np.unique(classes).tolist())}, expected those of "
                f"the first call, {shown(self.classes_.tolist())}"
            )

    def _indices(self, y: NDArray[Any]) -> NDArray[np.int64]:
        """Labels as indices of `classes_`."""
        unknown = np.setdiff1d(y, self.classes_)
        if unknown.size:
            raise ValueError(
                f"{self._name}: y has the label {unknown.tolist()[0]!r}, expected one of the "
                f"classes {shown(self.classes_.tolist())}"
            )
        return np.searchsorted(self.classes_, y)

    def _all_weights(self, y: NDArray[Any], sample_weight: Any) -> NDArray[np.float64] | None:
        """Product of the weights of the images and of their classes; None if all are equal to 1."""
        weights = None if sample_weight is None else self._weights(sample_weight, len(y))
        if self.class_weight is None:
            return weights
        by_class = compute_sample_weight(self.class_weight, y)
        return self._weights(by_class if weights is None else weights * by_class, len(y))
