"""Settings of the learning rate schedules; the compiled core computes them.

A schedule multiplies the optimizer's learning rate by a factor that depends on the position in a
fit. Every call of `Trainer.fit` runs its schedule once, from beginning to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx import _core
from cnnx.arguments import at_least, below_one, not_negative, number, shown
from cnnx.metric_kinds import EXPECTED_METRICS, higher_is_better, is_metric
from cnnx.recipe import Recipe
from cnnx.spelling import checked_call

__all__ = ["CosineDecay", "OneCycle", "Plateau", "StepDecay", "Triangular", "Warmup", "factors"]

_MOST_STEPS = 2**31  # 16 GB of factors


def _fraction(value: object, schedule: str, setting: str) -> float:
    given = number(value, schedule, setting)
    if not 0 <= given <= 1:
        raise ValueError(f"{schedule}: {setting} is {shown(value)}, expected a number from 0 to 1")
    return given


def _check_fractions(schedule: object, *names: str) -> None:
    for name in names:
        value = _fraction(getattr(schedule, name), type(schedule).__name__, name)
        object.__setattr__(schedule, name, value)


@checked_call
@dataclass(frozen=True)
class StepDecay(Recipe):
    """Step decay: drops of the learning rate by a constant factor.

    Args:
        factor: factor of each drop, from 0 to 1.
        every: epochs between drops.
        at: epochs after which the rate drops, in addition to `every`.

    Raises:
        TypeError: if a setting is not a number.
        ValueError: if a setting is out of range, or neither `every` nor `at` is given.

    Example:
        >>> factors(StepDecay(0.5, every=2), epochs=6, steps_per_epoch=1)
        array([1.  , 1.  , 0.5 , 0.5 , 0.25, 0.25])
        >>> factors(StepDecay(0.5, at=(1, 5)), epochs=6, steps_per_epoch=1)
        array([1.  , 0.5 , 0.5 , 0.5 , 0.5 , 0.25])
    """

    kind: ClassVar[str] = "step_decay"

    factor: float = 0.1
    _: KW_ONLY
    every: float | None = None
    at: Sequence[float] = ()

    def __post_init__(self) -> None:
        _check_fractions(self, "factor")
        if self.every is not None:
            every = not_negative(self.every, "StepDecay", "every")
            if every == 0:
                raise ValueError(f"StepDecay: every is {shown(self.every)}, expected a number > 0")
            object.__setattr__(self, "every", every)
        if isinstance(self.at, str) or not isinstance(self.at, Sequence):
            raise TypeError(f"StepDecay: at is {shown(self.at)}, expected a list of epochs")
        at = tuple(not_negative(epochs, "StepDecay", "at") for epochs in self.at)
        object.__setattr__(self, "at", at)
        if self.every is None and not at:
            raise ValueError("StepDecay: neither every nor at is given, expected one of them")


@checked_call
@dataclass(frozen=True)
class CosineDecay(Recipe):
    """Cosine decay from the full learning rate to a fraction of it at the end of the fit.

    ``final + (1 - final) * (1 + cos(pi * u)) / 2`` after a fraction u of the fit.

    Args:
        final: factor at the end, in [0, 1].

    Raises:
        TypeError: if final is not a number.
        ValueError: if final is out of range.

    Example:
        >>> factors(CosineDecay(), epochs=4, steps_per_epoch=1).round(3)
        array([1.   , 0.854, 0.5  , 0.146])

    References:
        Loshchilov, Hutter: SGDR: stochastic gradient descent with warm restarts, 2017.
    """

    kind: ClassVar[str] = "cosine_decay"

    final: float = 0.0

    def __post_init__(self) -> None:
        _check_fractions(self, "final")


@checked_call
@dataclass(frozen=True)
class OneCycle(Recipe):
    """One-cycle schedule: cosine warm-up to the full learning rate and cosine decay to near zero.

    Args:
        peak_at: fraction of the fit after which the factor is 1.
        start: factor at the beginning.
        final: factor at the end.

    Raises:
        TypeError: if a setting is not a number.
        ValueError: if a setting is not in [0, 1].

    Example:
        >>> factors(OneCycle(0.5, start=0, final=0), epochs=4, steps_per_epoch=1).round(3)
        array([0. , 0.5, 1. , 0.5])

    References:
        Smith, Topin: Super-convergence: very fast training of neural networks using large learning
        rates, 2018. The defaults are PyTorch's. PyTorch reaches `final` at the last step, this
        schedule one step later. Momentum is constant.
    """

    kind: ClassVar[str] = "one_cycle"

    peak_at: float = 0.3
    _: KW_ONLY
    start: float = 0.04
    final: float = 4e-6

    def __post_init__(self) -> None:
        _check_fractions(self, "peak_at", "start", "final")


@checked_call
@dataclass(frozen=True)
class Triangular(Recipe):
    """Triangular schedule: linear warm-up to the full learning rate and linear decay.

    Args:
        peak_at: fraction of the fit after which the factor is 1.
        start: factor at the beginning.
        final: factor at the end.

    Raises:
        TypeError: if a setting is not a number.
        ValueError: if a setting is not in [0, 1].

    Example:
        >>> factors(Triangular(0.25), epochs=4, steps_per_epoch=2).round(3)
        array([0.   , 0.5  , 1.   , 0.833, 0.667, 0.5  , 0.333, 0.167])
    """

    kind: ClassVar[str] = "triangular"

    peak_at: float = 0.2
    _: KW_ONLY
    start: float = 0.0
    final: float = 0.0

    def __post_init__(self) -> None:
        _check_fractions(self, "peak_at", "start", "final")


@checked_call
@dataclass(frozen=True)
class Plateau(Recipe):
    """Reduction of the learning rate when a metric has stopped improving.

    As PyTorch's ReduceLROnPlateau: when `watch` has not improved for more than `patience` epochs,
    the factor is multiplied by `factor`, and the count of epochs restarts.

    Args:
        factor: factor of each reduction, in [0, 1).
        patience: number of epochs without improvement to tolerate.
        threshold: minimum relative change that counts as an improvement.
        minimum: lower bound of the factor.
        watch: metric to watch, as in `History`: the lower the better for a loss or an error, the
            higher the better for others.

    Raises:
        TypeError: if a setting is of another type.
        ValueError: if a setting is out of range. `Trainer.fit` refuses to watch a validation metric
            without a validation set.

    Example:
        >>> Plateau(0.5, patience=2).watch
        'validation_loss'
    """

    kind: ClassVar[str] = "plateau"

    factor: float = 0.1
    _: KW_ONLY
    patience: int = 10
    threshold: float = 1e-4
    minimum: float = 0.0
    watch: str = "validation_loss"

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", below_one(self.factor, "Plateau", "factor"))
        patience = at_least(0, self.patience, "Plateau", "patience")
        object.__setattr__(self, "patience", patience)
        object.__setattr__(self, "threshold", not_negative(self.threshold, "Plateau", "threshold"))
        _check_fractions(self, "minimum")
        if not is_metric(self.watch):
            raise ValueError(
                f"Plateau: watch is {shown(self.watch)}, expected one of {EXPECTED_METRICS}"
            )

    @property
    def core_settings(self) -> dict[str, Any]:
        """Settings by their names in the compiled core, which takes the direction of a measure."""
        settings = self.settings
        settings["higher_is_better"] = higher_is_better(settings.pop("watch"))
        return settings


Shape: TypeAlias = StepDecay | CosineDecay | OneCycle | Triangular | Plateau


@checked_call
@dataclass(frozen=True)
class Warmup(Recipe):
    """Linear warm-up in the first epochs, multiplied with another schedule.

    The factor of step i = 0, 1, ... of the n steps in `epochs` is
    ``start + (1 - start) * (i + 1) / n``. The other schedule runs from the beginning of the fit.

    Args:
        epochs: length of the warm-up in epochs; may be fractional.
        then: schedule to multiply with; None for a constant rate.
        start: factor at the beginning of the warm-up, in [0, 1].

    Raises:
        TypeError: if a setting is of another type.
        ValueError: if a setting is out of range.

    Example:
        >>> factors(Warmup(1, StepDecay(0.1, at=[2])), epochs=3, steps_per_epoch=2)
        array([0.5, 1. , 1. , 1. , 0.1, 0.1])

    References:
        Goyal et al.: Accurate, large minibatch SGD: training ImageNet in 1 hour, 2017.
    """

    kind: ClassVar[str] = "warmup"

    epochs: float
    then: Shape | None = None
    _: KW_ONLY
    start: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "epochs", not_negative(self.epochs, "Warmup", "epochs"))
        if self.then is not None and not isinstance(self.then, Shape):
            raise TypeError(
                f"Warmup: then is {shown(self.then)}, expected another schedule such as CosineDecay"
            )
        _check_fractions(self, "start")


# Learning rate schedule of a `Trainer`.
Schedule: TypeAlias = Shape | Warmup


def watched_measure(schedule: Schedule | None) -> str | None:
    """Metric that a `Plateau` in the schedule watches, or None."""
    shape = schedule.then if isinstance(schedule, Warmup) else schedule
    return shape.watch if isinstance(shape, Plateau) else None


def spanning_shape(schedule: Schedule | None) -> Shape | None:
    """Part of the schedule whose factors depend on the number of epochs of the fit, or None."""
    shape = schedule.then if isinstance(schedule, Warmup) else schedule
    return shape if isinstance(shape, (CosineDecay, OneCycle, Triangular)) else None


def core_schedule(schedule: Schedule | None) -> tuple[str, dict[str, Any]] | None:
    """Kind and settings for the compiled core, where a warm-up is part of every schedule."""
    if schedule is None:
        return None
    if not isinstance(schedule, Warmup):
        return schedule.kind, schedule.core_settings
    kind, settings = core_schedule(schedule.then) or ("constant_rate", {})
    return kind, {**settings, "warmup_epochs": schedule.epochs, "warmup_start": schedule.start}


def factors(schedule: Schedule, *, epochs: int, steps_per_epoch: int) -> NDArray[np.float64]:
    """Factors of the learning rate for every step of a fit.

    Args:
        schedule: schedule; a `Plateau` never reduces, because it observes no metric here.
        epochs: number of epochs of the fit.
        steps_per_epoch: number of steps of an epoch.

    Shape:
        (epochs * steps_per_epoch,)

    Raises:
        TypeError: if `schedule` is not a schedule.
        ValueError: if a length is below 1, or there are more than 2^31 steps.

    Example:
        >>> factors(Triangular(0.5), epochs=2, steps_per_epoch=2)
        array([0. , 0.5, 1. , 0.5])
    """
    if not isinstance(schedule, Schedule):
        raise TypeError(f"factors: schedule is {shown(schedule)}, expected one such as CosineDecay")
    for name, value in (("epochs", epochs), ("steps_per_epoch", steps_per_epoch)):
        at_least(1, value, "factors", name)
    if epochs * steps_per_epoch > _MOST_STEPS:
        raise ValueError(
            f"factors: epochs * steps_per_epoch is {epochs * steps_per_epoch}, expected at most "
            f"{_MOST_STEPS}"
        )
    found = _core.schedule_factors(core_schedule(schedule), epochs, steps_per_epoch)
    return np.array(found)
