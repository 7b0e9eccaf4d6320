"""Base class of the estimators: parameters, checks of the data, training and saving.

Many parameters because scikit-learn's are the arguments of a constructor.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from cnnx.arguments import FloatArray, at_least, boolean, shown
from cnnx.batch_arguments import any_float_range
from cnnx.callbacks import Callback, EarlyStopping
from cnnx.data.augmentation import Augmentation
from cnnx.model.compute_dtype import set_compute_dtype
from cnnx.model.model import Model
from cnnx.preprocessing import Preprocessing
from cnnx.sklearn.networks import Network, built_network
from cnnx.sklearn.pixels import (
    DTYPES,
    ImageShape,
    Pixels,
    as_rows,
    channel_statistics,
    image_shape_of,
)
from cnnx.sklearn.settings import optimizer_of, schedule_of
from cnnx.sklearn.thread_share import threads
from cnnx.training.history import History
from cnnx.training.loss import Loss
from cnnx.training.optimizers import Optimizer
from cnnx.training.schedules import Schedule
from cnnx.training.trainer import Trainer

_Self = TypeVar("_Self", bound="CNNEstimator")

# With epochs=None: at least so many of both, so that a few rows are trained on often enough.
_LEAST_EPOCHS, _LEAST_UPDATES = 20, 1000
_HELD_OUT = 0.1  # fraction for early stopping


class CNNEstimator(BaseEstimator):
    """Base class of `CNNClassifier` and `CNNRegressor`, which document the parameters."""

    model_: Model
    history_: History
    image_shape_: ImageShape
    n_features_in_: int
    n_iter_: int
    _loss_parameter: ClassVar[str]  # of those of the class, the one that its loss is made of

    def __init__(
        self,
        network: Network,
        *,
        image_shape: Sequence[int] | None,
        epochs: int | None,
        batch_size: int,
        optimizer: str | Optimizer,
        learning_rate: float | None,
        weight_decay: float | None,
        schedule: str | Schedule | None,
        augmentation: Augmentation | None,
        standardize: bool,
        compute_dtype: str | None,
        validation_fraction: float | None,
        early_stopping: bool,
        patience: int,
        warm_start: bool,
        random_state: int | np.random.RandomState | None,
        n_threads: int | None,
        callbacks: Sequence[Callback] | None,
        verbose: int,
    ) -> None:
        self.network = network
        self.image_shape = image_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.augmentation = augmentation
        self.standardize = standardize
        self.compute_dtype = compute_dtype
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_threads = n_threads
        self.callbacks = callbacks
        self.verbose = verbose

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the fitted model as a cnnx model file, which Python, C++, C and `cnnx predict` read.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
            OSError: if the file cannot be written.
        """
        check_is_fitted(self, "model_")
        self.model_.save(path)

    def __getstate__(self) -> dict[str, Any]:
        """State for pickle and the module copy: a trainer has none, and copies share no model."""
        state = {**super().__getstate__()}
        for name in ("_trainer", "_trained_with"):
            state.pop(name, None)
        if "model_" in state:
            state["model_"] = state["model_"].clone()
        return state

    @property
    def _name(self) -> str:
        return type(self).__name__

    # Training -------------------------------------------------------------------------------------

    def _loss(self) -> Loss:
        raise NotImplementedError

    def _outputs(self, targets: NDArray[Any]) -> int | list[str]:
        """Number of outputs of the network, or the names of the classes."""
        raise NotImplementedError

    def _scaled(self, targets: NDArray[Any]) -> NDArray[Any]:
        """Targets in the unit of the trained network."""
        return targets

    def _published(self, model: Model) -> Model:
        """The model of `model_`, from the trained one."""
        return model

    def _resumed(self) -> Model:
        """A model to train further, from `model_`."""
        return self.model_.clone()

    @contextmanager
    def _unchanged_on_error(self) -> Iterator[None]:
        """Context of a fit: an error leaves the fitted attributes of an earlier one."""
        before = {**self.__dict__}
        try:
            yield
        except BaseException:
            self.__dict__ = before
            raise

    def _is_new(self, partial: bool = False) -> bool:
        """Whether a call of `fit` or `partial_fit` begins with a new network."""
        return not ((partial or self.warm_start) and hasattr(self, "model_"))

    def _checked(self, X: Any, y: Any, is_new: bool, **checks: Any) -> tuple[Pixels, NDArray[Any]]:
        """Images and targets; those of a new network decide its shape and the unit of the pixels.

        Raises:
            TypeError: if X is sparse.
            ValueError: if X or y is not what scikit-learn's conventions demand, or does not fit the
                fitted estimator.
        """
        rows, shape = as_rows(X, type(self).__name__)
        if not is_new:
            self._check_shape(shape)
        rows, y = validate_data(self, rows, y, reset=is_new, dtype=DTYPES, **checks)
        if is_new:
            self.image_shape_ = image_shape_of(self.image_shape, shape, rows.shape[1], self._name)
            self._in_bytes = bool(rows.dtype == np.uint8)
            self._scales_floats = not (self._in_bytes or isinstance(self.network, Model))
        return self._images(rows), y

    def _check_shape(self, shape: ImageShape | None) -> None:
        """Refuse images of another shape; the length of rows is scikit-learn's to check."""
        if shape not in (None, self.image_shape_):
            raise ValueError(
                f"{self._name}: X holds images of shape {shape}, expected {self.image_shape_}"
            )

    def _images(self, rows: Pixels) -> Pixels:
        """Rows as images whose values are in the unit that the network was trained on."""
        images = rows.reshape(-1, *self.image_shape_)
        if not self._in_bytes:
            return images.astype(np.float32, copy=False)
        return images if images.dtype == np.uint8 else images.astype(np.float32) / np.float32(255)

    def _weights(self, sample_weight: Any, count: int) -> NDArray[np.float64]:
        """Weight of each row.

        Raises:
            ValueError: if there is not one finite weight per row, one is negative or all are zero.
        """
        weights: NDArray[np.float64] = check_array(
            sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
        )
        if weights.shape != (count,):
            raise ValueError(
                f"{self._name}: sample_weight has shape {weights.shape}, expected one weight per "
                f"row, ({count},)"
            )
        if weights.min() < 0:
            raise ValueError(
                f"{self._name}: sample_weight holds {weights.min():g}, expected weights >= 0"
            )
        if weights.max() == 0:
            raise ValueError(
                f"{self._name}: every weight is zero, expected at least one weight above 0"
            )
        return weights

    def _train(
        self: _Self,
        x: Pixels,
        targets: NDArray[Any],
        weights: NDArray[np.float64] | None,
        *,
        is_new: bool,
        partial: bool = False,
    ) -> _Self:
        """Train on images of positive weight, for one epoch if `partial`, and set `model_`."""
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        settings: dict[str, Any] = {}
        if weights is not None:
            used = weights > 0  # an image of weight 0 would enter the statistics of batch norms
            x, targets, settings["sample_weight"] = x[used], targets[used], weights[used]
        if not is_new:
            self._check_network("partial_fit" if partial else "fit with warm_start")
        trainer = getattr(self, "_trainer", None) if partial and not is_new else None
        if trainer is None:
            model = self._new_model(x, targets, seed) if is_new else self._resumed()
            trainer = self._new_trainer(model, seed, None if partial else self.schedule)
        else:
            self._adjust(trainer)
        if is_new:
            self.history_ = History()
            self._network_dtype = trainer.model.compute_dtype
        self._set_compute_dtype(trainer.model)
        finished = len(trainer.history)
        with self._computing():
            trainer.fit(
                x,
                self._scaled(targets),
                epochs=1 if partial else self._epochs(len(x)),
                batch_size=self.batch_size,
                augmentation=self.augmentation,
                validation=self._held_out(),
                callbacks=self._callbacks(),
                verbose=bool(self.verbose),
                **settings,
            )
        self.history_ = _joined(self.history_, trainer.history, finished)
        self.n_iter_ = len(self.history_)
        self.model_ = self._published(trainer.model)
        self._trainer = trainer if partial else None
        self._trained_with = self._trainer_settings()
        self._built_with = self._network_settings()
        return self

    def _set_compute_dtype(self, model: Model) -> None:
        """Compute in the given type, or in that which the network had when it was built."""
        own = getattr(self, "_network_dtype", model.compute_dtype)  # not in older pickles
        if self.compute_dtype is not None or model.compute_dtype != own:
            given = own if self.compute_dtype is None else self.compute_dtype
            set_compute_dtype(model._core, given, self._name)

    def _network_settings(self) -> dict[str, Any]:
        """Parameters that a network is built with, by name."""
        return {
            "network": self.network,
            "image_shape": np.asarray(self.image_shape).tolist(),
            "standardize": self.standardize,
        }

    def _check_network(self, function: str) -> None:
        """Refuse to train a network further that other parameters would build.

        Raises:
            ValueError: if one was changed.
        """
        now = self._network_settings()
        for name, before in getattr(self, "_built_with", now).items():
            if now[name] != before:
                raise ValueError(
                    f"{function}: {name} is {shown(now[name])}, but the network was built with "
                    f"{shown(before)}, expected no change; sklearn.base.clone(estimator) trains "
                    "from the beginning"
                )

    def _trainer_settings(self) -> dict[str, Any]:
        """Parameters that a trainer is made with, by name."""
        return {
            "optimizer": optimizer_of(self.optimizer, None, None, self._name),
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            self._loss_parameter: self._loss(),
        }

    def _adjust(self, trainer: Trainer) -> None:
        """Set the learning rate of an earlier trainer.

        Raises:
            TypeError: if a parameter is of another type.
            ValueError: if another parameter of the trainer was changed, or is out of range.
        """
        before, now = self._trained_with, self._trainer_settings()
        for name, value in now.items():
            if name != "learning_rate" and value != before[name]:
                raise ValueError(
                    f"partial_fit: {name} is {shown(getattr(self, name))}, but training began with "
                    "another, expected no change; sklearn.base.clone(estimator) trains from the "
                    "beginning"
                )
        if self.learning_rate is not None:
            trainer.learning_rate = self.learning_rate
        elif before["learning_rate"] is not None:
            trainer.learning_rate = now["optimizer"].learning_rate

    def _new_model(self, x: Pixels, targets: NDArray[Any], seed: int) -> Model:
        outputs = self._outputs(targets)
        model = built_network(self.network, self.image_shape_, outputs, seed, self._name)
        if self._scales_floats and boolean(self.standardize, self._name, "standardize"):
            mean, std = channel_statistics(x)
            how = Preprocessing(model.preprocessing.resize, mean, std)
            model = model.with_preprocessing(how)
        return model

    def _new_trainer(self, model: Model, seed: int, schedule: str | Schedule | None) -> Trainer:
        who = self._name
        return Trainer(
            model,
            optimizer=optimizer_of(self.optimizer, self.learning_rate, self.weight_decay, who),
            loss=self._loss(),
            seed=seed,
            schedule=schedule_of(schedule, who),
        )

    def _epochs(self, count: int) -> int:
        if self.epochs is not None:
            return self.epochs
        steps = math.ceil(count / at_least(1, self.batch_size, self._name, "batch_size"))
        return max(_LEAST_EPOCHS, math.ceil(_LEAST_UPDATES / steps))

    def _held_out(self) -> float | None:
        """Fraction of the rows that is measured and not trained on."""
        stops = boolean(self.early_stopping, self._name, "early_stopping")
        return _HELD_OUT if stops and self.validation_fraction is None else self.validation_fraction

    def _refuse_early_stopping(self) -> None:
        if self.early_stopping:
            raise ValueError(
                f"partial_fit: early_stopping is {shown(self.early_stopping)}, but a call trains "
                "for one epoch, expected False"
            )

    def _callbacks(self) -> list[Callback]:
        own = [EarlyStopping(patience=self.patience)] if self.early_stopping else []
        return [*(self.callbacks or ()), *own]

    # Prediction -----------------------------------------------------------------------------------

    def _computed(self, X: Any, compute: Callable[[Model, Pixels], FloatArray]) -> FloatArray:
        """Compute something of images with the fitted model.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
            TypeError: if X is sparse.
            ValueError: if X does not fit the fitted estimator.
        """
        check_is_fitted(self, "model_")
        rows, shape = as_rows(X, type(self).__name__)
        self._check_shape(shape)
        images = self._images(validate_data(self, rows, reset=False, dtype=DTYPES))
        with self._computing():
            return compute(self.model_, images)

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Context of computations: the number of threads, and floats of any range."""
        floats = any_float_range() if self._scales_floats else nullcontext()
        with threads(self.n_threads, self._name), floats:
            yield


def _joined(history: History, other: History, start: int) -> History:
    """`history` followed by the epochs of another one from `start` on."""
    joined = History.of(vars(history))
    joined.add_metrics(vars(other))
    missing = [math.nan] * len(other)
    for name, values in vars(joined).items():
        values += vars(other).get(name, missing)[start:]
    return joined
