"""A trainer's additions to its optimizer: rules, clipping, averaging, changed learning rates."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
from reference_training import State, adamw, rmsprop, sgd

LAYERS = [cnnx.Conv2d(3, 3), cnnx.Flatten(), cnnx.Dense(5)]


def make_trainer(optimizer: Any = None, **settings: Any) -> cnnx.Trainer:
    model = cnnx.Model(LAYERS, input_shape=(4, 4, 2), seed=1)
    for name, array in model.parameters.items():
        if name.endswith("bias"):
            model.parameters[name] = np.linspace(0.5, 1.5, array.size)
    return cnnx.Trainer(model, optimizer=optimizer or cnnx.SGD(0.1), loss=cnnx.MSE(), **settings)


def all_parameters(model: cnnx.Model) -> Any:
    return np.concatenate([array.ravel() for array in model.parameters.values()])


def steps(trainer: cnnx.Trainer, count: int, scale: float = 1.0) -> list[Any]:
    """Take steps along random gradients; returns the parameters after each."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(count):
        trainer.gradients[...] = scale * rng.standard_normal(trainer.gradients.size)
        trainer.apply_gradients()
        found.append(all_parameters(trainer.model))
    return found


# Rules.


@pytest.mark.parametrize(
    ("optimizer", "update"),
    [
        (cnnx.SGD(0.1, momentum=0.5, weight_decay=0.5), lambda r, d: sgd(r, **d, momentum=0.5)),
        (cnnx.AdamW(0.1, weight_decay=0.5), lambda r, d: adamw(r, **d)),
        (cnnx.RMSprop(0.1, weight_decay=0.5), lambda r, d: rmsprop(r, **d)),
    ],
    ids=["sgd", "adamw", "rmsprop"],
)
def test_rules_change_the_settings_of_what_they_match(optimizer: Any, update: Any) -> None:
    rules = [
        cnnx.ParameterRule("*.bias", weight_decay_factor=0.0, learning_rate_factor=2.0),
        cnnx.ParameterRule("dense_1.*", weight_decay_factor=0.5, learning_rate_factor=0.25),
    ]
    trainer = make_trainer(optimizer, rules=rules)
    expected = {k: v.astype(np.float64) for k, v in trainer.model.parameters.items()}
    settings = {
        "conv2d_1.weight": (0.1, 0.5),
        "conv2d_1.bias": (0.2, 0.0),
        "dense_1.weight": (0.025, 0.25),
        "dense_1.bias": (0.05, 0.0),
    }
    states: dict[str, State] = {name: {} for name in expected}
    rng = np.random.default_rng(3)
    for _ in range(4):
        trainer.gradients[...] = rng.standard_normal(trainer.gradients.size)
        start = 0
        for name, (rate, decay) in settings.items():
            size = expected[name].size
            gradient = trainer.gradients[start : start + size].reshape(expected[name].shape)
            start += size
            each = update(rate, {"weight_decay": decay})
            expected[name] = each(expected[name], gradient.astype(np.float64), states[name])
        trainer.apply_gradients()
    for name, array in trainer.model.parameters.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_rule_that_changes_nothing_changes_no_bit() -> None:
    plain = steps(make_trainer(cnnx.Adam(0.1)), 3)
    ruled = steps(make_trainer(cnnx.Adam(0.1), rules=[cnnx.ParameterRule("dense*")]), 3)
    assert [a.tobytes() for a in plain] == [a.tobytes() for a in ruled]


def test_a_factor_of_zero_freezes() -> None:
    rules = [cnnx.ParameterRule("conv2d_1.*", learning_rate_factor=0)]
    trainer = make_trainer(cnnx.AdamW(0.1), rules=rules)
    before = {name: array.tobytes() for name, array in trainer.model.parameters.items()}
    steps(trainer, 2)
    for name, array in trainer.model.parameters.items():
        assert (array.tobytes() == before[name]) == name.startswith("conv2d_1"), name


def test_a_layer_that_is_not_trainable_is_left_out_until_it_is() -> None:
    trainer = make_trainer(cnnx.AdamW(0.1), clip_norm=1.0)
    for trainable in (False, True):
        trainer.model._core.set_trainable("conv2d_1", trainable)
        before = {name: array.tobytes() for name, array in trainer.model.parameters.items()}
        steps(trainer, 2)
        for name, array in trainer.model.parameters.items():
            moved = trainable or not name.startswith("conv2d_1")
            assert (array.tobytes() != before[name]) == moved, name


# Clipping.


