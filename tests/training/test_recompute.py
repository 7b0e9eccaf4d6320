"""`Trainer(recompute=True)`: the bits of training without it, and less memory."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import checkpoint_runs
import cnnx
import numpy as np
import pytest
from checkpoint_runs import RUNS, contents, x, y
from random_graphs import SEEDS, SHAPE, RandomGraph


def train(model: cnnx.Model, images: Any, targets: Any, **settings: Any) -> dict[str, Any]:
    """Every array that three steps change."""
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(1e-5, momentum=0.9), seed=2, **settings)
    losses = [trainer.step(images, targets) for _ in range(3)]
    return {
        **model.parameters,
        **model.buffers,
        "gradients": trainer.gradients,
        "losses": np.array(losses),
    }


def assert_recomputes(model: cnnx.Model, images: Any, targets: Any, **settings: Any) -> None:
    other = model.clone()
    expected = train(model, images, targets, **settings)
    actual = train(other, images, targets, **settings, recompute=True)
    for name, array in expected.items():
        assert np.asarray(actual[name]).tobytes() == np.asarray(array).tobytes(), name


@pytest.mark.parametrize("seed", SEEDS)
def test_random_graphs_get_the_same_bits(seed: int) -> None:
    model = RandomGraph(seed).model()
    rng = np.random.default_rng(seed)
    images = rng.standard_normal((4, *SHAPE)).astype(np.float32)
    targets = rng.standard_normal((4, *model.output_shape)).astype(np.float32)
    if not model.parameters:
        return
    loss = cnnx.MSE() if model.layers[-1].kind != "softmax" else cnnx.L1()
    assert_recomputes(model, images, targets, loss=loss)


@pytest.mark.parametrize(
    "network", [cnnx.models.resnet20, cnnx.models.mobilenet_v3_small, cnnx.models.mobilenet_v2]
)
def test_networks_get_the_same_bits(network: Any) -> None:
    model = network((32, 32, 3), 5, seed=1)
    rng = np.random.default_rng(3)
    images = rng.standard_normal((3, 32, 32, 3)).astype(np.float32)
    assert_recomputes(model, images, rng.integers(0, 5, 3))


def test_a_frozen_base_gets_the_same_bits() -> None:
    model = cnnx.models.resnet20((32, 32, 3), 5, seed=1)
    for layer in model.layers[:20]:
        layer.trainable = False
    rng = np.random.default_rng(4)
    images = rng.standard_normal((3, 32, 32, 3)).astype(np.float32)
    assert_recomputes(model, images, rng.integers(0, 5, 3))


@pytest.mark.parametrize("run", ["adam", "sgd"])
@pytest.mark.parametrize("first", [False, True])
def test_a_run_may_resume_with_and_without_it(run: str, first: bool, tmp_path: Path) -> None:
    settings, fit = RUNS[run]
    model = checkpoint_runs.network
    whole = cnnx.Trainer(model(), **settings)
    whole.fit(x, y, epochs=2, checkpoint=tmp_path / "whole.ckpt", **fit)
    trainer = cnnx.Trainer(model(), **settings, recompute=first)
    press = checkpoint_runs.stopping_after(2)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, epochs=2, checkpoint=tmp_path / "part.ckpt", progress=press, **fit)
    resumed = cnnx.Trainer.resume(tmp_path / "part.ckpt", recompute=not first)
    checkpoint_runs.resume(resumed, run)
    assert contents(tmp_path / "part.ckpt") == contents(tmp_path / "whole.ckpt")


def resident_bytes() -> int:
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def growth(model: cnnx.Model, *, recompute: bool) -> int:
    """Bytes that a step adds to the process and does not free."""
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.01), recompute=recompute)
    shape = (4, *model.input_shape)
    before = resident_bytes()
    trainer.step(np.zeros(shape, np.float32), np.zeros(4, np.int64))
    grown = resident_bytes() - before
    trainer.release()
    return grown


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_step_needs_less_memory() -> None:
    layers: list[cnnx.Layer] = []
    for _ in range(16):
        layers.append(cnnx.Conv2d(16, 3, padding="same"))
    layers += [cnnx.GlobalAvgPool2d(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=(128, 128, 3))
    # Sixteen arrays of 4 MB, a part of which is enough.
    whole, part = growth(model, recompute=False), growth(model, recompute=True)
    assert whole > 60e6
    assert part < 0.6 * whole


def test_learning_rate_range_keeps_it() -> None:
    trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), 2), recompute=True)
    assert trainer._copy()._recompute


@pytest.mark.parametrize("value", [1, "yes", None])
def test_other_values_are_refused(value: Any) -> None:
    model = cnnx.models.small((32, 32, 1), 2)
    with pytest.raises(TypeError, match=r"Trainer: recompute is .*, expected True or False"):
        cnnx.Trainer(model, recompute=value)
    with pytest.raises(TypeError, match=r"resume: recompute is .*, expected True or False"):
        cnnx.Trainer.resume("run.ckpt", recompute=value)
