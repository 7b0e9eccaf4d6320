"""Training in bfloat16: parameters in float32, changes between steps, averages and checkpoints."""

from __future__ import annotations

from pathlib import Path

import cnnx
import numpy as np
import pytest
from comparison import assert_same_bits

X, Y = cnnx.data.xo(48, size=16, seed=1)


def network(dtype: str) -> cnnx.Model:
    layers = [cnnx.Conv2d(8, 3), cnnx.ReLU(), cnnx.MaxPool2d(2), cnnx.Flatten(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=(16, 16, 1), seed=1)
    model._core.compute_dtype = dtype
    return model


def assert_same_model(one: cnnx.Model, other: cnnx.Model) -> None:
    assert one.compute_dtype == other.compute_dtype
    for name, array in one.parameters.items():
        assert_same_bits(array, other.parameters[name])


def test_a_step_rounds_and_updates_float32_parameters() -> None:
    models = {dtype: network(dtype) for dtype in ("float32", "bfloat16")}
    losses = {
        dtype: [cnnx.Trainer(model, optimizer=cnnx.SGD(0.05)).step(X, Y) for _ in range(2)]
        for dtype, model in models.items()
    }
    assert losses["bfloat16"] != losses["float32"]
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=0.02)
    bits = models["bfloat16"].parameters["conv2d_1.weight"].view(np.uint32)
    assert (bits & 0xFFFF).any()  # which bfloat16 has not


def test_a_change_between_steps_applies_to_the_next() -> None:
    model = network("float32")
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.05))
    for dtype in ("bfloat16", "float32", "bfloat16"):
        trainer.step(X, Y)
        other = model.clone()
        model._core.compute_dtype = other._core.compute_dtype = dtype
        expected = cnnx.Trainer(other, optimizer=cnnx.SGD(0.05)).step(X, Y)
        before = model.clone()
        assert trainer.step(X, Y) == expected
        assert_same_model(model, other)
        assert (before.parameters["dense_1.weight"] != other.parameters["dense_1.weight"]).any()


def test_the_average_computes_as_the_model_does_now() -> None:
    model = network("float32")
    trainer = cnnx.Trainer(
        model, optimizer=cnnx.SGD(0.05), averaging=cnnx.WeightAverage(0.5, every=2)
    )
    found = {}
    for dtype in ("float32", "bfloat16", "float32", "bfloat16"):
        model._core.compute_dtype = dtype
        averaged = trainer.averaged_model()  # before the first average, the model itself
        assert averaged.compute_dtype == dtype
        trainer.step(X, Y)
        averaged = trainer.averaged_model()
        assert averaged.compute_dtype == dtype
        model._core.compute_dtype = "float32"
        found["float32"] = trainer.evaluate(X, Y, averaged=True)["loss"]
        model._core.compute_dtype = "bfloat16"
        found["bfloat16"] = trainer.evaluate(X, Y, averaged=True)["loss"]
        assert found["bfloat16"] != found["float32"]
        assert trainer.averaged_model().compute_dtype == "bfloat16"


def test_a_resumed_run_computes_in_it_and_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole = cnnx.Trainer(network("bfloat16"), averaging=cnnx.WeightAverage(0.9))
    history = whole.fit(X, Y, epochs=3, batch_size=20, validation=0.2)

    def stop(progress: object) -> None:
        if len(stopped.history) == 1:
            raise KeyboardInterrupt

    stopped = cnnx.Trainer(network("bfloat16"), averaging=cnnx.WeightAverage(0.9))
    path = tmp_path / "run.ckpt"
    settings = {"epochs": 3, "batch_size": 20, "validation": 0.2, "checkpoint": path}
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(X, Y, progress=stop, **settings)
    resumed = cnnx.Trainer.resume(path)
    assert resumed.model.compute_dtype == "bfloat16"
    assert resumed.fit(X, Y).loss == history.loss
    assert_same_model(resumed.model, whole.model)
    assert_same_model(resumed.averaged_model(), whole.averaged_model())


def test_a_profile_of_steps_in_both_has_each_layer_once() -> None:
    model = network("float32")
    trainer = cnnx.Trainer(model)
    trainer.start_profile()
    for dtype in ("float32", "bfloat16"):
        model._core.compute_dtype = dtype
        trainer.step(X, Y)
    profile = trainer.profile()
    assert profile.steps == 2
    named = [layer for each in profile.layers for layer in each.layers]
    assert sorted(named) == sorted(set(named))
    assert {"conv2d_1", "dense_1"} <= set(named)
    assert all(each.forward > 0 for each in profile.layers)