@pytest.mark.parametrize("outputs", [1, 13, 8191])
def test_gradients_are_clipped_to_the_norm(outputs: int) -> None:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(outputs)], input_shape=(3, 2, 1))
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(1.0), loss=cnnx.MSE(), clip_norm=2.0)
    rng = np.random.default_rng(outputs)
    for scale in (1e-4, 1e4, 1e15):
        before = all_parameters(model).astype(np.float64)
        gradient = (scale * rng.standard_normal(trainer.gradients.size)).astype(np.float32)
        trainer.gradients[...] = gradient
        trainer.apply_gradients()
        norm = np.sqrt((gradient.astype(np.float64) ** 2).sum())
        expected = gradient * min(1.0, 2.0 / (norm + 1e-6))
        moved = before - all_parameters(model)
        np.testing.assert_allclose(moved, expected, rtol=1e-6, atol=4e-7)
        assert trainer.gradients.tobytes() == gradient.tobytes(), "the gradients are the user's"


def test_gradients_below_the_norm_are_unchanged() -> None:
    plain, clipped = make_trainer(cnnx.Adam()), make_trainer(cnnx.Adam(), clip_norm=1e6)
    for one, other in zip(steps(plain, 3), steps(clipped, 3), strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.usefixtures("restore_threads")
def test_clipping_does_not_depend_on_threads() -> None:
    found = set()
    for threads in (1, 2, 3):
        cnnx.set_num_threads(threads)
        model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(997)], input_shape=(16, 16, 1), seed=2)
        trainer = cnnx.Trainer(model, loss=cnnx.MSE(), clip_norm=0.1)
        found.add(steps(trainer, 2)[-1].tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("clip_norm", [None, 1.0])
@pytest.mark.parametrize("wrong", [np.nan, -np.inf])
def test_gradients_that_are_not_finite_leave_the_model(
    clip_norm: float | None, wrong: float
) -> None:
    trainer = make_trainer(clip_norm=clip_norm)
    before = all_parameters(trainer.model)
    trainer.gradients[...] = 1.0
    trainer.gradients[3] = wrong
    with pytest.raises(FloatingPointError, match=r"^apply_gradients: the gradient of .* holds NaN"):
        trainer.apply_gradients()
    assert all_parameters(trainer.model).tobytes() == before.tobytes()


# Averaging.


@pytest.mark.parametrize(("decay", "every"), [(0.5, 1), (0.05, 1), (0.9, 3)])
def test_the_average_is_that_of_the_formula(decay: float, every: int) -> None:
    trainer = make_trainer(averaging=cnnx.WeightAverage(decay, every=every))
    start = all_parameters(trainer.model)
    assert all_parameters(trainer.averaged_model()).tobytes() == start.tobytes()
    after = steps(trainer, 12)
    expected = np.zeros(start.size)
    for count, values in enumerate(after[every - 1 :: every]):
        kept = min(decay, count / (count + 9))
        expected = kept * expected + (1 - kept) * values
    averaged = trainer.averaged_model()
    np.testing.assert_allclose(all_parameters(averaged), expected, rtol=1e-6, atol=1e-6)
    assert not np.allclose(all_parameters(averaged), after[-1])
    steps(trainer, 3)
    np.testing.assert_allclose(all_parameters(averaged), expected, rtol=1e-6, atol=1e-6)


def test_before_the_first_average_the_weights_are_the_current_ones() -> None:
    trainer = make_trainer(averaging=cnnx.WeightAverage(every=2))
    trainer.model.parameters["dense_1.bias"] = np.arange(5)
    x, y = np.ones((2, 4, 4, 2)), np.ones((2, 5))
    for _ in range(2):
        averaged = trainer.averaged_model()
        assert all_parameters(averaged).tobytes() == all_parameters(trainer.model).tobytes()
        assert trainer.evaluate(x, y, averaged=True) == pytest.approx(
            trainer.evaluate(x, y), nan_ok=True
        )
        steps(trainer, 1)


@pytest.mark.parametrize("steps_before", [0, 1])
def test_an_averaged_model_has_the_frozen_layers_of_the_model(steps_before: int) -> None:
    trainer = make_trainer(averaging=cnnx.WeightAverage())
    steps(trainer, steps_before)
    trainer.model.layers[0].trainable = False
    found = [layer.trainable for layer in trainer.averaged_model().layers]
    assert found == [layer.trainable for layer in trainer.model.layers]
    assert not found[0]


def test_an_averaged_model_predicts_with_its_averaged_parameters() -> None:
    trainer = make_trainer(averaging=cnnx.WeightAverage(0.5))
    steps(trainer, 1)
    x = np.ones((3, 4, 4, 2), np.float32)
    trainer.averaged_model()(x)
    steps(trainer, 3)
    averaged = trainer.averaged_model()
    same = make_trainer().model
    for name, array in averaged.parameters.items():
        same.parameters[name] = array
    assert averaged(x).tobytes() == same(x).tobytes()
    y = np.arange(15).reshape(3, 5)
    expected = cnnx.Trainer(same, loss=cnnx.MSE()).evaluate(x, y)["loss"]
    assert trainer.evaluate(x, y, averaged=True)["loss"] == expected
    assert trainer.evaluate(x, y)["loss"] != expected
    assert averaged(x).tobytes() != trainer.model(x).tobytes()


def test_the_statistics_of_batch_norm_are_averaged_too(rng: np.random.Generator) -> None:
    layers = [cnnx.BatchNorm2d(), cnnx.Flatten(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=(4, 4, 1))
    trainer = cnnx.Trainer(model, loss=cnnx.MSE(), averaging=cnnx.WeightAverage(0.05))
    name = next(iter(model.buffers))
    seen = []
    for _ in range(3):
        trainer.step(rng.random((5, 4, 4, 1)), np.zeros((5, 2)))
        seen.append(model.buffers[name])
    expected = seen[0]
    for values in seen[1:]:
        expected = 0.05 * expected + 0.95 * values
    averaged = trainer.averaged_model().buffers[name]
    np.testing.assert_allclose(averaged, expected, rtol=1e-6)
    assert not np.allclose(averaged, seen[-1], rtol=1e-4)


def test_an_averaged_model_interprets_its_outputs_by_the_loss() -> None:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(2)], input_shape=(2, 2, 1))
    loss = cnnx.BinaryCrossEntropy()
    trainer = cnnx.Trainer(model, loss=loss, averaging=cnnx.WeightAverage())
    assert trainer.averaged_model().predict([[0.5, 0.5], [0.5, 0.5]]).dtype == np.bool_


