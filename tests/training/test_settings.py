"""The settings of Python's recipes are those of the compiled core: names and defaults."""

import dataclasses
import inspect

import cnnx
import pytest
from cnnx import _core
from cnnx.training.optimizers import Optimizer
from cnnx.training.schedules import Shape, core_schedule

CORE = {kind: dict(settings) for kind, settings in _core.training_settings().items()}

# What has no default in Python is given here.
GIVEN = {
    cnnx.SGD: {"learning_rate": 0.5},
    cnnx.StepDecay: {"every": 2.0},
    cnnx.ParameterRule: {"pattern": "*"},
}
LOSSES = [
    *(cnnx.CrossEntropy, cnnx.BinaryCrossEntropy, cnnx.MSE, cnnx.L1, cnnx.Huber),
    *(cnnx.losses.Focal, cnnx.losses.Dice, cnnx.losses.Tversky),
]
RECIPES = [
    recipe(**GIVEN.get(recipe, {}))
    for recipe in (
        *(*Optimizer.__args__, *LOSSES, *Shape.__args__),
        *(cnnx.ParameterRule, cnnx.WeightAverage, cnnx.data.Augmentation),
    )
]


def test_every_kind_of_the_core_has_a_recipe():
    kinds = {recipe.kind for recipe in RECIPES}
    assert kinds == set(CORE) - {"constant_rate", "warmup", "trainer", "epoch"}
    assert CORE["constant_rate"] == {}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: type(recipe).__name__)
def test_a_recipe_has_the_settings_and_defaults_of_the_core(recipe):
    core, settings = CORE[recipe.kind], recipe.core_settings
    assert settings.keys() == core.keys()
    for name in settings.keys() - GIVEN.get(type(recipe), {}).keys():
        assert core[name] == settings[name] or not (core[name] or settings[name]), name


def test_the_settings_of_a_recipe_are_its_fields():
    for recipe in RECIPES:
        assert list(recipe.settings) == [field.name for field in dataclasses.fields(recipe)]


def test_a_warmup_has_the_settings_of_every_schedule():
    kind, settings = core_schedule(cnnx.Warmup(0))
    assert (kind, settings) == ("constant_rate", CORE["warmup"])
    kind, settings = core_schedule(cnnx.Warmup(2, cnnx.Triangular(), start=0.5))
    assert kind == "triangular"
    assert settings == {**CORE["triangular"], "warmup_epochs": 2, "warmup_start": 0.5}


def test_a_trainer_has_the_plain_settings_of_the_core():
    parameters = inspect.signature(cnnx.Trainer).parameters
    defaults = {name: parameters[name].default or 0 for name in CORE["trainer"]}
    assert defaults == CORE["trainer"]


def test_fit_gives_an_epoch_all_of_its_settings():
    assert CORE["epoch"] == {
        "batch_size": 64,
        "shuffle": True,
        "number": 0,
        "first_image": 0,
        "prefetch": None,
    }


@pytest.mark.parametrize(
    ("call", "kind"),
    [(_core.Trainer, "sgd"), (_core.schedule_factors, "triangular")],
    ids=["optimizer", "schedule"],
)
def test_the_core_refuses_a_setting_that_it_does_not_have(call, kind):
    settings = {**CORE[kind], "speed": 1.0}
    model = cnnx.models.small((32, 32, 1), 2)._core
    arguments = {
        "sgd": (model, kind, settings, "cross_entropy", {}, {"rules": []}),
        "triangular": ((kind, settings), 1, 1),
    }
    with pytest.raises(ValueError, match="there is no setting named speed"):
        call(*arguments[kind])
