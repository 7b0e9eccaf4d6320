"""Building a Model: names, shapes, initial weights, and refusals that name the layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import numpy.typing as npt
import pytest
from cnnx.model.build import built
from cnnx.model.layer_reuse import every_layer
from small_models import SHAPE, Images, build, random_images, small


@pytest.fixture
def images(rng: np.random.Generator) -> Images:
    return random_images(rng)


def test_names_are_kind_and_ordinal_unless_given() -> None:
    model = build(
        cnnx.Conv2d(4, 3),
        cnnx.ReLU(),
        cnnx.Conv2d(4, 3, name="conv2d_2"),
        cnnx.ReLU(name="block.relu"),
        cnnx.Conv2d(2, 1),
        cnnx.LeakyReLU(),
        cnnx.Flatten(),
        cnnx.Dense(5, bias=False),
        cnnx.Tanh(),
    )
    x = np.zeros(SHAPE)
    assert list(model.layer_outputs(x)) == [
        *("conv2d_1", "relu_1", "conv2d_2", "block.relu", "conv2d_3", "leaky_relu_1"),
        *("flatten_1", "dense_1", "tanh_1"),
    ]
    assert {name: array.shape for name, array in model.parameters.items()} == {
        "conv2d_1.weight": (3, 3, 3, 4),
        "conv2d_1.bias": (4,),
        "conv2d_2.weight": (3, 3, 4, 4),
        "conv2d_2.bias": (4,),
        "conv2d_3.weight": (1, 1, 4, 2),
        "conv2d_3.bias": (2,),
        "dense_1.weight": (16, 5),
    }


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (cnnx.Conv2d(7, 3), (6, 4, 7)),
        (cnnx.Conv2d(7, (3, 1), stride=(2, 3), padding=((1, 0), (0, 2))), (4, 3, 7)),
        (cnnx.Conv2d(6, 3, padding="same", stride=3, groups=3), (3, 2, 6)),
        (cnnx.Conv2d(7, 3, dilation=2, padding="valid"), (4, 2, 7)),
        (cnnx.MaxPool2d(3), (2, 2, 3)),
        (cnnx.MaxPool2d(3, padding="same"), (3, 2, 3)),
        (cnnx.AvgPool2d(3, stride=1, padding=1), (8, 6, 3)),
        (cnnx.Flatten(), (144,)),
        (cnnx.ReLU(), SHAPE),
        (cnnx.Softmax(), SHAPE),
    ],
    ids=repr,
)
def test_shapes(layer: cnnx.Layer, shape: tuple[int, ...], images: npt.NDArray[np.float32]) -> None:
    model = build(layer)
    assert model.input_shape == SHAPE
    assert model.output_shape == shape
    assert model(images).shape == (5, *shape)
    assert model(images[:0]).shape == (0, *shape)


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        (
            [cnnx.Conv2d(4, 3), cnnx.ReLU(), cnnx.Conv2d(4, 7)],
            r"layer conv2d_2: conv2d: kernel_size is \(7, 7\) and covers \(7, 7\), expected at "
            r"most the input's \(6, 4\)",
        ),
        (
            [cnnx.Conv2d(4, 3, groups=2, name="edges")],
            "layer edges: conv2d: groups is 2, expected a divisor of in_channels = 3",
        ),
        (
            [cnnx.Flatten(), cnnx.Conv2d(4, 3)],
            r"layer conv2d_1: conv2d: x has shape \(1, 144\), expected \(batch, height, width",
        ),
        ([cnnx.MaxPool2d(4), cnnx.MaxPool2d(3)], "layer max_pool2d_2: max_pool2d: kernel_size is"),
        (
            [cnnx.AvgPool2d(2, padding=2)],
            "layer avg_pool2d_1: avg_pool2d: padding at the top is 2, expected .*less than",
        ),
        ([cnnx.Dense(3)], r"layer dense_1: dense: .*\(1, 8, 6, 3\)"),
        ([], "layers is empty, expected at least one layer"),
        ([cnnx.ReLU(name="a"), cnnx.Tanh(name="a")], 'two layers are named "a"'),
        ([cnnx.ReLU(name="a b")], 'layer name "a b" must be 1 to 100 letters, digits'),
        ([cnnx.ReLU(name="n" * 101)], "must be 1 to 100 letters"),
        ([cnnx.ReLU(name="input")], 'no layer may be named "input"'),
    ],
)
def test_layers_that_do_not_fit_are_refused_by_name(
    layers: list[cnnx.Layer], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        build(*layers)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "settings", "sentence"),
    [
        (TypeError, {"input_shape": (8, 6)}, r"input_shape is \(8, 6\), expected \(height, width"),
        (TypeError, {"input_shape": (8, 6.0, 3)}, r"input_shape is \(8, 6.0, 3\), expected"),
        (TypeError, {"input_shape": 8}, "input_shape is 8, expected"),
        (ValueError, {"input_shape": (8, 0, 3)}, r"input_shape is \(8, 0, 3\), expected .*least 1"),
        (ValueError, {"classes": ["a", "b"]}, r"classes has 2 names, but .* has shape \(3,\)"),
        (ValueError, {"classes": ["a", "b", "a"]}, "classes has 3 names of which only 2 differ"),
        (TypeError, {"classes": "abc"}, "classes is 'abc', expected a list of names"),
        (TypeError, {"classes": 3}, "classes is 3, expected a list of names"),
        (TypeError, {"classes": iter("abc")}, "classes is <.*iterator.*>, expected a list"),
        (TypeError, {"classes": [0, 1, 2]}, r"classes is \[0, 1, 2\], expected a list of names"),
        (ValueError, {"seed": -1}, "seed is -1, expected an integer from 0 to"),
        (ValueError, {"seed": 2**63}, "seed is 9223372036854775808, expected"),
        (ValueError, {"seed": 0.5}, "seed is 0.5, expected an integer"),
        (TypeError, {"layers": cnnx.ReLU()}, r"layers is ReLU\(\), expected a list of layers"),
        (TypeError, {"layers": [cnnx.ReLU]}, "layers holds <class .*ReLU'>, expected layers such"),
        (ValueError, {"preprocessing": cnnx.Preprocessing(std=0)}, "std is 0, expected .* above 0"),
        (
            ValueError,
            {"preprocessing": cnnx.Preprocessing(mean=(0, 1))},
            r"mean has 2 values, expected 1 or 3",
        ),
        (
            ValueError,
            {"preprocessing": cnnx.Preprocessing(mean=float("nan"))},
            "mean is nan, expected a finite number",
        ),
        (TypeError, {"preprocessing": 0.5}, "preprocessing is 0.5, expected"),
    ],
)
def test_wrong_settings_are_refused(
    error: type[Exception], settings: dict[str, Any], sentence: str
) -> None:
    given = {"layers": [cnnx.Flatten(), cnnx.Dense(3)], "input_shape": SHAPE, **settings}
    with pytest.raises(error, match=sentence) as caught:
        cnnx.Model(**given)
    assert "\n" not in str(caught.value)


def test_sizes_beyond_memory_are_refused() -> None:
    with pytest.raises(ValueError, match=r"input_shape is \(1.*\), expected at most 2\^40 numbers"):
        build(cnnx.ReLU(), input_shape=(2**40, 2**40, 2**40))
    with pytest.raises(
        ValueError, match=r"layer conv2d_1: conv2d: weight of shape .*too many elements"
    ):
        build(cnnx.Conv2d(2**24, 32, padding=16), input_shape=(8, 8, 2**30))
    with pytest.raises(MemoryError, match=r"^model: its parameters take .* dense_2\.weight alone"):
        build(cnnx.Flatten(), cnnx.Dense(2**24), cnnx.Dense(2**24))


HALF = "caf\udce9"  # a byte of a file name that is not UTF-8, as Python represents it


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: small(["X", "O", HALF]), "Model: classes holds .*, expected names that UTF-8"),
        (lambda: cnnx.ReLU(name=HALF), "ReLU: name is .*, expected text that UTF-8 can encode"),
        (lambda: cnnx.ParameterRule(HALF), "ParameterRule: pattern is .*, expected text that"),
        (lambda: cnnx.Muon(matrices=HALF), "Muon: matrices is .*, expected text that UTF-8"),
    ],
)
def test_names_that_no_file_could_hold_are_refused(
    make: Callable[[], object], sentence: str
) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}"):
        make()


def test_the_seed_draws_the_weights() -> None:
    def bits(seed: int) -> list[bytes]:
        return [array.tobytes() for array in small(seed=seed).parameters.values()]

    assert bits(3) == bits(3)
    assert bits(3) != bits(4)
    assert bits(2**63 - 1) != bits(2**31 - 1)


def test_given_parameters_are_zero_and_the_others_have_their_bits() -> None:
    drawn = small(seed=3)
    layers, shape = every_layer(drawn._core), drawn.input_shape
    name = "conv2d_1.weight"
    core = built(layers, shape, None, cnnx.Preprocessing(), 3, [name])
    assert not core.get_parameter(name).any()
    others = {each: array.tobytes() for each, array in drawn.parameters.items() if each != name}
    assert others
    assert {each: core.get_parameter(each).tobytes() for each in others} == others
    sentence = "^model: given_parameters holds a, expected names of the model's parameters$"
    with pytest.raises(ValueError, match=sentence):
        built(layers, shape, None, cnnx.Preprocessing(), 3, [name, "a"])


def test_weights_are_he_uniform_and_biases_zero() -> None:
    model = cnnx.Model(
        [cnnx.Conv2d(64, 5, groups=2), cnnx.Flatten(), cnnx.Dense(50)], input_shape=(9, 9, 8)
    )
    for name, fan_in in (("conv2d_1", 5 * 5 * 4), ("dense_1", 5 * 5 * 64)):
        weight, bias = model.parameters[f"{name}.weight"], model.parameters[f"{name}.bias"]
        bound = np.sqrt(6 / fan_in)
        assert np.abs(weight).max() <= bound * (1 + 1e-6)
        # Of thousands of uniform numbers: some near both ends, and the variance of all.
        assert weight.max() > 0.99 * bound
        assert weight.min() < -0.99 * bound
        assert weight.var() == pytest.approx(bound**2 / 3, rel=0.05)
        assert not bias.any()
    filters = model.parameters["conv2d_1.weight"]
    assert not np.array_equal(filters[..., 0], filters[..., 1])


def test_summary() -> None:
    assert small().summary().splitlines() == [
        "layer      kind     output     parameters",
        "input               (8, 6, 3)",
        "conv2d_1   conv2d   (6, 4, 4)         112",
        "relu_1     relu     (6, 4, 4)",
        "flatten_1  flatten  (96,)",
        "dense_1    dense    (3,)              291",
        "403 parameters, 1,612 bytes",
    ]
    assert repr(small()) == "Model(4 layers, 403 parameters, (8, 6, 3) to (3,))"


def test_mean_and_std_may_be_an_array() -> None:
    statistics = np.array([0.25, 0.5, 0.75], dtype=np.float32)
    how = cnnx.Preprocessing(mean=statistics, std=[0.5, 0.25, 1.0])  # type: ignore[arg-type]
    layers = [cnnx.Flatten(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=(2, 2, 3), preprocessing=how)
    assert model.preprocessing == cnnx.Preprocessing("stretch", (0.25, 0.5, 0.75), (0.5, 0.25, 1.0))


def test_dense_on_an_image_names_the_layer_that_is_missing() -> None:
    with pytest.raises(ValueError, match=r"layer dense_1: dense: .*: put Flatten before it"):
        cnnx.Model([cnnx.Dense(2)], input_shape=(2, 2, 3))
