"""Muon: its steps against float64 by NumPy, its orthogonalisation, and the arrays it applies to."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
from reference_training import State, muon, orthogonal, sgd

# Tall, wide, square and odd matrices, of convolutions and of dense layers.
LAYERS = [
    cnnx.Conv2d(37, 3, padding=1),
    cnnx.Conv2d(5, 1),
    cnnx.Flatten(),
    cnnx.Dense(45),
    cnnx.Dense(3),
]


def make_trainer(optimizer: cnnx.Muon, **settings: Any) -> cnnx.Trainer:
    model = cnnx.Model(LAYERS, input_shape=(3, 3, 2), seed=1)
    return cnnx.Trainer(model, optimizer=optimizer, loss=cnnx.MSE(), **settings)


def split(trainer: cnnx.Trainer, block: Any) -> dict[str, Any]:
    """The one block of gradients as arrays by name."""
    shapes = {name: array.shape for name, array in trainer.model.parameters.items()}
    ends = np.cumsum([np.prod(shape) for shape in shapes.values()])
    parts = np.split(block, ends[:-1])
    return {
        name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }


def parameters(trainer: cnnx.Trainer) -> dict[str, Any]:
    return {name: np.array(array) for name, array in trainer.model.parameters.items()}


@pytest.mark.parametrize(
    "optimizer",
    [
        cnnx.Muon(),
        cnnx.Muon(0.3, momentum=0, nesterov=False, iterations=1),
        cnnx.Muon(0.1, momentum=0.6, nesterov=False, weight_decay=0.5, iterations=3),
    ],
    ids=["usual", "plain", "decayed"],
)
def test_steps(optimizer: cnnx.Muon, rng: np.random.Generator) -> None:
    """Five steps along gradients of every size.

    An iteration multiplies an error by at most 3.4, five of them by 484: an orthogonalised
    direction, whose entries are at most 1.2, is off by some hundreds of roundings.
    """
    trainer = make_trainer(optimizer)
    update = muon(**{k: v for k, v in optimizer.settings.items() if k != "matrices"})
    expected = {name: array.astype(np.float64) for name, array in parameters(trainer).items()}
    states: dict[str, State] = {name: {} for name in expected}
    for scale in (1.0, 1e-12, 1e6, 1.0, 1.0):
        trainer.gradients[...] = scale * rng.standard_normal(trainer.gradients.size)
        gradients = split(trainer, trainer.gradients.astype(np.float64))
        trainer.apply_gradients()
        for name, array in parameters(trainer).items():
            before = expected[name]
            expected[name] = update(before, gradients[name], states[name])
            largest = np.abs(before).max() + np.abs(expected[name] - before).max()
            error = np.abs(array - expected[name]).max()
            assert error <= 2000 * np.finfo(np.float32).eps * largest, (name, error / largest)
            expected[name] = array.astype(np.float64)


@pytest.mark.parametrize("shape", [(40, 24), (24, 40), (33, 33), (1, 7), (7, 1)])
def test_singular_values_become_about_one(shape: tuple[int, int], rng: np.random.Generator) -> None:
    """From a hundredth of the Frobenius norm on; the singular vectors stay."""
    rows, columns = shape
    rank = min(shape)
    left = np.linalg.qr(rng.standard_normal((rows, rows)))[0][:, :rank]
    right = np.linalg.qr(rng.standard_normal((columns, columns)))[0][:, :rank]
    values = np.geomspace(1, 0.05, rank)
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(columns, bias=False)], input_shape=(1, 1, rows))
    optimizer = cnnx.Muon(1.0, momentum=0, nesterov=False)
    trainer = cnnx.Trainer(model, optimizer=optimizer, loss=cnnx.MSE())
    model.parameters["dense_1.weight"] = np.zeros(shape)
    trainer.gradients[...] = ((left * values) @ right.T).ravel()
    trainer.apply_gradients()
    moved = -model.parameters["dense_1.weight"] / np.sqrt(max(1, columns / rows))
    found = left.T @ moved @ right
    assert (np.diag(found) > 0.65).all(), np.diag(found).min()
    assert (np.diag(found) < 1.25).all(), np.diag(found).max()
    np.testing.assert_allclose(found - np.diag(np.diag(found)), 0, atol=1e-4)
    np.testing.assert_allclose(moved, left @ np.diag(np.diag(found)) @ right.T, atol=1e-4)


def test_the_reference_is_orthogonal_in_the_limit(rng: np.random.Generator) -> None:
    """The reference's direction: singular values as above, and near the exact orthogonal factor."""
    matrix = rng.standard_normal((20, 12))
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    values = np.linalg.svd(orthogonal(matrix, 5), compute_uv=False)
    assert values.min() > 0.65
    assert values.max() < 1.25
    assert np.abs(orthogonal(matrix, 5) - left @ right).max() < 0.2


def test_bits_do_not_depend_on_threads(restore_threads: None) -> None:
    found = []
    for threads in (1, 2, 3, 8):
        cnnx.set_num_threads(threads)
        model = cnnx.Model(
            [cnnx.Conv2d(64, 3, padding=1), cnnx.Conv2d(96, 3), cnnx.Flatten(), cnnx.Dense(200)],
            input_shape=(9, 9, 3),
            seed=2,
        )
        trainer = cnnx.Trainer(model, optimizer=cnnx.Muon(), loss=cnnx.MSE())
        rng = np.random.default_rng(5)
        for _ in range(2):
            trainer.gradients[...] = rng.standard_normal(trainer.gradients.size)
            trainer.apply_gradients()
        found.append(b"".join(array.tobytes() for array in parameters(trainer).values()))
    assert len(set(found)) == 1