# The learning rate.


def test_a_new_learning_rate_applies_from_the_next_step() -> None:
    trainer = make_trainer(cnnx.SGD(0.5))
    assert trainer.learning_rate == 0.5
    before = all_parameters(trainer.model)
    trainer.learning_rate = 0.25
    assert trainer.learning_rate == 0.25
    trainer.gradients[...] = 2.0
    trainer.apply_gradients()
    assert all_parameters(trainer.model).tobytes() == (before - np.float32(0.5)).tobytes()


REFUSED: list[tuple[type[Exception], Any, str]] = [
    (ValueError, lambda: cnnx.ParameterRule("*", weight_decay_factor=-1), "ParameterRule: weight_"),
    (TypeError, lambda: cnnx.ParameterRule("*", learning_rate_factor="a"), "ParameterRule: learn"),  # type: ignore[arg-type]
    (TypeError, lambda: cnnx.ParameterRule(3), "ParameterRule: pattern is 3, expected text"),  # type: ignore[arg-type]
    (
        ValueError,
        lambda: make_trainer(rules=[cnnx.ParameterRule("*.biass")]),
        r'trainer: the rule "\*.biass" matches no parameter, expected names such as "conv2d_1.w',
    ),
    (TypeError, lambda: make_trainer(rules=["*.bias"]), r"Trainer: rules is \['\*.bias'\], expect"),
    (
        TypeError,
        lambda: make_trainer(rules=cnnx.ParameterRule("*")),
        r"Trainer: rules is ParameterRule\(.*\), expected a list",
    ),
    (ValueError, lambda: make_trainer(clip_norm=0), "Trainer: clip_norm is 0, expected None or"),
    (ValueError, lambda: make_trainer(clip_norm=-1), "Trainer: clip_norm is -1, expected None or"),
    (TypeError, lambda: make_trainer(clip_norm="a"), "Trainer: clip_norm is 'a', expected a numb"),
    (ValueError, lambda: cnnx.WeightAverage(1), "WeightAverage: decay is 1, expected a number"),
    (ValueError, lambda: cnnx.WeightAverage(every=0), "WeightAverage: every is 0, expected an int"),
    (TypeError, lambda: make_trainer(averaging=0.9), "Trainer: averaging is 0.9, expected a We"),
    (
        ValueError,
        lambda: make_trainer().averaged_model(),
        "averaged_model: the trainer averages no weights, expected one made with averaging",
    ),
    (
        ValueError,
        lambda: make_trainer().evaluate(np.ones((1, 4, 4, 2)), np.ones((1, 5)), averaged=True),
        "evaluate: the trainer averages no weights, expected one made with averaging",
    ),
    (
        ValueError,
        lambda: setattr(make_trainer(), "learning_rate", -1),
        "Trainer: learning_rate is -1, expected a finite number >= 0",
    ),
]


@pytest.mark.parametrize(("error", "make", "sentence"), REFUSED)
def test_wrong_settings_are_refused(error: type[Exception], make: Any, sentence: str) -> None:
    with pytest.raises(error, match=f"^{sentence}") as caught:
        make()
    assert "\n" not in str(caught.value)
