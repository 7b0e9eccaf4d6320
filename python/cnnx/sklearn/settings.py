"""Names of optimizers, schedules and losses in the parameters of the estimators."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeAlias

from cnnx.arguments import not_negative, one_of, shown
from cnnx.training.losses import L1, MSE, Huber
from cnnx.training.optimizers import SGD, Adam, AdamW, Muon, Optimizer, RMSprop
from cnnx.training.schedules import CosineDecay, OneCycle, Schedule, Triangular

RegressionLoss: TypeAlias = MSE | L1 | Huber

_OPTIMIZERS: dict[str, Any] = {
    "adam": Adam,
    "adamw": lambda: AdamW(0.003, weight_decay=0.05),
    "muon": Muon,
    "rmsprop": RMSprop,
    "sgd": lambda: SGD(0.01, momentum=0.9),
}
_SCHEDULES: dict[str, Any] = {
    "cosine": CosineDecay,
    "one_cycle": OneCycle,
    "triangular": Triangular,
}
_LOSSES: dict[str, Any] = {"huber": Huber, "l1": L1, "mse": MSE}


def optimizer_of(
    optimizer: str | Optimizer, learning_rate: float | None, weight_decay: float | None, who: str
) -> Optimizer:
    """Optimizer by name or as it is, with another learning rate or weight decay if one is given.

    Raises:
        TypeError: if it is neither a name nor an optimizer.
        ValueError: if the name is unknown, a number is out of range, or a weight decay is given to
            an optimizer without one.
    """
    found = _by_name(optimizer, _OPTIMIZERS, who, "optimizer")
    if not isinstance(found, Optimizer):
        raise TypeError(
            f"{who}: optimizer is {shown(optimizer)}, expected a name such as 'adam' or an "
            "optimizer such as cnnx.Adam(0.001)"
        )
    changes: dict[str, Any] = {"learning_rate": learning_rate, "weight_decay": weight_decay}
    changes = {name: value for name, value in changes.items() if value is not None}
    for name, value in changes.items():
        if name not in found.settings:
            raise ValueError(
                f"{who}: {name} is {shown(value)}, but {type(found).__name__} has none, expected "
                "None or another optimizer: optimizer='adamw'"
            )
        not_negative(value, who, name)
    return dataclasses.replace(found, **changes)


def schedule_of(schedule: str | Schedule | None, who: str) -> Schedule | None:
    """Schedule by name or as it is; None is a constant learning rate.

    Raises:
        TypeError: if it is neither a name nor a schedule.
        ValueError: if the name is unknown.
    """
    found = _by_name(schedule, _SCHEDULES, who, "schedule")
    if found is not None and not isinstance(found, Schedule):
        raise TypeError(
            f"{who}: schedule is {shown(schedule)}, expected a name such as 'cosine', a schedule "
            "such as cnnx.CosineDecay() or None"
        )
    return found


def regression_loss_of(loss: str | RegressionLoss, who: str) -> RegressionLoss:
    """Loss of a regression by name or as it is.

    Raises:
        TypeError: if it is neither a name nor a loss for regression.
        ValueError: if the name is unknown.
    """
    found = _by_name(loss, _LOSSES, who, "loss")
    if not isinstance(found, RegressionLoss):
        raise TypeError(
            f"{who}: loss is {shown(loss)}, expected 'mse', 'l1', 'huber' or a loss such as "
            "cnnx.Huber(0.5)"
        )
    return found


def _by_name(value: Any, known: Mapping[str, Any], who: str, parameter: str) -> Any:
    """What a name stands for; anything else as it is."""
    return known[one_of(value, list(known), who, parameter)]() if isinstance(value, str) else value