def test_the_length_of_a_gradient_does_not_matter_to_a_matrix(rng: np.random.Generator) -> None:
    """A power of two, which rounds nothing, changes no bit of a matrix, only other parameters."""
    gradient = rng.standard_normal(make_trainer(cnnx.Muon()).gradients.size).astype(np.float32)
    ends = []
    for scale in (1, 2**-20):
        trainer = make_trainer(cnnx.Muon(momentum=0, nesterov=False))
        trainer.gradients[...] = np.float32(scale) * gradient
        trainer.apply_gradients()
        ends.append(parameters(trainer))
    for name in ends[0]:
        same = ends[0][name].tobytes() == ends[1][name].tobytes()
        assert same == name.endswith("weight"), name


def test_a_zero_gradient_only_decays() -> None:
    for decay in (0.0, 0.5):
        trainer = make_trainer(cnnx.Muon(0.5, weight_decay=decay))
        before = parameters(trainer)
        trainer.gradients[...] = 0
        trainer.apply_gradients()
        for name, array in parameters(trainer).items():
            expected = before[name] * np.float32(1 - 0.5 * decay)
            assert array.tobytes() == expected.tobytes(), name


def test_unmatched_parameters_are_updated_by_sgd(rng: np.random.Generator) -> None:
    trainer = make_trainer(cnnx.Muon(0.1, matrices="conv2d_*"))
    gradient = rng.standard_normal(trainer.gradients.size)
    before = parameters(trainer)
    trainer.gradients[...] = gradient
    trainer.apply_gradients()
    gradients = split(trainer, gradient)
    update = sgd(0.1, momentum=0.95, nesterov=True)
    for name, array in parameters(trainer).items():
        expected = update(before[name].astype(np.float64), gradients[name], {})
        is_matrix = name in ("conv2d_1.weight", "conv2d_2.weight")
        assert np.allclose(array, expected, rtol=1e-5, atol=1e-6) != is_matrix, name


def test_rules_and_frozen_layers_hold_for_matrices(rng: np.random.Generator) -> None:
    rules = [
        cnnx.ParameterRule("conv2d_1.weight", learning_rate_factor=0),
        cnnx.ParameterRule("dense_1.weight", learning_rate_factor=0.5, weight_decay_factor=0),
    ]
    ruled = make_trainer(cnnx.Muon(0.1, momentum=0, nesterov=False, weight_decay=0.3), rules=rules)
    plain = make_trainer(cnnx.Muon(0.1, momentum=0, nesterov=False))
    ruled.model.layers[1].trainable = False
    before = parameters(plain)
    for trainer in (ruled, plain):
        trainer.gradients[...] = np.random.default_rng(3).standard_normal(trainer.gradients.size)
        trainer.apply_gradients()
    moved = {name: array - before[name] for name, array in parameters(plain).items()}
    after = parameters(ruled)
    for name in ("conv2d_1.weight", "conv2d_2.weight", "conv2d_2.bias"):
        assert after[name].tobytes() == before[name].tobytes(), name
    np.testing.assert_allclose(
        after["dense_1.weight"] - before["dense_1.weight"],
        moved["dense_1.weight"] / 2,
        atol=1e-6,
    )
    np.testing.assert_allclose(
        after["dense_2.weight"],
        before["dense_2.weight"] * 0.97 + moved["dense_2.weight"],
        atol=1e-6,
    )


def test_a_network_learns() -> None:
    x, y = cnnx.data.xo(512, seed=1)
    model = cnnx.models.small((32, 32, 1), ["X", "O"])
    trainer = cnnx.Trainer(model, optimizer=cnnx.Muon(0.05))
    trainer.fit(x, y, epochs=4)
    assert trainer.evaluate(*cnnx.data.xo(512, seed=2))["accuracy"] > 0.9


@pytest.mark.parametrize(
    ("error", "settings", "sentence"),
    [
        (ValueError, {"learning_rate": -1}, "Muon: learning_rate is -1, expected a finite"),
        (ValueError, {"momentum": 1}, "Muon: momentum is 1, expected .* < 1"),
        (ValueError, {"momentum": 0}, "Muon: momentum is 0, expected .*nesterov"),
        (TypeError, {"nesterov": 1}, "Muon: nesterov is 1, expected True or False"),
        (ValueError, {"weight_decay": -0.1}, "Muon: weight_decay is -0.1, expected"),
        (TypeError, {"matrices": ["*"]}, r"Muon: matrices is \['\*'\], expected text"),
        (ValueError, {"iterations": 0}, "Muon: iterations is 0, expected an integer from 1 to 20"),
        (ValueError, {"iterations": 2.5}, "Muon: iterations is 2.5, expected an integer"),
        (ValueError, {"iterations": 21}, "Muon: iterations is 21, expected an integer"),
    ],
)
def test_wrong_settings_are_refused(
    error: type[Exception], settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        cnnx.Muon(**settings)


@pytest.mark.parametrize("pattern", ["conv3d_*", "*.bias", ""])
def test_a_pattern_without_a_matrix_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=rf'muon: matrices is "{pattern}"'.replace("*", r"\*")):
        make_trainer(cnnx.Muon(matrices=pattern))
