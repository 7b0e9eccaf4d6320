"""lr_find: the rates it tries, its suggestion, its lack of side effects and its refusals."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from PIL import Image

X, Y = cnnx.data.xo(96, seed=2)


def make_trainer(**settings: Any) -> cnnx.Trainer:
    model = cnnx.models.small((32, 32, 1), ["X", "O"], seed=3)
    return cnnx.Trainer(model, optimizer=cnnx.SGD(0.1, momentum=0.9), **settings)


def line(rate: float = 0.1, **settings: Any) -> cnnx.Trainer:
    """One weight w with target 1 that starts at 0: a step multiplies 1 - w by 1 - 2 * rate."""
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(1, bias=False)], input_shape=(1, 1, 1))
    model.parameters["dense_1.weight"] = [[0.0]]
    return cnnx.Trainer(model, optimizer=cnnx.SGD(rate), loss=cnnx.MSE(), **settings)


ONES = np.ones((4, 1, 1, 1))


def test_each_rate_takes_one_step() -> None:
    found = cnnx.lr_find(line(), ONES, np.ones(4), lowest=1e-4, highest=1.0, steps=13, smoothing=0)
    np.testing.assert_allclose(found.rates, np.geomspace(1e-4, 1, 13), rtol=1e-3)
    distances = np.cumprod([1.0, *(1 - 2 * np.array(found.rates[:-1]))])
    np.testing.assert_allclose(found.losses, distances**2, rtol=1e-5, atol=1e-12)
    assert found.suggestion == 0.1 * found.rates[int(np.argmin(distances))]


def test_losses_are_a_running_mean() -> None:
    settings: dict[str, Any] = {"lowest": 1e-4, "highest": 1.0, "steps": 13}
    raw = cnnx.lr_find(line(), ONES, np.ones(4), **settings, smoothing=0).losses
    found = cnnx.lr_find(line(), ONES, np.ones(4), **settings, smoothing=0.75).losses
    weights = 0.75 ** np.arange(13)
    expected = [np.average(raw[i::-1], weights=weights[: i + 1]) for i in range(13)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_it_ends_when_the_loss_explodes() -> None:
    found = cnnx.lr_find(line(), ONES, np.ones(4), lowest=1e-3, highest=1e3, steps=61)
    assert 1 < found.rates[-1] < 1e3
    assert len(found.rates) == len(found.losses)
    assert found.losses[-1] <= 4 * min(found.losses)
    assert 1e-3 < found.suggestion < 1


def test_a_suggestion_below_the_first_rate_draws_a_warning() -> None:
    settings: dict[str, Any] = {"lowest": 0.1, "highest": 0.9, "steps": 13, "smoothing": 0}
    sentence = (
        r"^lr_find: the suggestion 0\.0\d+ is below lowest, 0\.1, so its loss was not measured, "
        r"expected a lower one: lr_find\(\.\.\., lowest=0\.00\d\)$"
    )
    with pytest.warns(cnnx.Warning, match=sentence):
        found = cnnx.lr_find(line(), ONES, np.ones(4), **settings)
    assert found.suggestion < 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cnnx.lr_find(line(), ONES, np.ones(4), **{**settings, "lowest": found.suggestion / 2})


def test_nothing_else_changes() -> None:
    trainer = make_trainer(schedule=cnnx.CosineDecay(), averaging=cnnx.WeightAverage())
    untouched = make_trainer(schedule=cnnx.CosineDecay(), averaging=cnnx.WeightAverage())
    settings: dict[str, Any] = {"lowest": 1e-3, "highest": 1.0, "steps": 20, "batch_size": 32}
    found = cnnx.lr_find(trainer, X, Y, **settings)
    assert found == cnnx.lr_find(trainer, X, Y, **settings)
    for each in (trainer, untouched):
        each.fit(X, Y, epochs=1, batch_size=32)
    assert trainer.learning_rate == 0.1
    for name, array in trainer.model.parameters.items():
        assert array.tobytes() == untouched.model.parameters[name].tobytes()


def test_the_suggestion_trains() -> None:
    trainer = make_trainer()
    trainer.learning_rate = cnnx.lr_find(trainer, X, Y, batch_size=16).suggestion
    history = trainer.fit(X, Y, epochs=12, batch_size=16)
    assert history.loss[-1] < 0.5 * history.loss[0]


def test_the_trainers_rules_hold() -> None:
    settings: dict[str, Any] = {"lowest": 1e-4, "steps": 13, "smoothing": 0}
    plain = cnnx.lr_find(line(), ONES, np.ones(4), highest=1.0, **settings)
    halved = line(rules=[cnnx.ParameterRule("*", learning_rate_factor=0.5)])
    settings["lowest"] = 2e-4
    found = cnnx.lr_find(halved, ONES, np.ones(4), highest=2.0, **settings)
    np.testing.assert_allclose(found.losses, plain.losses, rtol=1e-3, atol=1e-4)


def test_names_and_a_set_smaller_than_a_batch() -> None:
    names = np.array(["X", "O"])[Y[:5]]
    found = cnnx.lr_find(make_trainer(), X[:5], names, steps=10, highest=1e-2)
    assert len(found.rates) == 10


def test_other_forms_of_data_give_the_same_rates(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"lowest": 1e-3, "highest": 1.0, "steps": 20}
    expected = cnnx.lr_find(make_trainer(), X, Y, **settings)
    np.savez(tmp_path / "xo.npz", x=X, y=Y)
    own = cnnx.data.Dataset(X, Y, ("X", "O"))
    for data in ((X, Y), own, tmp_path / "xo.npz"):
        assert cnnx.lr_find(make_trainer(), data, **settings) == expected


def test_batches_are_taken_again_and_again() -> None:
    settings: dict[str, Any] = {"lowest": 1e-4, "highest": 1.0, "steps": 10, "smoothing": 0}
    batches = [(ONES, np.ones(4)), (ONES, np.zeros(4)), (ONES, np.full(4, 0.5))]
    with pytest.warns(cnnx.Warning, match="below lowest"):
        found = cnnx.lr_find(line(), batches, **settings)
    weight = 0.0
    for step, rate in enumerate(found.rates):
        target = (1, 0, 0.5)[step % 3]
        assert found.losses[step] == pytest.approx((weight - target) ** 2, rel=1e-5, abs=1e-12)
        weight -= 2 * rate * (weight - target)


@pytest.mark.parametrize(
    ("error", "settings", "sentence"),
    [
        (TypeError, {"trainer": 3}, "trainer is 3, expected a cnnx.Trainer"),
        (TypeError, {"x": X[0], "y": Y[0]}, "y is .*, expected an array"),
        (TypeError, {"x": None, "y": None}, "x is None without y, expected labels too, a Dataset"),
        (ValueError, {"lowest": 0}, "lowest is 0, expected a number > 0"),
        (TypeError, {"lowest": "a"}, "lowest is 'a', expected a number"),
        (ValueError, {"lowest": 1, "highest": 1}, "lowest is 1, expected less than highest, 1"),
        (ValueError, {"highest": float("inf")}, "highest is inf, expected a finite number"),
        (ValueError, {"steps": 9}, "steps is 9, expected an integer >= 10"),
        (ValueError, {"batch_size": 0}, "batch_size is 0, expected an integer >= 1"),
        (ValueError, {"smoothing": 1}, "smoothing is 1, expected a number >= 0 and < 1"),
        (
            ValueError,
            {"x": [], "y": None},
            r"x has run out of batches \(x, y\), expected an iterab",
        ),
        (ValueError, {"x": iter([(X, Y)]), "y": None}, r"x has run out of batches \(x, y\)"),
        (TypeError, {"x": [X, X, X], "y": None}, r"a batch is an array .*, expected \(x, y\)"),
        (
            ValueError,
            {"x": [(X, Y)], "y": None, "batch_size": 8},
            "batch_size is 8, expected none with an iterable of batches",
        ),
        (ValueError, {"x": X[:3]}, "there are 3 images and 96 targets, expected equal"),
        (ValueError, {"x": X[:0], "y": Y[:0]}, "there are 0 images and 0 targets, expected"),
        (
            ValueError,
            {"lowest": 1e6, "highest": 1e9},
            "the loss did not fall between the rates",
        ),
    ],
)
def test_refusals(error: type[Exception], settings: dict[str, Any], sentence: str) -> None:
    arguments: dict[str, Any] = {"trainer": make_trainer(), "x": X, "y": Y, **settings}
    with pytest.raises(error, match=f"^lr_find: {sentence}"):
        cnnx.lr_find(**arguments)


def test_images_that_are_not_finite_are_named() -> None:
    images = np.full((4, 32, 32, 1), np.nan, np.float32)
    with pytest.raises(ValueError, match=r"lr_find: the first loss is not finite.*finite images"):
        cnnx.lr_find(make_trainer(), images, [0, 1, 0, 1])


def test_images_of_pillow_are_taken_as_by_fit() -> None:
    images = [Image.fromarray(each[..., 0]).resize((40, 30)).convert("P") for each in X]
    arrays = np.stack([np.asarray(each.convert("L").resize((32, 32))) for each in images])
    assert cnnx.lr_find(make_trainer(), images, Y, steps=20).losses[0] == pytest.approx(
        cnnx.lr_find(make_trainer(), arrays, Y, steps=20).losses[0], rel=0.05
    )
