"""The elementwise activations, forward and backward, against the reference."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import reference
from activation_names import ACTIVATIONS, reads_output
from cnnx import ops
from comparison import (
    assert_exactly_equal,
    assert_form_does_not_matter,
    assert_gradient,
    assert_same_bits,
    assert_threads_do_not_matter,
    assert_within_bound,
    assert_within_ulps,
)
from hypothesis import given
from hypothesis import strategies as st
from layer_kinds import arguments
from samples import Float32Array, gaussians, small_integers

pytestmark = pytest.mark.parity

SMOOTH = ("sigmoid", "tanh")
GATES = ("gelu", "silu", "mish", "hard_swish")  # x times a number from 0 to 1
FAR = 1e30
every_activation = pytest.mark.parametrize("name", ACTIVATIONS)
every_continuous_one = pytest.mark.parametrize("name", sorted({*ACTIVATIONS} - {"reciprocal"}))


def forward(library: Any, name: str, *arrays: Any, **settings: Any) -> Any:
    return getattr(library, name)(*arrays, **arguments(name), **settings)


def backward(library: Any, name: str, *arrays: Any, **settings: Any) -> Any:
    return getattr(library, f"{name}_backward")(*arrays, **arguments(name), **settings)


def wide_range() -> Float32Array:
    """Points dense where the functions bend, sparse where they are flat, and very near zero."""
    near = np.linspace(-12, 12, 20011)
    far = np.linspace(-87, 87, 4001)
    tiny = np.geomspace(1e-38, 1.0, 2003)
    return np.concatenate([near, far, tiny, -tiny, [0.0, -0.0]]).astype(np.float32)


@pytest.mark.parametrize("name", SMOOTH)
def test_within_4_ulps(name: str, rng: np.random.Generator) -> None:
    for x in (wide_range(), gaussians(rng, 13, 7, 5), 8 * gaussians(rng, 1001)):
        assert_within_ulps(forward(ops, name, x), forward(reference, name, x))


@pytest.mark.parametrize("name", SMOOTH)
def test_monotonic_and_within_its_limits(name: str) -> None:
    x = np.linspace(-100, 100, 40001, dtype=np.float32)
    y = forward(ops, name, x)
    if name == "sigmoid":
        assert 0.0 <= y.min() < 1e-37
    else:
        assert y.min() == -1.0
    assert y.max() == 1.0
    assert (np.diff(y) >= -4 * np.spacing(np.abs(y[1:]))).all()


@pytest.mark.parametrize("negative_slope", [0.01, 0.25, -0.5, 0.0])
def test_leaky_relu_scales_what_is_negative(
    negative_slope: float, rng: np.random.Generator
) -> None:
    x, grad_output = gaussians(rng, 7, 13, 3), gaussians(rng, 7, 13, 3)
    settings = {"negative_slope": negative_slope}
    assert_within_ulps(
        forward(ops, "leaky_relu", x, **settings), forward(reference, "leaky_relu", x, **settings)
    )
    assert_within_ulps(
        backward(ops, "leaky_relu", grad_output, x, **settings),
        backward(reference, "leaky_relu", grad_output, x, **settings),
    )


def test_exact_on_small_integers(rng: np.random.Generator) -> None:
    for shape in ((), (1,), (7,), (2, 7, 13, 6), (65,), (1, 1, 1)):
        x, grad_output = small_integers(rng, *shape), small_integers(rng, *shape)
        assert_exactly_equal(ops.relu(x), reference.relu(x))
        assert_exactly_equal(
            ops.relu_backward(grad_output, x), reference.relu_backward(grad_output, x)
        )
        slope = {"negative_slope": 0.25}
        assert_exactly_equal(ops.leaky_relu(x, **slope), reference.leaky_relu(x, **slope))
        assert_exactly_equal(
            ops.leaky_relu_backward(grad_output, x, **slope),
            reference.leaky_relu_backward(grad_output, x, **slope),
        )


@pytest.mark.parametrize("name", SMOOTH)
def test_backward_within_bound(name: str, rng: np.random.Generator) -> None:
    output = forward(ops, name, np.concatenate([3 * gaussians(rng, 1000), wide_range()]))
    grad_output = gaussians(rng, *output.shape)
    assert_within_bound(
        backward(ops, name, grad_output, output),
        backward(reference, name, grad_output, output),
        terms=2,
        magnitude=np.abs(grad_output) * (1.0 + np.abs(output)),
    )


@pytest.mark.parametrize("name", SMOOTH)
def test_backward_is_a_function_of_the_output(name: str) -> None:
    output = np.array([0.0, 0.25, 0.5, 1.0], np.float32)
    expected = {"sigmoid": [0.0, 0.1875, 0.25, 0.0], "tanh": [1.0, 0.9375, 0.75, 0.0]}[name]
    assert_exactly_equal(
        backward(ops, name, np.full(4, 2, np.float32), output), np.multiply(2, expected)
    )


def test_a_reciprocal_is_the_division(rng: np.random.Generator) -> None:
    """To the bit, also of zeros and infinities, which have no error beside a limit."""
    ends = np.array([np.inf, -np.inf, np.nan], np.float32)
    x = np.concatenate([wide_range(), ends, 3 * gaussians(rng, 1001)])
    with np.errstate(divide="ignore"):
        assert_same_bits(ops.reciprocal(x), np.float32(1) / x)
    output = 1 / x[(np.abs(x) > 1e-15) & (np.abs(x) < 1e15)]
    grad_output = gaussians(rng, *output.shape)
    expected = reference.reciprocal_backward(grad_output, output)
    assert_within_ulps(ops.reciprocal_backward(grad_output, output), expected, ulps=2)


@every_continuous_one
def test_as_the_reference_everywhere(name: str, rng: np.random.Generator) -> None:
    """Within a few steps of the numbers near 1; some activations have tighter tests."""
    x = np.concatenate([wide_range(), 3 * gaussians(rng, 1001)])
    expected = forward(reference, name, x)
    step = np.spacing(np.maximum(1.0, np.abs(expected)).astype(np.float32))
    output = forward(ops, name, x)
    assert (np.abs(output - expected) <= 4 * step).all()
    saved, grad_output = output if reads_output(name) else x, gaussians(rng, *x.shape)
    assert_within_bound(
        backward(ops, name, grad_output, saved),
        backward(reference, name, grad_output, saved),
        terms=2,
        magnitude=2 * np.abs(grad_output),
    )


@every_continuous_one
def test_nan_passes_and_infinity_is_the_limit(name: str) -> None:
    far = forward(reference, name, [FAR, -FAR])
    limits = np.where(np.abs(far) > FAR / 1e6, np.copysign(np.inf, far), far)
    for repeat in (1, 2, 3, 7, 11):  # vectors and tails
        x = np.tile(np.array([np.nan, np.inf, -np.inf], np.float32), repeat)
        expected = np.tile(np.float32([np.nan, *limits]), repeat)
        assert_exactly_equal(forward(ops, name, x), expected)


@every_activation
def test_gradients_at_infinity_are_the_limits(name: str) -> None:
    far = np.array([FAR, -FAR])
    saved = forward(reference, name, far) if reads_output(name) else far
    limits = backward(reference, name, np.ones(2), saved).astype(np.float32)
    x = np.array([FAR, -FAR, np.inf, -np.inf], np.float32)
    saved = forward(ops, name, x) if reads_output(name) else x
    assert_exactly_equal(backward(ops, name, np.ones(4, np.float32), saved), np.tile(limits, 2))


@pytest.mark.parametrize("name", GATES)
def test_gates_are_accurate_far_from_zero(name: str, rng: np.random.Generator) -> None:
    """Also where they are nearly 0: the error is relative to the result."""
    x = np.concatenate([wide_range(), 3 * gaussians(rng, 1001)])
    ulps = np.where(x < 0, 8 + x**2 / 2, 4) if name == "gelu" else 6 if name == "mish" else 4
    expected = forward(reference, name, x)
    measured = np.abs(expected) > 1e-30  # float32's denormals have fewer digits
    error = np.abs(forward(ops, name, x) - expected)[measured]
    step = np.spacing(np.abs(expected[measured]).astype(np.float32))
    near_its_zero = 4e-7 if name == "hard_swish" else 0.0  # where x + 3 cancels
    assert (error <= np.broadcast_to(ulps, x.shape)[measured] * step + near_its_zero).all()
    grad_output = gaussians(rng, *x.shape)
    assert_within_bound(
        backward(ops, name, grad_output, x),
        backward(reference, name, grad_output, x),
        terms=2,
        magnitude=2 * np.abs(grad_output),
    )


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("elu", {"alpha": 0.3}),
        ("elu", {"alpha": -2.0}),
        ("gelu", {"approximate": "tanh"}),
        ("soft_shrink", {"threshold": 0.3}),
        ("hard_sigmoid", {"slope": 0.2}),
        ("hard_sigmoid", {"slope": 1.5, "offset": -0.25}),
        ("hard_sigmoid", {"slope": 1e-6, "offset": 1.0}),
    ],
)
def test_other_settings(name: str, settings: dict[str, Any], rng: np.random.Generator) -> None:
    """As the reference, at NaN, at infinity, and beside a vector's end."""
    x = np.concatenate([wide_range(), 3 * gaussians(rng, 1001)])
    expected = forward(reference, name, x, **settings)
    step = np.spacing(np.maximum(1.0, np.abs(expected)).astype(np.float32))
    assert (np.abs(forward(ops, name, x, **settings) - expected) <= 4 * step).all()
    grad_output = gaussians(rng, *x.shape)
    expected = backward(reference, name, grad_output, x, **settings)
    bound = {"terms": 2, "magnitude": 2 * grad_output}
    assert_within_bound(backward(ops, name, grad_output, x, **settings), expected, **bound)
    ends, far = np.array([np.inf, -np.inf, np.nan], np.float32), np.array([FAR, -FAR])
    limits = forward(reference, name, far, **settings)
    limits = np.where(np.abs(limits) > FAR / 1e6, np.copysign(np.inf, limits), limits)
    output = forward(ops, name, ends, **settings)
    assert_exactly_equal(output, np.float32([*limits, np.nan]))
    limits = backward(reference, name, np.ones(2), far, **settings)
    gradient = backward(ops, name, np.ones(2), ends[:2], **settings)
    assert_exactly_equal(gradient, np.float32(limits))


