"""Refusals of `Custom` layers: wrong results, wrong gradients, and files."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.layers import Custom
from custom_layers import (
    CLASSES,
    COUNT,
    SHAPE,
    added,
    images,
    labels,
    model,
    same_shape,
    square,
    squared,
    squared_backward,
)

WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "none": (None, TypeError, "returned None of dtype object, expected an array of real numbers"),
    "text": ("maps", TypeError, "returned 'maps' of dtype <U4, expected an array"),
    "objects": (np.array([None]), TypeError, "expected an array of real numbers of shape"),
    "ragged": ([np.zeros(2), np.zeros(3)], TypeError, "expected an array of real numbers of shape"),
    "complex": (
        np.zeros((COUNT, 6, 6, 4), complex),
        TypeError,
        "of dtype complex128, expected an array",
    ),
    "number": (0.0, ValueError, r"returned an array of shape \(\), expected \(10, 6, 6, 4\)"),
    "shape": (
        np.zeros((6, 6, 4)),
        ValueError,
        r"returned an array of shape \(6, 6, 4\), expected \(10, ",
    ),
    "NaN": (np.full((COUNT, 6, 6, 4), np.nan), FloatingPointError, "returned NaN for finite"),
    "infinity": (np.full((COUNT, 6, 6, 4), 1e300), FloatingPointError, "returned infinity for"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_output_is_named(case: str) -> None:
    result, error, sentence = WRONG[case]

    def function(x: Any) -> Any:
        return result

    network = model(Custom(function, squared_backward, same_shape, name="mine"))
    with pytest.raises(error, match=f"^layer mine: forward function .*{sentence}"):
        network(images())


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_gradient_is_named(case: str) -> None:
    result, error, sentence = WRONG[case]

    def function(grad_output: Any, x: Any) -> Any:
        return result

    trainer = cnnx.Trainer(model(Custom(squared, function, same_shape, check_gradient=False)))
    before = trainer.model.parameters["conv2d_1.weight"].copy()
    with pytest.raises(error, match=f"^layer custom_1: backward function .*{sentence}"):
        trainer.step(images(), labels())
    np.testing.assert_array_equal(trainer.model.parameters["conv2d_1.weight"], before)


def test_several_gradients_are_a_tuple() -> None:
    def one(grad_output: Any, x: Any, y: Any) -> Any:
        return grad_output

    image = cnnx.Input(SHAPE)
    maps = cnnx.Conv2d(2, 1)(image)
    end = cnnx.Flatten()(Custom(added, one, same_shape)(maps, maps))
    trainer = cnnx.Trainer(cnnx.Model.from_graph(image, cnnx.Dense(CLASSES)(end)))
    with pytest.raises(TypeError, match=r"backward one returned .*expected a tuple of 2 gradients"):
        trainer.step(images(), labels())


@pytest.mark.parametrize("factor", [0.0, -1.0, 0.5, 1.1])
def test_a_wrong_gradient_is_refused_at_the_first_step(factor: float) -> None:
    def wrong(grad_output: Any, x: Any) -> Any:
        return factor * squared_backward(grad_output, x)

    trainer = cnnx.Trainer(model(Custom(squared, wrong, same_shape)))
    with pytest.raises(ValueError, match="layer custom_1: backward wrong is wrong: along a random"):
        trainer.step(images(), labels())
    free = cnnx.Trainer(model(Custom(squared, wrong, same_shape, check_gradient=False)))
    assert np.isfinite(free.step(images(), labels()))


def test_what_no_file_can_hold_is_refused_before_anything_is_lost(tmp_path: Path) -> None:
    network = model(square(name="mine"))
    sentence = "a file cannot hold the Python functions of layer mine, expected "
    with pytest.raises(ValueError, match=rf"^save: {sentence}layers of the library; numpy.savez"):
        network.save(tmp_path / "model.cnnx")
    with pytest.raises(ValueError, match=rf"^pickle: {sentence}"):
        pickle.dumps(network)
    with pytest.raises(ValueError, match=r"^save: layer mine is of the kind custom, which has no"):
        cnnx.onnx.save(network, tmp_path / "model.onnx")
    with pytest.raises(ValueError, match=r"^model: layer mine is computed by functions"):
        network._core.to_bytes()
    trainer = cnnx.Trainer(network)
    with pytest.raises(ValueError, match=rf"^fit: checkpoint is .*run.ckpt.*, but {sentence}None"):
        trainer.fit(images(), labels(), epochs=1, checkpoint=tmp_path / "run.ckpt")
    best = cnnx.callbacks.BestModel(tmp_path / "best.cnnx", watch="loss")
    with pytest.raises(ValueError, match=rf"^BestModel: {sentence}EarlyStopping"):
        trainer.fit(images(), labels(), epochs=1, callbacks=[best])
    with pytest.raises(ValueError, match=r"^quantize: layer mine is computed by Python functions"):
        cnnx.quantize(network, images())
    with pytest.raises(ValueError, match=r"layer mine has functions of its own, which read unkno"):
        network.predict_tiled(np.zeros((64, 64, 2), np.float32))
    assert len(trainer.history) == 0
    assert list(tmp_path.iterdir()) == []
    np.savez(tmp_path / "weights.npz", **network.parameters)
    again = model(square(name="mine")).with_new_weights(seed=9)
    for name, array in np.load(tmp_path / "weights.npz").items():
        again.parameters[name] = array
    np.testing.assert_array_equal(again(images()), network(images()))


def test_wrong_arguments_are_named() -> None:
    anything: Any = Custom
    for call, sentence in (
        (lambda: anything(3, squared, same_shape), "Custom: forward is 3, expected a function of"),
        (lambda: anything(squared, None, same_shape), "Custom: backward is None, expected"),
        (lambda: anything(squared, squared, None), "Custom: output_shape is None, expected the"),
        (lambda: anything(squared, squared, "ab"), "Custom: output_shape is 'ab', expected the"),
        (lambda: anything(squared, squared, (2.5,)), r"Custom: output_shape is \(2.5,\)"),
        (lambda: anything(squared, squared), "Custom: output_shape is missing"),
        (lambda: anything(squared, squared, (1,), check_gradient=2), "Custom: check_gradient is 2"),
        (lambda: anything(squared, squared, (1,), name=3), "Custom: name is 3"),
        (lambda: model(Custom(squared, squared, lambda _: None)), "Custom: <lambda> returned None"),
    ):
        with pytest.raises(TypeError, match=f"^{sentence}"):
            call()
    for shape in ((), (0,), (3, -1)):
        with pytest.raises(ValueError, match=r"^Custom: output_shape is .*sizes of at least 1"):
            anything(squared, squared, shape)
        with pytest.raises(ValueError, match=r"^Custom: <lambda> returned .*sizes of at least 1"):
            model(Custom(squared, squared, lambda _, shape=shape: shape))
    with pytest.raises(ValueError, match=r"^layer custom_1: its output is"):
        model(Custom(squared, squared, (2**40, 2)))
    with pytest.raises(AttributeError, match=r"expected cnnx\.layers\.Custom"):
        _ = cnnx.Custom  # type: ignore[attr-defined]


def test_a_function_that_uses_its_model_is_refused() -> None:
    """It would wait for its own thread."""
    used: list[Any] = []

    def using(x: Any) -> Any:
        for use in used:
            use()
        return squared(x)

    network = model(Custom(using, squared_backward, same_shape))
    trainer = cnnx.Trainer(network)
    trainer.step(images(), labels())
    name = "conv2d_1.bias"
    for use in (
        lambda: network(images()),
        lambda: network.parameters[name],
        lambda: network.parameters.__setitem__(name, np.zeros(4)),
        lambda: network.temperature,
    ):
        used[:] = [use]
        for call in (lambda: network(images()), lambda: trainer.step(images(), labels())):
            with pytest.raises(ValueError, match=r"^model: a function that it calls uses it"):
                call()
    used[:] = [lambda: trainer.learning_rate]
    with pytest.raises(ValueError, match=r"^trainer: a function that it calls uses it"):
        trainer.step(images(), labels())
    other = model(square())
    used[:] = [lambda: other(images())]
    assert network(images()).shape == (COUNT, CLASSES)
    assert np.isfinite(trainer.step(images(), labels()))
