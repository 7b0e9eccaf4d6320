"""Rounding of weights for the error of the outputs, against the nearest whole numbers."""

from __future__ import annotations

import cnnx
import numpy as np
import pytest
from cnnx.quantization.network import Network, Node
from cnnx.quantization.rounding import rounded_for_outputs
from cnnx.quantization.weights import rounded, weight_scales
from instruction_sets import CPU_FLAGS, refusal_of, run_python

LAYERS = {
    "plain": cnnx.Conv2d(6, 3),
    "of many inputs": cnnx.Conv2d(5, 5),
    "depthwise": cnnx.Conv2d(8, 3, groups=8),
}


def layer(name: str) -> Node:
    model = cnnx.Model([LAYERS[name], cnnx.Flatten()], input_shape=(9, 9, 8))
    return Network.of(model).nodes["conv2d_1"]


def covariances(node: Node) -> np.ndarray:
    """Of inputs that have much in common, as the pixels of an image do."""
    height, width, depth, outputs = node.arrays["weight"].shape
    groups = outputs if node.is_depthwise else 1
    inputs = height * width * depth
    mixed = np.random.default_rng(6).standard_normal((groups, inputs, inputs))
    return mixed @ mixed.transpose(0, 2, 1) / inputs + 30


def errors(node: Node, weight: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Mean squared error of each output channel."""
    outputs = weight.shape[-1]
    error = (weight - node.arrays["weight"]).reshape(-1, outputs)
    each = np.broadcast_to(covariance, (outputs, *covariance.shape[1:]))
    return np.einsum("ko,okl,lo->o", error, each, error)


@pytest.mark.parametrize("name", LAYERS)
def test_no_other_whole_number_of_one_weight_is_better(name: str) -> None:
    node = layer(name)
    scales = weight_scales(node.arrays["weight"], "min_max")
    covariance = covariances(node)
    found = rounded_for_outputs(node, scales, covariance)
    np.testing.assert_allclose(found, rounded(found, scales), rtol=1e-12)
    least = errors(node, found, covariance)
    nearest = errors(node, rounded(node.arrays["weight"], scales), covariance)
    assert least.sum() < 0.5 * nearest.sum()
    if name != "of many inputs":  # their descent ends before
        for place in np.ndindex(found.shape[:-1]):
            for step in (-1, 1):
                other = found.copy()
                other[place] += step * scales
                is_inside = np.abs(other[place]) <= 127 * scales * (1 + 1e-9)
                is_worse = errors(node, other, covariance) >= least * (1 - 1e-4)
                assert (is_worse | ~is_inside).all()


@pytest.mark.parametrize("variance", [0.0, np.inf])
def test_the_nearest_without_a_covariance_that_says_more(variance: float) -> None:
    node = layer("plain")
    scales = weight_scales(node.arrays["weight"], "mse")
    covariance = np.full((1, 72, 72), variance)
    found = rounded_for_outputs(node, scales, covariance)
    np.testing.assert_array_equal(found, rounded(node.arrays["weight"], scales))


def test_inputs_that_are_always_zero() -> None:
    node = layer("plain")
    scales = weight_scales(node.arrays["weight"], "mse")
    covariance = covariances(node)
    covariance[:, 5], covariance[:, :, 5] = 0, 0
    found = rounded_for_outputs(node, scales, covariance).reshape(72, -1)
    nearest = rounded(node.arrays["weight"], scales).reshape(72, -1)
    np.testing.assert_array_equal(found[5], nearest[5])


PROGRAM = """
import hashlib, sys
import cnnx
import numpy as np
cnnx.set_num_threads(int(sys.argv[1]))
image = cnnx.Input((20, 20, 3))
maps = cnnx.ReLU6()(cnnx.Conv2d(24, 3, padding=1, groups=24)(cnnx.Conv2d(24, 3)(image)))
maps = cnnx.ReLU()(cnnx.Conv2d(30, 3, stride=2)(maps))
model = cnnx.Model.from_graph(image, cnnx.Dense(7)(cnnx.Flatten()(maps)))
small = cnnx.quantize(model, np.random.default_rng(1).random((64, 20, 20, 3), np.float32))
found = hashlib.sha256()
for arrays in (small.parameters, small.buffers):
    for name in arrays:
        found.update(arrays[name].tobytes())
print(found.hexdigest())
"""


@pytest.mark.beside
def test_the_same_weights_wherever_the_float_model_has_the_same_bits() -> None:
    found: dict[bool, set[str]] = {True: set(), False: set()}  # of baseline under True
    for isa in CPU_FLAGS:
        if refusal_of(isa) is not None:
            continue
        for threads in ("1", "2"):
            finished = run_python(isa, "-c", PROGRAM, threads)
            assert finished.returncode == 0, finished.stderr
            found[isa == "baseline"].add(finished.stdout)
    assert len(found[True]) == 1
    assert len(found[False]) <= 1