@pytest.mark.parametrize("name", ["elu", "selu", "softsign"])
def test_accurate_near_zero_and_far_from_it(name: str, rng: np.random.Generator) -> None:
    x = np.concatenate([wide_range(), gaussians(rng, 1001)])
    expected = forward(reference, name, x)
    assert_within_ulps(forward(ops, name, x), expected)


def test_the_tanh_form_of_gelu_is_accurate_far_below_zero() -> None:
    """The error is relative to the result; rounding the argument z of e^z costs a few |z| ULP."""
    x = wide_range()
    expected = forward(reference, "gelu", x, approximate="tanh")
    measured = np.abs(expected) > 1e-30
    z = np.abs(reference.activations.tanh_argument(x.astype(np.float64)))
    error = np.abs(forward(ops, "gelu", x, approximate="tanh") - expected)
    bound = (6 + np.where(x < 0, 3 * z, 0.0)) * np.spacing(np.abs(expected).astype(np.float32))
    assert (error <= bound)[measured].all()


def test_elu_and_selu_gradients_at_zero_are_those_from_below() -> None:
    assert_exactly_equal(ops.elu_backward([1.0, 1.0], [0.0, -0.0], alpha=0.5), [0.5, 0.5])
    below = np.float32(1.0507009873554805 * 1.6732632423543772)
    assert_exactly_equal(ops.selu_backward([1.0, 1.0], [0.0, -0.0]), [below, below])


