"""Drawn settings of trainers, and their source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attack.case import Draw, lines

MOST_RULES = 3
Averaging = tuple[float, int]


def optimizer_settings(draw: Draw, kind: str) -> dict[str, Any]:
    """Arguments of an optimizer."""
    given: dict[str, Any] = {"learning_rate": draw.exponent(-3, -0.5)}
    if kind in ("SGD", "RMSprop", "Muon"):
        given["momentum"] = draw.one_of(0.0, 0.5, 0.9)
    if kind in ("SGD", "Muon"):
        given["nesterov"] = given["momentum"] > 0 and draw.chance(0.5)
    if kind in ("Adam", "AdamW"):
        given["betas"] = (draw.one_of(0.0, 0.5, 0.9), draw.one_of(0.5, 0.99, 0.999))
    if kind in ("Adam", "AdamW", "RMSprop"):
        given["epsilon"] = draw.exponent(-8, -2)
    if kind == "RMSprop":
        given["alpha"] = draw.one_of(0.5, 0.9, 0.99)
    if kind == "Muon":
        given["matrices"] = draw.one_of("*.weight", "dense_*", "conv2d_1.weight")
        given["iterations"] = draw.integer(1, 6)
    if kind != "Adam" and draw.chance(0.6):
        given["weight_decay"] = draw.exponent(-3, -0.5)
    elif kind != "Adam":
        given["weight_decay"] = 0.0
    return given


def schedule_settings(draw: Draw, epochs: int) -> tuple[str, dict[str, Any]]:
    """A schedule and its arguments; "" is none."""
    kind = draw.one_of("", "StepDecay", "CosineDecay", "OneCycle", "Triangular", "Plateau")
    part = draw.one_of(0.0, 0.25, 0.6, 1.0)
    given: dict[str, dict[str, Any]] = {
        "": {},
        "StepDecay": {
            "factor": draw.one_of(0.1, 0.5),
            "every": draw.one_of(None, 1.0, 0.5),
            "at": [1.0, draw.one_of(0.5, 2.0)],
        },
        "CosineDecay": {"final": part},
        "OneCycle": {"peak_at": part, "start": 0.04, "final": draw.one_of(0.0, 0.5)},
        "Triangular": {"peak_at": part, "start": 0.1, "final": draw.one_of(0.0, 0.5)},
        "Plateau": {
            "factor": draw.one_of(0.0, 0.5),
            "patience": draw.integer(0, 2),
            "threshold": draw.one_of(0.0, 0.1),
            "minimum": draw.one_of(0.0, 0.2),
        },
    }
    return kind, given[kind]


def call(name: str, settings: dict[str, Any]) -> str:
    """Source of a call of a class of cnnx."""
    return f"cnnx.{name}({', '.join(f'{key}={value!r}' for key, value in settings.items())})"


def with_warmup(schedule: str, warmup: tuple[float, float]) -> str:
    """Source of a schedule with its warm-up."""
    if not warmup[0]:
        return schedule
    return f"cnnx.Warmup({warmup[0]}, {schedule}, start={warmup[1]})"


def rule_settings(draw: Draw, patterns: Sequence[str]) -> dict[str, Any]:
    """Arguments of a rule."""
    return {
        "pattern": draw.one_of(*patterns),
        "learning_rate_factor": draw.one_of(0.0, 0.5, 2.0),
        "weight_decay_factor": draw.one_of(0.0, 0.5, 2.0),
    }


def averaging_settings(draw: Draw) -> Averaging:
    """Decay and interval of an average of the weights."""
    return draw.one_of(0.05, 0.5, 0.999), draw.integer(1, 3)


def trainer_call(
    optimizer: str,
    rules: Sequence[dict[str, Any]],
    clip_norm: float | None,
    averaging: Averaging | None,
    schedule: str,
    **more: str,
) -> str:
    """Source of a trainer of `model`; `more` are further arguments and their source."""
    settings = {
        "optimizer": optimizer,
        "loss": "cnnx.MSE()",
        "rules": f"[{', '.join(call('ParameterRule', rule) for rule in rules)}]",
        "clip_norm": clip_norm,
        "averaging": averaging and f"cnnx.WeightAverage({averaging[0]}, every={averaging[1]})",
        "schedule": schedule,
        **more,
    }
    given = lines((f"{name}={value}," for name, value in settings.items()), "    ")
    return f"cnnx.Trainer(\n    model,\n{given}\n)"
