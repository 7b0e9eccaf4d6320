"""Reports of a fit: the metrics of every finished epoch, and the progress after a step."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cnnx.arguments import shown
from cnnx.metric_kinds import VALIDATION
from cnnx.spelling import NamedAttributes

if TYPE_CHECKING:
    import pandas

__all__ = ["History", "Progress"]


@dataclass(repr=False, eq=False)
class History(NamedAttributes):
    """Metrics of every finished epoch, as lists of equal length.

    A history of a validation set has further lists by the model's task: `validation_mean_iou` if it
    predicts a class for each position, `validation_r2` and `validation_mean_absolute_error` if it
    predicts values. Those of one of several outputs have its name: `validation_box_loss`,
    `validation_class_accuracy`. All are attributes and keys, as in
    ``history["validation_mean_iou"]``. An epoch without the metric has NaN.

    Attributes:
        loss: mean loss over the epoch's images, each measured before the update of its batch.
        accuracy: training accuracy in [0, 1], measured as the loss is; NaN unless the loss is a
            cross-entropy.
        validation_loss: loss on the validation set after the epoch; NaN without one.
        validation_accuracy: accuracy on the validation set after the epoch; NaN without one.
        seconds: duration of the epoch including validation.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> list[float]: ...  # a further metric

    @classmethod
    def of(cls, columns: Mapping[str, Iterable[float]]) -> History:
        """A history with these lists of equal length, the five of every history among them."""
        history = cls()
        vars(history).update({name: list(values) for name, values in columns.items()})
        return history

    def __getitem__(self, name: str) -> list[float]:
        if name not in vars(self):
            raise KeyError(
                f"History: has no metric {shown(name)}, expected {', '.join(vars(self))}"
            )
        values: list[float] = vars(self)[name]
        return values

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if isinstance(other, History) else NotImplemented

    def __len__(self) -> int:
        return len(self.loss)

    def __repr__(self) -> str:
        count = f"{len(self)} epoch{'' if len(self) == 1 else 's'}"
        metrics = self.last() if self.loss else {}
        shown = (f", {name}={each:.4g}" for name, each in metrics.items() if math.isfinite(each))
        return f"History({count}{''.join(shown)})"

    def add_metrics(self, names: Iterable[str]) -> None:
        """Add lists for further metrics, which earlier epochs do not have."""
        for name in names:
            vars(self).setdefault(name, [math.nan] * len(self))

    def add(
        self, trained: tuple[float, float], validated: Mapping[str, float], seconds: float
    ) -> None:
        """Append an epoch.

        Args:
            trained: loss and accuracy in training.
            validated: metrics of the validation set by name, without `validation_`.
            seconds: duration.
        """
        of_validation = {f"{VALIDATION}{name}": value for name, value in validated.items()}
        metrics = {"loss": trained[0], "accuracy": trained[1], **of_validation, "seconds": seconds}
        self.add_metrics(metrics)
        for name, values in vars(self).items():
            values.append(metrics.get(name, math.nan))

    def last(self) -> dict[str, float]:
        """Metrics of the latest epoch by name.

        Raises:
            ValueError: if no epoch is finished.
        """
        if not self.loss:
            raise ValueError("History.last: no epoch is finished, expected at least one")
        return {name: values[-1] for name, values in vars(self).items()}

    def to_pandas(self) -> pandas.DataFrame:
        """Convert to a table of pandas with a row per epoch; the index is the epoch, from 1.

        Raises:
            ImportError: if pandas is not installed: ``pip install pandas``.
        """
        try:
            package = importlib.import_module("pandas")
        except ModuleNotFoundError:
            raise ImportError(
                "to_pandas: needs the package pandas, which is not installed: pip install pandas"
            ) from None
        epochs = package.RangeIndex(1, len(self) + 1, name="epoch")
        table: pandas.DataFrame = package.DataFrame(vars(self), index=epochs)
        return table

    def _repr_html_(self) -> str:
        """Curves of loss and accuracy, for notebooks."""
        from cnnx.drawing.curves import history_charts
        from cnnx.drawing.page import fragment

        return fragment(history_charts(vars(self)))


@dataclass(frozen=True)
class Progress:
    """Progress of a fit after a step.

    Attributes:
        epoch: current epoch of this fit, from 1 to `epochs`.
        epochs: number of epochs of this fit.
        step: finished steps of this epoch.
        steps: steps of an epoch; 0 if batches come from an iterable without a length.
        loss: mean loss over this epoch so far.
        learning_rate: learning rate of the step.
        finished_epoch: metrics of the epoch, as in `History`, in the call after its validation;
            otherwise None.
        images: number of images of this epoch so far.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    learning_rate: float
    finished_epoch: dict[str, float] | None = None
    images: int = 0
