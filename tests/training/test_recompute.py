"""`Trainer(recompute=True)`: the bits of training without it, and less memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import checkpoint_runs
import cnnx
import numpy as np
import pytest
from checkpoint_runs import RUNS, contents, x, y
from python_process import run_python
from random_graphs import SEEDS, SHAPE, RandomGraph
from sanitizer import not_under_address_sanitizer


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
    images = 0.5 * rng.standard_normal((4, *SHAPE), np.float32)  # products of many stay finite
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


# Prints the bytes that a step without and a step with `recompute` add to a process.
MEMORY_SCRIPT = """
import resource
import numpy as np
import cnnx

def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

# Sixteen arrays of 4 MB, a part of which is enough.
layers = [cnnx.Conv2d(16, 3, padding="same") for _ in range(16)]
model = cnnx.Model(
    [*layers, cnnx.GlobalAvgPool2d(), cnnx.Dense(2)], input_shape=(128, 128, 3)
)
for recompute in (False, True):
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.01), recompute=recompute)
    before = resident_bytes()
    trainer.step(np.zeros((4, 128, 128, 3), np.float32), np.zeros(4, np.int64))
    print(resident_bytes() - before)
    trainer.release()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's /proc")
def test_a_step_needs_less_memory() -> None:
    not_under_address_sanitizer("freed memory stays in quarantine")
    # glibc then returns freed memory to the system at once.
    printed = run_python("-c", MEMORY_SCRIPT, MALLOC_MMAP_THRESHOLD_="131072")
    whole, part = map(int, printed.split())
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