def test_clip_is_exact_at_its_limits() -> None:
    x = np.array([-2.0, -1.0, 0.5, 2.0, 3.0], np.float32)
    assert_exactly_equal(ops.clip(x, -1, 2), [-1, -1, 0.5, 2, 2])
    assert_exactly_equal(ops.clip_backward(np.ones(5), ops.clip(x, -1, 2), -1, 2), [0, 0, 1, 0, 0])
    assert_exactly_equal(ops.clip(x, 1, 1), np.ones(5))


def test_clip_at_0_and_6_is_relu6(rng: np.random.Generator) -> None:
    x, grad_output = 4 * gaussians(rng, 1001), gaussians(rng, 1001)
    output = ops.relu6(x)
    assert_same_bits(ops.clip(x, 0, 6), output)
    expected = ops.relu6_backward(grad_output, output)
    assert_same_bits(ops.clip_backward(grad_output, output, 0, 6), expected)


def test_relu6_is_exact_at_its_corners() -> None:
    x = np.array([-1.0, 0.0, 1.0, 6.0, 7.0], np.float32)
    assert_exactly_equal(ops.relu6(x), [0, 0, 1, 6, 6])
    assert_exactly_equal(ops.relu6_backward(np.ones(5), ops.relu6(x)), [0, 0, 1, 0, 0])


