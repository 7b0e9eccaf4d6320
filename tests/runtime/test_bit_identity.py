"""The same bits: on any number of threads, on AVX2 and AVX-512, alone and in any batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, TypeAlias

import cnnx
import numpy as np
import numpy.typing as npt
import pytest
from comparison import assert_same_bits
from instruction_sets import digests, needs
from model_file_parts import make_model
from training_digests import RUNS

Array: TypeAlias = "npt.NDArray[Any]"
THREADS = (1, 2, 3, 8)
BATCHES = (1, 7, 64, 65)


@pytest.mark.parametrize("run", RUNS)
def test_a_training_run_on_any_number_of_threads(run: str, restore_threads: None) -> None:
    digests = {}
    for threads in THREADS:
        cnnx.set_num_threads(threads)
        digests[threads] = RUNS[run]()
    assert set(digests.values()) == {digests[1]}, digests


digests_of = cache(partial(digests, script="training_digests.py"))


def test_training_runs_on_avx2_and_avx512() -> None:
    needs("avx2")
    needs("avx512")
    assert digests_of("avx2", 3) == digests_of("avx512", 2)


def test_training_runs_on_baseline() -> None:
    """It has no fused multiply-add: it equals itself, on any number of threads."""
    one, three = digests_of("baseline", 1), digests_of("baseline", 3)
    assert one == three
    assert set(one) == set(RUNS)


def test_gradients_and_explanations_on_avx2_and_avx512() -> None:
    needs("avx2")
    needs("avx512")
    narrow, wide = (
        digests(isa, threads, script="gradient_digests.py")
        for isa, threads in (("avx2", 3), ("avx512", 2))
    )
    assert narrow == wide
    assert len(set(wide.values())) == len(wide), "different results have different hashes"


def test_a_digest_detects_a_single_bit() -> None:
    x, y = cnnx.data.xo(8)

    def digest(change: float) -> str:
        from training_digests import digest

        trainer = cnnx.Trainer(cnnx.models.small())
        trainer.step(x, y)
        weight = trainer.model.parameters["dense_1.weight"].copy()
        weight[3, 5] = np.nextafter(weight[3, 5], np.float32(change))
        trainer.model.parameters["dense_1.weight"] = weight
        return digest(trainer, x)

    assert digest(-9) != digest(9)


# An image's bits, alone and in any batch.

NETWORKS: dict[str, Callable[[], cnnx.Model]] = {
    "small": lambda: cnnx.models.small((32, 32, 3), 10),
    "lenet5": lambda: cnnx.models.lenet5((28, 28, 1), 10),
    "every layer": make_model,
}
every_network = pytest.mark.parametrize("network", NETWORKS)


def images_for(model: cnnx.Model, count: int) -> Array:
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (count, *model.input_shape), dtype=np.uint8)


@every_network
@pytest.mark.parametrize("threads", [1, 3])
def test_an_image_alone_or_in_any_batch(network: str, threads: int, restore_threads: None) -> None:
    cnnx.set_num_threads(threads)
    model = NETWORKS[network]()
    x = images_for(model, 65)
    alone = np.stack([model(image) for image in x])
    probabilities = np.stack([model.predict_proba(image) for image in x])
    for count in BATCHES:
        assert_same_bits(model(x[:count]), alone[:count])
        assert_same_bits(model(x[65 - count :]), alone[65 - count :])
        assert_same_bits(model.predict_proba(x[:count]), probabilities[:count])
    order = np.random.default_rng(4).permutation(65)
    assert_same_bits(model(x[order]), alone[order])


@every_network
def test_layer_outputs_end_with_the_outputs_of_the_model(network: str) -> None:
    model = NETWORKS[network]()
    x = images_for(model, 65)
    whole = model.layer_outputs(x)
    assert_same_bits(list(whole.values())[-1], model(x))
    for count in BATCHES[:-1]:
        for name, array in model.layer_outputs(x[:count]).items():
            assert_same_bits(array, whole[name][:count])


@every_network
def test_a_large_batch_runs_in_parts(network: str) -> None:
    model = NETWORKS[network]()
    x = images_for(model, 600)  # more than two parts
    whole = model(x)
    parts = [model(x[first : first + 150]) for first in range(0, 600, 150)]
    assert_same_bits(whole, np.concatenate(parts))
    for name, array in model.layer_outputs(x).items():
        assert_same_bits(array[300:365], model.layer_outputs(x[300:365])[name])


def test_large_images_run_one_by_one() -> None:
    layers = [cnnx.Conv2d(64, 3, padding=1), cnnx.ReLU(), cnnx.AvgPool2d(64)]
    model = cnnx.Model(layers, input_shape=(256, 256, 1))
    x = images_for(model, 3)
    assert_same_bits(model(x), np.stack([model(image) for image in x]))


def test_gradients_do_not_depend_on_the_threads(restore_threads: None) -> None:
    """Every batch size by itself: the chunks of a sum over the batch depend on shapes alone."""
    model = NETWORKS["lenet5"]()
    x, y = images_for(model, 65), np.arange(65) % 10
    trainer = cnnx.Trainer(model)
    for count in BATCHES:
        found = []
        for threads in THREADS:
            cnnx.set_num_threads(threads)
            loss = trainer.compute_gradients(x[:count], y[:count])
            found.append((loss, trainer.gradients.tobytes()))
        assert found == found[:1] * len(THREADS), f"batch {count}"
