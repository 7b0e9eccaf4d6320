"""Cases of the optimizers with schedules, rules, clipping and averaging."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import cnnx

from attack import SUPPORT, snippets, training_snippets
from attack.case import HEADER, Case, Draw, paste
from attack.recipes import (
    MOST_RULES,
    averaging_settings,
    call,
    optimizer_settings,
    rule_settings,
    schedule_settings,
    trainer_call,
    with_warmup,
)

# Per optimizer the class in PyTorch; the reference has functions of the same names.
IN_TORCH = {"SGD": "SGD", "Adam": "Adam", "AdamW": "AdamW", "RMSprop": "RMSprop", "Muon": None}
# Settings whose names differ in PyTorch.
TORCH_NAMES = {"learning_rate": "lr", "epsilon": "eps"}
PATTERNS = ("*", "*.bias", "*.weight", "dense_*", "conv2d_1.*", "dense_1.weight")
TRAIN = """
def train():
    trainer.begin_schedule(epochs=EPOCHS, steps_per_epoch=STEPS)
    for step in range(EPOCHS * STEPS):
        trainer.gradients[...] = arrays["gradients"][step]
        trainer.apply_gradients()
        if (step + 1) % STEPS == 0:
            trainer.observe(MEASURES[step // STEPS])
    found = dict(trainer.model.parameters)
    if AVERAGED:
        averages = trainer.averaged_model().parameters
        found.update({f"average of {name}": value for name, value in averages.items()})
    return found
"""
COMPUTE = """
def compute(values, rounded=None):
    parameters = dict(values)
    gradients = parameters.pop("gradients")
    return trained(updates, gradients, parameters, FACTORS, SETTINGS, rounded)
"""


def optimizers(draw: Draw) -> Case:
    """An optimizer and the settings of its trainer, on drawn gradients."""
    kind = draw.one_of(*IN_TORCH)
    own = optimizer_settings(draw, kind)
    epochs, steps = draw.integer(1, 5), draw.integer(1, 4)
    shape, shape_settings = schedule_settings(draw, epochs)
    warmup = (draw.one_of(0.0, 0.0, 0.5, 2.0), draw.one_of(0.0, 0.3))
    rules = [rule_settings(draw, PATTERNS) for _ in range(draw.integer(0, MOST_RULES))]
    clip_norm = draw.one_of(None, draw.exponent(-2, 3))
    averaging = draw.one_of(None, averaging_settings(draw))
    layers = "[cnnx.Conv2d(3, 3), cnnx.Flatten(), cnnx.Dense(5), cnnx.Dense(7)]"
    model = cnnx.Model(
        [cnnx.Conv2d(3, 3), cnnx.Flatten(), cnnx.Dense(5), cnnx.Dense(7)], input_shape=(4, 5, 2)
    )
    per_parameter = settings_per_parameter(own, rules, list(model.parameters))
    per_parameter |= {"clip_norm": clip_norm, "averaging": averaging}
    schedule = with_warmup(call(shape, shape_settings) if shape else "None", warmup)
    trainer = trainer_call(call(kind, own), rules, clip_norm, averaging, schedule)
    measures = [round(float(each), 3) for each in draw.rng.uniform(0.5, 1.5, epochs)]
    setup = paste(
        f'"""{kind} in float64 and in cnnx, on given gradients."""',
        HEADER,
        f"EPOCHS, STEPS, MEASURES = {epochs}, {steps}, {measures}\n"
        f"AVERAGED = {averaging is not None}",
        f"model = cnnx.Model({layers}, input_shape=(4, 5, 2), seed={draw.integer(0, 99)})\n"
        f"trainer = {trainer}",
        f"rng = np.random.default_rng({draw.seed})\n"
        "sizes = (EPOCHS * STEPS, trainer.gradients.size)\n"
        "gradients = 10.0 ** rng.integers(-3, 3, sizes) * rng.standard_normal(sizes)\n"
        'arrays = {"gradients": gradients.astype(np.float32), **model.parameters}',
    )
    torch_class = IN_TORCH[kind] if draw.in_torch else None
    expected = paste(
        "import sys\nimport numpy as np",
        training_snippets.schedule_factors,
        training_snippets.trained,
        *updates(kind, torch_class),
        f"SETTINGS = {per_parameter}\n"
        "FACTORS = schedule_factors(\n"
        f"    {shape!r}, {shape_settings}, {warmup}, {epochs}, {steps}, {measures}\n)",
        COMPUTE,
        training_snippets.training_bounds,
        f"expected, bounds = training_bounds(compute, arrays, {epochs * steps})",
    )
    return Case(
        setup, expected, paste(snippets.compare, TRAIN, "compare(train(), expected, bounds)")
    )


def updates(kind: str, torch_class: str | None) -> list[Any]:
    """Source of `updates`, which makes the updates of parameters."""
    if torch_class:
        return [
            "import torch",
            training_snippets.TorchUpdates,
            "def updates(values):\n"
            f"    return TorchUpdates(values, torch.optim.{torch_class}, SETTINGS)",
        ]
    return [
        f"sys.path.insert(0, {str(SUPPORT)!r})\nimport reference_training",
        training_snippets.NumpyUpdates,
        "def updates(values):\n"
        f"    return NumpyUpdates(values, reference_training.{kind.lower()}, SETTINGS)",
    ]


def settings_per_parameter(
    own: dict[str, Any], rules: list[dict[str, Any]], names: list[str]
) -> dict[str, Any]:
    """Settings of the expected updates: learning rate and weight decay of each parameter.

    A parameter is `flat` if Muon updates it as SGD does.
    """
    rates, decays = {}, {}
    for name in names:
        matching = [rule for rule in rules if fnmatchcase(name, rule["pattern"])]
        rates[name], decays[name] = own["learning_rate"], own.get("weight_decay", 0.0)
        for rule in matching:
            rates[name] *= rule["learning_rate_factor"]
            decays[name] *= rule["weight_decay_factor"]
    matrices = own.get("matrices", "*")
    update = {name: value for name, value in own.items() if name != "matrices"}
    return {
        "rates": rates,
        "decays": decays,
        "flat": {name: not fnmatchcase(name, matrices) for name in names},
        "update": update,
        "torch": {TORCH_NAMES.get(name, name): value for name, value in update.items()},
    }
