"""What a trainer is told beside model, optimizer and loss, checked and as the core takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnx.arguments import is_integer, not_negative, shown
from cnnx.optimizers import ParameterRule
from cnnx.schedules import Schedule
from cnnx.weight_average import WeightAverage


def trainer_options(
    *,
    seed: int,
    rules: Sequence[ParameterRule],
    clip_norm: float | None,
    averaging: WeightAverage | None,
    schedule: Schedule | None,
) -> dict[str, Any]:
    """The options by name, as plain values.

    Raises:
        TypeError: if one is not of its type.
        ValueError: if one is out of range.
    """
    if not is_integer(seed) or seed < 0:
        raise ValueError(f"Trainer: seed is {seed!r}, expected an integer from 0 to 2**63 - 1")
    if isinstance(rules, ParameterRule) or not all(
        isinstance(rule, ParameterRule) for rule in rules
    ):
        raise TypeError(f"Trainer: rules is {shown(rules)}, expected a list of ParameterRule")
    norm = 0.0 if clip_norm is None else not_negative(clip_norm, "Trainer", "clip_norm")
    if clip_norm is not None and norm == 0:
        raise ValueError(f"Trainer: clip_norm is {clip_norm!r}, expected None or a number > 0")
    if averaging is not None and not isinstance(averaging, WeightAverage):
        raise TypeError(
            f"Trainer: averaging is {shown(averaging)}, expected a WeightAverage or None"
        )
    if schedule is not None and not isinstance(schedule, Schedule):
        raise TypeError(
            f"Trainer: schedule is {shown(schedule)}, expected one such as CosineDecay, or None"
        )
    return {
        "seed": int(seed),
        "rules": [tuple(vars(rule).values()) for rule in rules],
        "clip_norm": norm,
        "averaging": averaging and (averaging.decay, averaging.every),
        "schedule": schedule and (schedule.kind, schedule.settings),
    }
