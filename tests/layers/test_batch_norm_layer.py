"""BatchNorm2d in a model: running statistics, folding in inference, and frozen layers."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
from comparison import assert_same_bits
from graph_networks import with_random_values

SHAPE = (6, 5, 4)


def images(rng: np.random.Generator, count: int) -> Any:
    return np.asarray(3 + 2 * rng.standard_normal((count, *SHAPE)), dtype=np.float32)


def model_of(*layers: cnnx.Layer) -> cnnx.Model:
    model = cnnx.Model([*layers, cnnx.Flatten(), cnnx.Dense(2)], input_shape=SHAPE)
    return with_random_values(model)


def trainer_of(model: cnnx.Model, **settings: Any) -> cnnx.Trainer:
    return cnnx.Trainer(model, optimizer=cnnx.SGD(0.01), loss=cnnx.MSE(), **settings)


def running(model: cnnx.Model, name: str = "batch_norm2d_1") -> tuple[Any, Any]:
    return (
        model.buffers[f"{name}.running_mean"].copy(),
        model.buffers[f"{name}.running_variance"].copy(),
    )


def test_a_new_layer_has_its_initial_parameters() -> None:
    model = cnnx.Model([cnnx.BatchNorm2d()], input_shape=SHAPE)
    assert {name: array.tolist() for name, array in model.parameters.items()} == {
        "batch_norm2d_1.weight": [1.0] * 4,
        "batch_norm2d_1.bias": [0.0] * 4,
    }
    assert {name: array.tolist() for name, array in model.buffers.items()} == {
        "batch_norm2d_1.running_mean": [0.0] * 4,
        "batch_norm2d_1.running_variance": [1.0] * 4,
    }
    plain = cnnx.Model([cnnx.BatchNorm2d(affine=False)], input_shape=SHAPE)
    assert not plain.parameters
    assert [*plain.buffers] == [*model.buffers]


@pytest.mark.parametrize("momentum", [0.0, 0.1, 0.4, 1.0])
def test_running_statistics(momentum: float, rng: np.random.Generator) -> None:
    """PyTorch's formula: (1 - momentum) * running + momentum * batch's (unbiased variance)."""
    model = model_of(cnnx.BatchNorm2d(momentum=momentum))
    trainer = trainer_of(model)
    mean, variance = running(model)
    for count in (7, 2):
        x = images(rng, count)
        trainer.step(x, np.zeros((count, 2)))
        batch = x.astype(np.float64)
        mean = (1 - momentum) * mean + momentum * batch.mean((0, 1, 2))
        variance = (1 - momentum) * variance + momentum * batch.var((0, 1, 2), ddof=1)
        for ours, exact in zip(running(model), (mean, variance), strict=True):
            np.testing.assert_allclose(ours, exact, rtol=2e-6)
    assert_same_bits(model.layer_outputs(x)["batch_norm2d_1"], normalised(model, x))


def normalised(model: cnnx.Model, x: Any, name: str = "batch_norm2d_1") -> Any:
    parameters = (model.parameters[f"{name}.{each}"] for each in ("weight", "bias"))
    return cnnx.ops.batch_norm2d(x, *parameters, *running(model, name))


def test_one_pixel_has_no_variance_and_is_normalised_by_the_running_statistics() -> None:
    layers = [cnnx.AvgPool2d(SHAPE[:2]), cnnx.BatchNorm2d(), cnnx.Flatten(), cnnx.Dense(2)]
    model = with_random_values(cnnx.Model(layers, input_shape=SHAPE))
    before, trainer = running(model), trainer_of(model)
    x = np.full((1, *SHAPE), 0.7, dtype=np.float32)
    loss = trainer.compute_gradients(x, [[0, 0]])
    for ours, earlier in zip(running(model), before, strict=True):
        assert_same_bits(ours, earlier)
    assert loss == pytest.approx(float(np.mean(model(x).astype(np.float64) ** 2)), rel=1e-6)
    trainer.compute_gradients(np.concatenate([x, 2 * x]), np.zeros((2, 2)))
    assert not np.array_equal(running(model)[0], before[0])


def test_inference_leaves_the_statistics_alone(rng: np.random.Generator) -> None:
    model = model_of(cnnx.Conv2d(4, 3), cnnx.BatchNorm2d(), cnnx.ReLU())
    before, x = running(model), images(rng, 5)
    model(x)
    model.layer_outputs(x)
    trainer_of(model).evaluate(x, np.zeros((5, 2)))
    for ours, earlier in zip(running(model), before, strict=True):
        assert_same_bits(ours, earlier)


# Convolutions of every method: direct, one input channel, Winograd, depthwise, narrow groups, many
# weights; with and without a bias; followed by layers that a convolution may fuse too.
FOLDED: dict[str, list[cnnx.Layer]] = {
    "direct": [cnnx.Conv2d(5, 3, stride=2), cnnx.BatchNorm2d(), cnnx.ReLU()],
    "without bias": [cnnx.Conv2d(5, 1, bias=False), cnnx.BatchNorm2d(), cnnx.ReLU()],
    "without weight": [cnnx.Conv2d(5, 3), cnnx.BatchNorm2d(affine=False), cnnx.ReLU()],
    "pooled": [cnnx.Conv2d(5, 3), cnnx.BatchNorm2d(), cnnx.ReLU(), cnnx.MaxPool2d(2)],
    "pooled before ReLU": [cnnx.Conv2d(5, 3), cnnx.BatchNorm2d(), cnnx.MaxPool2d(2), cnnx.ReLU()],
    "winograd": [
        cnnx.Conv2d(16, 3, padding=1),
        cnnx.BatchNorm2d(),
        cnnx.ReLU(),
        cnnx.Conv2d(20, 3, padding=1, bias=False),
        cnnx.BatchNorm2d(),
    ],
    "depthwise": [cnnx.Conv2d(4, 3, groups=4), cnnx.BatchNorm2d(), cnnx.ReLU()],
    "groups": [cnnx.Conv2d(8, 3, groups=2, padding=1), cnnx.BatchNorm2d()],
    "many channels": [cnnx.Conv2d(600, 1), cnnx.BatchNorm2d(), cnnx.Conv2d(3, 1)],
    "many weights": [cnnx.Conv2d(256, 1), cnnx.Conv2d(520, 3, padding=1), cnnx.BatchNorm2d()],
    "two norms": [cnnx.Conv2d(5, 3), cnnx.BatchNorm2d(), cnnx.BatchNorm2d()],
    "nothing to fold into": [cnnx.BatchNorm2d(), cnnx.ReLU(), cnnx.MaxPool2d(2)],
    "residual": [
        cnnx.Residual([cnnx.Conv2d(4, 3, padding=1), cnnx.BatchNorm2d()]),
        cnnx.ReLU(),
        cnnx.Residual([cnnx.BatchNorm2d(), cnnx.ReLU(), cnnx.Conv2d(4, 3, padding=1)]),
    ],
}


@pytest.mark.parametrize("name", FOLDED)
@pytest.mark.parametrize("count", [1, 9])
def test_a_fold_is_the_two_layers(name: str, count: int, rng: np.random.Generator) -> None:
    model, x = model_of(*FOLDED[name]), images(rng, count)
    expected = [*model.layer_outputs(x).values()][-1]
    np.testing.assert_allclose(model(x), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_predict_and_evaluate_have_the_bits_of_one_fold(rng: np.random.Generator) -> None:
    model = model_of(*FOLDED["winograd"])
    x, y = images(rng, 300), rng.standard_normal((300, 2)).astype(np.float32)
    loss = trainer_of(model).evaluate(x, y)["loss"]
    # A difference of one bit in any output would change the double sum of all rows.
    rows = np.mean((model(x) - y) ** 2, axis=1, dtype=np.float64)
    assert loss == pytest.approx(rows.mean(), rel=1e-6)
    assert loss == cnnx.Trainer(model.clone(), loss=cnnx.MSE()).evaluate(x, y)["loss"]
    assert_same_bits(model(x), np.stack([model(image) for image in x]))


def test_a_fold_follows_changed_parameters(rng: np.random.Generator) -> None:
    """Weights, statistics and train steps, each after a prediction that has folded."""
    model, x = model_of(*FOLDED["winograd"]), images(rng, 4)

    def check() -> Any:
        expected = [*model.layer_outputs(x).values()][-1]
        found = model(x)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
        return found

    found = [check()]
    for arrays, key in (
        (model.parameters, "batch_norm2d_1.weight"),
        (model.parameters, "batch_norm2d_2.bias"),
        (model.buffers, "batch_norm2d_1.running_mean"),
        (model.buffers, "batch_norm2d_2.running_variance"),
        (model.parameters, "conv2d_2.weight"),
    ):
        arrays[key] = arrays[key] * np.float32(1.5)
        found.append(check())
    trainer_of(model).compute_gradients(x, np.zeros((4, 2)))  # updates only the statistics
    found.append(check())
    trainer_of(model).step(x, np.zeros((4, 2)))
    found.append(check())
    assert len({each.tobytes() for each in found}) == len(found)


def test_a_frozen_layer_normalises_by_its_running_statistics(rng: np.random.Generator) -> None:
    model, x = model_of(cnnx.BatchNorm2d()), images(rng, 5)
    model.layers[0].trainable = False
    before, expected = running(model), float(np.mean(model(x).astype(np.float64) ** 2))
    loss = trainer_of(model).compute_gradients(x, np.zeros((5, 2)))
    assert loss == pytest.approx(expected, rel=1e-5)
    for ours, earlier in zip(running(model), before, strict=True):
        assert_same_bits(ours, earlier)
    model.layers[0].trainable = True
    loss = trainer_of(model).compute_gradients(x, np.zeros((5, 2)))
    assert loss != pytest.approx(expected, rel=1e-2)
    assert not np.array_equal(running(model)[0], before[0])


def test_averaged_weights_have_averaged_statistics(rng: np.random.Generator) -> None:
    model = model_of(cnnx.Conv2d(4, 3), cnnx.BatchNorm2d())
    trainer = trainer_of(model, averaging=cnnx.WeightAverage(0.5))
    found = []
    for _ in range(2):
        trainer.step(images(rng, 4), np.zeros((4, 2)))
        found.append(running(model))
    decay = 1 / 10  # of the second average: at most 1 / (1 + 9)
    for ours, first, second in zip(running(trainer.averaged_model()), *found, strict=True):
        np.testing.assert_allclose(ours, decay * first + (1 - decay) * second, rtol=1e-6)


def test_the_statistics_of_the_whole_set_train_a_network() -> None:
    """Batch norm makes these badly scaled images easy, and inference agrees with training."""
    x, y = cnnx.data.xo(200, size=16, seed=1)
    x = 40 + 0.02 * x.astype(np.float32)
    layers = [
        cnnx.BatchNorm2d(),
        cnnx.Conv2d(8, 3, bias=False),
        cnnx.BatchNorm2d(),
        cnnx.ReLU(),
        cnnx.MaxPool2d(2),
        cnnx.Flatten(),
        cnnx.Dense(2),
    ]
    model = cnnx.Model(layers, input_shape=(16, 16, 1))
    trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(5e-3))
    trainer.fit(x, y, epochs=20, batch_size=25)
    assert trainer.evaluate(x, y)["accuracy"] > 0.9


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"momentum": -0.1}, "batch_norm2d: momentum is -0.1.*, expected a number from 0 to 1"),
        ({"momentum": 1.1}, "batch_norm2d: momentum is 1.1.*, expected a number from 0 to 1"),
        ({"epsilon": 0.0}, "batch_norm2d: epsilon is 0.*, expected a finite number > 0"),
        ({"epsilon": -1e-5}, "batch_norm2d: epsilon is -0.*, expected a finite number > 0"),
        ({"epsilon": float("inf")}, "BatchNorm2d: epsilon is inf, expected a finite number"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        cnnx.BatchNorm2d(**settings)  # type: ignore[arg-type]


def test_other_misuse_is_refused() -> None:
    with pytest.raises(TypeError, match="BatchNorm2d: affine is 1, expected True or False"):
        cnnx.BatchNorm2d(affine=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"layer batch_norm2d_1: batch_norm2d: x has shape \(1, 9"):
        cnnx.Model([cnnx.Flatten(), cnnx.BatchNorm2d()], input_shape=(3, 3, 1))
    model = model_of(cnnx.BatchNorm2d())
    with pytest.raises(ValueError, match=r"running_mean has shape \(4,\), but the array .* \(3,\)"):
        model.buffers["batch_norm2d_1.running_mean"] = [0, 0, 0]
    with pytest.raises(KeyError):
        model.buffers["batch_norm2d_1.weight"]


def trained(model: cnnx.Model, x: Any, **settings: Any) -> list[bytes]:
    """The gradients and statistics of a step."""
    trainer = trainer_of(model, **settings)
    target = np.random.default_rng(1).standard_normal((len(x), *model.output_shape))
    trainer.compute_gradients(x, target)
    return [trainer.gradients.tobytes(), *(each.tobytes() for each in model.buffers.values())]


@pytest.mark.parametrize("count", [1, 9])
def test_a_fused_relu6_has_the_bits_of_a_clip(count: int, rng: np.random.Generator) -> None:
    def network(relu6: cnnx.Layer, after_sum: cnnx.Layer) -> cnnx.Model:
        body = [cnnx.Conv2d(7, 1), cnnx.BatchNorm2d(), relu6, cnnx.Conv2d(4, 1), cnnx.BatchNorm2d()]
        model = model_of(cnnx.Residual(body), after_sum)
        for name, array in model.parameters.items():
            if name.endswith("batch_norm2d_1.weight") or name.endswith("batch_norm2d_2.weight"):
                model.parameters[name] = 8 * array  # so that both limits are reached
        return model

    x = images(rng, count)
    fused = trained(network(cnnx.ReLU6(), cnnx.ReLU6()), x)
    assert fused == trained(network(cnnx.Clip(0, 6), cnnx.Clip(0, 6)), x)
    assert fused != trained(network(cnnx.ReLU(), cnnx.ReLU()), x)


def test_large_outputs_are_computed_again(rng: np.random.Generator) -> None:
    """The gradient of the second weight is that of the functions one by one."""
    layers = [cnnx.Conv2d(8, 1, bias=False), cnnx.BatchNorm2d(), cnnx.ReLU(), cnnx.Conv2d(3, 1)]
    model = cnnx.Model(layers, input_shape=(64, 64, 2), seed=1)
    x = rng.standard_normal((17, 64, 64, 2)).astype(np.float32)
    target = rng.standard_normal((17, 64, 64, 3)).astype(np.float32)
    trainer = trainer_of(model)
    trainer.compute_gradients(x, target)
    first, gamma, beta, second, bias = model.parameters.values()
    ops = cnnx.ops
    normalised, *_ = ops.batch_norm2d_training(ops.conv2d(x, first), gamma, beta)
    hidden = ops.relu(normalised)
    output = ops.conv2d(hidden, second, bias)
    gradient = ops.mean_squared_error_backward(output, target)
    _, expected, _ = ops.conv2d_backward(gradient, hidden, second)
    actual = trainer.gradients[-expected.size - 3 : -3].reshape(expected.shape)
    assert_same_bits(actual, expected)


@pytest.mark.parametrize(
    ("layer", "clip"),
    [(cnnx.ReLU6, (0, 6)), (cnnx.ReLU, (0, 1e30)), (None, (-1e30, 1e30))],
    ids=["relu6", "relu", "none"],
)
@pytest.mark.parametrize(
    ("reader", "size", "channels", "settings"),
    [
        (cnnx.Conv2d, (64, 61), 17, {"kernel_size": 3, "padding": "same"}),
        (cnnx.Conv2d, (47, 64), 24, {"kernel_size": 5, "stride": 2, "padding": 3}),
        (cnnx.Conv2d, (40, 33), 80, {"kernel_size": (3, 2), "dilation": 2}),
        (cnnx.Conv2d, (9, 7), 900, {"kernel_size": 3, "padding": 1, "stride": (1, 3)}),
        (cnnx.MaxPool2d, (57, 64), 17, {"kernel_size": 3, "padding": 1, "stride": 2}),
        (cnnx.MaxPool2d, (64, 33), 32, {"kernel_size": 2}),
        (
            cnnx.MaxPool2d,
            (50, 47),
            40,
            {"kernel_size": (3, 2), "dilation": 3, "stride": 4, "padding": 1, "ceil_mode": True},
        ),
        (cnnx.MaxPool2d, (9, 7), 900, {"kernel_size": (7, 3), "padding": (3, 0), "stride": 1}),
    ],
)
def test_a_reader_normalises_its_input(
    layer: Any,
    clip: tuple[float, float],
    reader: Any,
    size: tuple[int, int],
    channels: int,
    settings: dict[str, Any],
    restore_threads: None,
) -> None:
    """With a clip between them, the same network stores the output of the batch norm."""
    rng = np.random.default_rng(channels)
    x = rng.standard_normal((3, *size, 2)).astype(np.float32)

    def network(between: list[cnnx.Layer], frozen: slice) -> cnnx.Model:
        layers = [
            cnnx.Conv2d(channels, 1),
            cnnx.BatchNorm2d(),
            *between,
            reader(channels, groups=channels, **settings)
            if reader is cnnx.Conv2d
            else reader(**settings),
            cnnx.GlobalAvgPool2d(),
            cnnx.Dense(2),
        ]
        for each in layers[frozen]:
            each.trainable = False
        model = with_random_values(cnnx.Model(layers, input_shape=(*size, 2)))
        model.parameters["batch_norm2d_1.weight"] = 5 * model.parameters["batch_norm2d_1.weight"]
        return model

    # No layer, the batch norm, it and the layers before, all but the last.
    for frozen in (slice(0), slice(1, 2), slice(2), slice(-1)):
        expected = trained(network([cnnx.Clip(*clip)], frozen), x)
        for threads in (1, 2, 3):
            cnnx.set_num_threads(threads)
            for recompute in (False, True):
                model = network([layer()] if layer else [], frozen)
                assert trained(model, x, recompute=recompute) == expected