def test_hard_swish_is_exact_at_its_corners() -> None:
    x = np.array([-4.0, -3.0, 0.0, 3.0, 4.0], np.float32)
    assert_exactly_equal(ops.hard_swish(x), [0, 0, 0, 3, 4])
    assert_exactly_equal(ops.hard_swish_backward(np.ones(5), x), [0, 0, 0.5, 1, 1])


def test_hard_sigmoid_is_exact_at_its_corners() -> None:
    x = np.array([-4.0, -3.0, 0.0, 3.0, 4.0], np.float32)
    assert_exactly_equal(ops.hard_sigmoid(x), [0, 0, 0.5, 1, 1])
    assert_exactly_equal(ops.hard_sigmoid_backward(np.full(5, 6.0), x), [0, 0, 1, 0, 0])


def test_hard_sigmoid_of_keras_is_exact_at_its_corners() -> None:
    x = np.array([-3.0, -2.5, 0.0, 2.5, 3.0], np.float32)
    assert_exactly_equal(ops.hard_sigmoid(x, slope=0.2), [0, 0, 0.5, 1, 1])
    gradient = ops.hard_sigmoid_backward(np.full(5, 5.0), x, slope=0.2)
    assert_exactly_equal(gradient, [0, 0, 1, 0, 0])


def test_shrinkage_is_exact_at_its_corners() -> None:
    x = np.array([-2.0, -0.75, 0.0, 0.75, 1.0], np.float32)
    assert_exactly_equal(ops.hard_shrink(x, threshold=0.75), [-2, 0, 0, 0, 1])
    assert_exactly_equal(ops.soft_shrink(x, threshold=0.75), [-1.25, 0, 0, 0, 0.25])
    for backward_of in (ops.hard_shrink_backward, ops.soft_shrink_backward):
        assert_exactly_equal(backward_of(np.full(5, 3.0), x, threshold=0.75), [3, 0, 0, 0, 3])
        assert_exactly_equal(backward_of(np.ones(5), x, threshold=0), [1, 1, 0, 1, 1])


def test_relu_gradient_is_zero_at_zero_and_a_mask_elsewhere() -> None:
    x = np.array([0.0, -0.0, -1.0, 1.0, 1e-45, -1e-45], np.float32)
    ones, infinities = np.ones(6, np.float32), np.full(6, np.inf, np.float32)
    assert_exactly_equal(ops.relu_backward(ones, x), [0, 0, 0, 1, 1, 0])
    assert_exactly_equal(ops.relu_backward(infinities, x), [0, 0, 0, np.inf, np.inf, 0])


