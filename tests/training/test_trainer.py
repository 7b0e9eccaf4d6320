"""Trainer: its losses and gradients, gradients and update as separate calls, and refusals."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable
from typing import Any, TypeAlias

import cnnx
import numpy as np
import numpy.typing as npt
import pytest
import reference
from cnnx import ops
from comparison import assert_same_bits, numerical_gradient, rounding_bound
from reference_network import ReferenceNetwork

pytestmark = pytest.mark.parity

Array: TypeAlias = "npt.NDArray[Any]"

SHAPE = (9, 8, 2)
OPTIMIZERS = [
    cnnx.SGD(0.1),
    cnnx.SGD(0.1, momentum=0.9),
    cnnx.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    cnnx.Adam(0.01),
    cnnx.AdamW(0.01, weight_decay=0.1),
    cnnx.RMSprop(0.01, momentum=0.9),
    cnnx.Muon(0.01),
]
LOSSES = [
    cnnx.CrossEntropy(label_smoothing=0.1),
    cnnx.BinaryCrossEntropy(),
    cnnx.MSE(),
    cnnx.L1(),
    cnnx.Huber(0.5),
]
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)


def layers(outputs: int = 3) -> list[cnnx.Layer]:
    """Every kind of layer that may stand in the middle, with every kind of setting."""
    return [
        cnnx.Conv2d(4, (3, 2), stride=(2, 1), padding=((1, 0), (2, 1))),
        cnnx.LeakyReLU(0.1),
        cnnx.MaxPool2d(2, stride=1, padding="same"),
        cnnx.Conv2d(6, 3, padding="same", dilation=2, groups=2, bias=False),
        cnnx.Tanh(),
        cnnx.AvgPool2d(2, padding=1, count_include_pad=False),
        cnnx.Conv2d(5, 1),
        cnnx.Sigmoid(),
        cnnx.Flatten(),
        cnnx.Dense(12),
        cnnx.ReLU(),
        cnnx.Softmax(),
        cnnx.Dense(outputs),
    ]


def build(outputs: int = 3, seed: int = 0) -> cnnx.Model:
    """Nonzero biases: a zero would lie on the kink of a LeakyReLU in padded regions."""
    model = cnnx.Model(layers(outputs), input_shape=SHAPE, seed=seed)
    rng = np.random.default_rng(seed)
    for name, array in model.parameters.items():
        if name.endswith("bias"):
            model.parameters[name] = rng.uniform(-0.3, 0.3, array.shape)
    return model


def batch(rng: np.random.Generator, count: int, loss: object) -> tuple[Array, Array]:
    x = rng.random((count, *SHAPE), dtype=np.float32)
    if isinstance(loss, cnnx.CrossEntropy):
        return x, rng.integers(0, 3, count)
    if isinstance(loss, cnnx.BinaryCrossEntropy):
        return x, rng.integers(0, 2, (count, 3))
    return x, rng.standard_normal((count, 3)).astype(np.float32)


def bits(model: cnnx.Model) -> list[bytes]:
    return [array.tobytes() for array in model.parameters.values()]


def reference_loss(loss: object, outputs: Array, y: Array) -> tuple[float, Array]:
    """The loss and its gradient with respect to the outputs."""
    if isinstance(loss, cnnx.CrossEntropy):
        smoothing = {"label_smoothing": loss.label_smoothing}
        return (
            reference.cross_entropy(outputs, y, **smoothing),
            reference.cross_entropy_backward(outputs, y, **smoothing),
        )
    assert isinstance(loss, (cnnx.BinaryCrossEntropy, cnnx.MSE, cnnx.L1, cnnx.Huber))
    return (
        getattr(reference, loss.kind)(outputs, y, **loss.settings),
        getattr(reference, f"{loss.kind}_backward")(outputs, y, **loss.settings),
    )


# The gradients of a whole network.


@every_loss
def test_gradients_of_the_whole_network(loss: Any, rng: np.random.Generator) -> None:
    """Against the float64 network.

    An op may lose eps * (sqrt(K) + 8) of its largest value: 3e-6 for the K <= 300 terms here. The
    errors of consecutive ops are independent, so those of 13 ops are sqrt(13) times as large.
    """
    model = build()
    x, y = batch(rng, 6, loss)
    network = ReferenceNetwork(model)
    trainer = cnnx.Trainer(model, loss=loss)
    value = trainer.compute_gradients(x, y)
    expected_value, _ = reference_loss(loss, network(x), y)
    assert value == pytest.approx(expected_value, rel=2e-6)

    expected = network.gradients(x, lambda outputs: reference_loss(loss, outputs, y)[1])
    start = 0
    for name, gradient in expected.items():
        actual = trainer.gradients[start : start + gradient.size].reshape(gradient.shape)
        start += gradient.size
        worst = np.abs(gradient).max()
        assert worst > 0, f"nothing reaches {name}"
        np.testing.assert_allclose(actual, gradient, rtol=0, atol=1.1e-5 * worst, err_msg=name)
    assert start == trainer.gradients.size


@every_loss
def test_the_reference_by_finite_differences_of_its_loss(
    loss: Any, rng: np.random.Generator
) -> None:
    model = build()
    x, y = batch(rng, 2, loss)
    network = ReferenceNetwork(model)
    gradients = network.gradients(x, lambda outputs: reference_loss(loss, outputs, y)[1])
    for name in ("conv2d_1.bias", "conv2d_2.weight", "dense_1.bias", "dense_2.weight"):
        original = network.parameters[name]

        def loss_with(value: Array, name: str = name) -> float:
            network.parameters[name] = value
            return reference_loss(loss, network(x), y)[0]

        expected = numerical_gradient(loss_with, original)
        network.parameters[name] = original
        np.testing.assert_allclose(gradients[name], expected, rtol=1e-5, atol=1e-9)


# Step, and its two halves.


@every_loss
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_step_is_gradients_and_update(
    loss: Any, optimizer: Any, rng: np.random.Generator
) -> None:
    whole, halves = build(), build()
    one = cnnx.Trainer(whole, optimizer=optimizer, loss=loss)
    other = cnnx.Trainer(halves, optimizer=optimizer, loss=loss)
    before = bits(whole)
    for count in (5, 1, 7, 5):
        x, y = batch(rng, count, loss)
        if count == 7:
            x = (255 * x).astype(np.uint8)
        assert one.step(x, y) == other.compute_gradients(x, y)
        other.apply_gradients()
        assert bits(whole) == bits(halves)
        assert_same_bits(one.gradients, other.gradients)
    assert all(now != then for now, then in zip(bits(whole), before, strict=True))


@every_loss
def test_a_split_batch_adds_up_to_the_whole(loss: Any, rng: np.random.Generator) -> None:
    """5 + 3 against 8: sums of the same terms in another order.

    Each side lies within the rounding bound of the exact sum, whose magnitude is the sum over the
    single images: a term per image and output position of the largest layer.
    """
    trainer = cnnx.Trainer(build(), loss=loss)
    x, y = batch(rng, 8, loss)

    def part(where: slice) -> tuple[float, Array]:
        value = trainer.compute_gradients(x[where], y[where], divisor=8)
        return value, trainer.gradients.astype(np.float64)

    whole_loss, whole = part(slice(0, 8))
    first_loss, first = part(slice(0, 5))
    second_loss, second = part(slice(5, 8))
    assert first_loss + second_loss == pytest.approx(whole_loss, rel=1e-12)
    assert trainer.compute_gradients(x, y) == whole_loss
    assert_same_bits(trainer.gradients.astype(np.float64), whole)

    magnitude = np.sum([np.abs(part(slice(i, i + 1))[1]) for i in range(8)], axis=0)
    bound = 2 * rounding_bound(8 * 4 * 10, magnitude.max())
    assert np.abs(first + second - whole).max() <= bound
    assert np.abs(first - whole).max() > 100 * bound, "the parts are too alike to tell"


def test_a_divisor_divides(rng: np.random.Generator) -> None:
    trainer = cnnx.Trainer(build())
    x, y = batch(rng, 4, cnnx.CrossEntropy())
    mean = trainer.compute_gradients(x, y)
    gradients = trainer.gradients.copy()
    assert trainer.compute_gradients(x, y, divisor=16) == mean / 4
    assert_same_bits(trainer.gradients, gradients / 4)  # a power of two rounds nothing
    with pytest.raises(TypeError, match="compute_gradients: divisor is 'a', expected a number"):
        trainer.compute_gradients(x, y, divisor="a")  # type: ignore[arg-type]
    for divisor in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"divisor is .*, expected a finite number > 0"):
            trainer.compute_gradients(x, y, divisor=divisor)


@every_loss
def test_the_loss_is_that_of_the_op(loss: Any, rng: np.random.Generator) -> None:
    model = build()
    trainer = cnnx.Trainer(model, loss=loss)
    x, y = batch(rng, 70, loss)
    if isinstance(loss, cnnx.CrossEntropy):
        expected = ops.cross_entropy(model(x), y, label_smoothing=loss.label_smoothing)
    else:
        expected = getattr(ops, loss.kind)(model(x), y, **loss.settings)
    assert trainer.compute_gradients(x, y) == pytest.approx(expected, rel=1e-12)
    assert trainer.evaluate(x, y)["loss"] == pytest.approx(expected, rel=1e-12)


def test_compute_gradients_overwrites_and_updates_nothing(rng: np.random.Generator) -> None:
    model = build()
    trainer = cnnx.Trainer(model)
    before = bits(model)
    x, y = batch(rng, 5, cnnx.CrossEntropy())
    trainer.compute_gradients(x, y)
    once = trainer.gradients.copy()
    trainer.gradients[...] = np.nan
    trainer.compute_gradients(x, y)
    assert_same_bits(trainer.gradients, once)
    assert bits(model) == before


def test_gradients_are_a_writable_view_in_the_order_of_the_parameters() -> None:
    model = build()
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(1.0))
    gradients = trainer.gradients
    assert gradients.dtype == np.float32
    assert gradients.shape == (sum(array.size for array in model.parameters.values()),)
    assert gradients.flags.c_contiguous
    assert gradients.flags.writeable
    assert np.shares_memory(gradients, trainer.gradients)
    before = {name: array.copy() for name, array in model.parameters.items()}
    gradients[...] = np.arange(1, gradients.size + 1)
    trainer.apply_gradients()
    start = 0
    for name, array in model.parameters.items():
        own = gradients[start : start + array.size].reshape(array.shape)
        assert_same_bits(array, before[name] - own)
        start += array.size


def test_gradients_outlive_their_trainer(rng: np.random.Generator) -> None:
    trainer = cnnx.Trainer(build())
    trainer.compute_gradients(*batch(rng, 5, cnnx.CrossEntropy()))
    gradients = trainer.gradients
    copy = gradients.copy()
    del trainer
    gc.collect()
    [cnnx.Trainer(build()) for _ in range(20)]
    assert_same_bits(gradients, copy)


def test_the_model_outlives_its_trainer_and_the_trainer_its_model(
    rng: np.random.Generator,
) -> None:
    x, y = batch(rng, 5, cnnx.CrossEntropy())
    model = build()
    trainer = cnnx.Trainer(model)
    trainer.step(x, y)
    expected = model(x)
    core = trainer.model
    del model
    gc.collect()
    assert_same_bits(core(x), expected)
    trainer.step(x, y)
    del trainer
    gc.collect()
    assert not np.array_equal(core(x), expected)


# Refusals.


@pytest.mark.parametrize("loss", LOSSES[:2], ids=repr)
@pytest.mark.parametrize("last", [cnnx.Softmax(), cnnx.Sigmoid()], ids=repr)
def test_a_model_that_makes_probabilities_itself_is_refused(last: cnnx.Layer, loss: Any) -> None:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(2), last], input_shape=SHAPE)
    sentence = f"ends in {last.kind}, but {loss.kind} takes raw outputs.*leave the last layer out"
    with pytest.raises(ValueError, match=sentence):
        cnnx.Trainer(model, loss=loss)
    cnnx.Trainer(model, loss=cnnx.MSE())


@pytest.mark.parametrize(
    ("error", "settings", "sentence"),
    [
        (TypeError, {"model": 3}, "model is 3, expected a cnnx.Model"),
        (
            TypeError,
            {"optimizer": "adam"},
            "optimizer is 'adam', expected SGD, Adam, AdamW, RMSprop or",
        ),
        (TypeError, {"optimizer": cnnx.Adam}, "optimizer is <class .*, expected SGD, Adam, AdamW"),
        (TypeError, {"loss": "mse"}, "loss is 'mse', expected CrossEntropy, BinaryCrossEntropy"),
        (ValueError, {"seed": -1}, "seed is -1, expected an integer from 0"),
        (ValueError, {"seed": 1.5}, "seed is 1.5, expected an integer from 0"),
    ],
)
def test_wrong_settings_are_refused(
    error: type[Exception], settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(error, match=f"Trainer: {sentence}"):
        cnnx.Trainer(**{"model": build(), **settings})


@pytest.mark.parametrize(
    ("chain", "sentence"),
    [
        ([cnnx.Flatten()], "the model has no parameters to train"),
        ([cnnx.Conv2d(1, 1)], r"cross_entropy needs one output per class, but .*\(9, 8, 1\)"),
        ([cnnx.Flatten(), cnnx.Dense(1)], r"cross_entropy needs one output per class, .*\(1,\)"),
    ],
)
def test_models_that_cannot_be_trained_are_refused(chain: list[cnnx.Layer], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        cnnx.Trainer(cnnx.Model(chain, input_shape=SHAPE))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_trainer_is_not_copied(copied: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match=r"^Trainer: it can be neither copied nor pickled; copy"):
        copied(cnnx.Trainer(build()))


@pytest.mark.parametrize("method", ["step", "compute_gradients", "evaluate"])
def test_an_empty_batch_is_refused(method: str) -> None:
    trainer = cnnx.Trainer(build())
    with pytest.raises(ValueError, match="expected at least one"):
        getattr(trainer, method)(np.zeros((0, *SHAPE)), [])


@pytest.mark.parametrize(
    ("loss", "y", "sentence"),
    [
        (cnnx.MSE(), np.zeros((4, 2)), r"y has shape \(4, 2\), expected the outputs' shape"),
        (cnnx.MSE(), np.zeros((3, 4)), r"y has shape \(3, 4\), expected .*\(4, 3\)"),
        (cnnx.MSE(), np.full((4, 3), np.nan), "y holds NaN or infinity, expected finite numbers"),
        (
            cnnx.BinaryCrossEntropy(),
            np.full((4, 3), 2),
            "y holds values from 2.0 to 2.0, expected 0",
        ),
        (cnnx.BinaryCrossEntropy(), np.full((4, 3), -1), "y holds values from -1.0 to -1.0"),
        (cnnx.BinaryCrossEntropy(), np.zeros(4), r"y has shape \(4,\), expected .*\(4, 3\)"),
    ],
)
def test_wrong_targets_are_refused(loss: Any, y: Array, sentence: str) -> None:
    trainer = cnnx.Trainer(build(), loss=loss)
    for method in ("step", "compute_gradients", "evaluate"):
        with pytest.raises(ValueError, match=f"{method}: {sentence}"):
            getattr(trainer, method)(np.zeros((4, *SHAPE)), y)