@every_activation
def test_an_element_gives_the_same_bits_at_any_position(
    name: str, rng: np.random.Generator
) -> None:
    x, grad_output = 3 * gaussians(rng, 70), gaussians(rng, 70)
    saved = forward(ops, name, x) if reads_output(name) else x
    y, grad_input = forward(ops, name, x), backward(ops, name, grad_output, saved)
    for length in range(1, 70):
        assert_same_bits(forward(ops, name, x[:length]), y[:length])
        assert_same_bits(
            backward(ops, name, grad_output[-length:], saved[-length:]), grad_input[-length:]
        )


@every_activation
def test_gradients_of_the_reference_by_finite_differences(
    name: str, rng: np.random.Generator
) -> None:
    x, grad_output = rng.standard_normal((3, 5)), rng.standard_normal((3, 5))
    saved = forward(reference, name, x) if reads_output(name) else x
    assert_gradient(
        backward(reference, name, grad_output, saved),
        partial(forward, reference, name),
        x,
        grad_output,
    )


@pytest.mark.usefixtures("restore_threads")
@every_activation
def test_threads_do_not_matter(name: str, rng: np.random.Generator) -> None:
    x, grad_output = gaussians(rng, 100_003), gaussians(rng, 100_003)
    assert_threads_do_not_matter(partial(forward, ops, name), x)
    assert_threads_do_not_matter(partial(backward, ops, name), grad_output, x)


@every_activation
def test_layout_and_dtype_do_not_matter(name: str, rng: np.random.Generator) -> None:
    x, grad_output = small_integers(rng, 3, 7, 6), small_integers(rng, 3, 7, 6)
    assert_form_does_not_matter(partial(forward, ops, name), x)
    assert_form_does_not_matter(partial(backward, ops, name), grad_output, x)


@given(st.lists(st.integers(1, 7), max_size=5))
def test_any_shape(shape: list[int]) -> None:
    rng = np.random.default_rng(0)
    x, grad_output = small_integers(rng, *shape), small_integers(rng, *shape)
    assert_exactly_equal(ops.relu(x), reference.relu(x))
    assert_exactly_equal(ops.relu_backward(grad_output, x), reference.relu_backward(grad_output, x))
    for name in SMOOTH:
        assert_within_ulps(forward(ops, name, x), forward(reference, name, x))


@every_activation
def test_refusals(name: str) -> None:
    x = np.zeros((2, 3), np.float32)
    with pytest.raises(TypeError, match=rf"^{name}: x has dtype complex64, expected real numbers"):
        forward(ops, name, x.astype(np.complex64))
    with pytest.raises(TypeError, match=rf"^{name}: x has dtype object, expected real numbers"):
        forward(ops, name, x.astype(object))
    saved = "output" if reads_output(name) else "x"
    with pytest.raises(
        ValueError,
        match=rf"^{name}_backward: grad_output has shape \(3, 2\), expected the shape of {saved}, "
        r"\(2, 3\)$",
    ):
        backward(ops, name, x.T, x)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ops.clip(0.0, 2, 1), "clip: minimum is 2.000000, expected at most maximum, 1.0"),
        (lambda: ops.clip(0.0, 0, np.inf), "clip: maximum is inf, expected a finite number"),
        (lambda: ops.hard_shrink(0.0, threshold=-1), "hard_shrink: threshold is -1.000000, exp"),
        (lambda: ops.elu(0.0, alpha=np.nan), "elu: alpha is nan, expected a finite number"),
        (lambda: ops.gelu(0.0, approximate="erf"), "gelu: approximate is 'erf', expected 'none'"),
        (lambda: ops.hard_sigmoid(0.0, slope=0), "hard_sigmoid: slope is 0.0"),
        (lambda: ops.hard_sigmoid(0.0, slope=1e-40), "hard_sigmoid: offset / slope is inf, exp"),
    ],
)
def test_wrong_settings_are_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}"):
        call()
