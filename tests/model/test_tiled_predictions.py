"""Model.predict_tiled and predict_proba_tiled against predictions of the whole image."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx import (
    Add,
    AvgPool2d,
    BatchNorm2d,
    Concat,
    Conv2d,
    ConvTranspose2d,
    Crop2d,
    Dense,
    DepthToSpace,
    Flatten,
    GlobalAvgPool2d,
    Input,
    LayerNorm,
    MaxPool2d,
    Model,
    Multiply,
    Pad2d,
    ReLU,
    Sigmoid,
    SpaceToDepth,
    Upsample2d,
    ZeroPad2d,
    _core,
)
from cnnx.layers.base import Symbol
from cnnx.model.receptive_field import _FIELDS, network_of
from graph_networks import with_random_values
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]


def image_of(*shape: int) -> Floats:
    return np.random.default_rng(0).random(shape, np.float32)


def assert_is_whole(model: Model, x: Floats, **settings: object) -> None:
    """The probabilities of tiles are those of the whole image, everywhere."""
    whole = model.resized(x.shape[:2]).predict_proba(x)
    tiled = model.predict_proba_tiled(x, **settings)  # type: ignore[arg-type]
    assert tiled.dtype == np.float32
    assert_allclose(tiled, whole, atol=1e-5)


def small_unet(**settings: int) -> Model:
    return with_random_values(cnnx.models.unet((32, 32, 3), 4, depth=2, width=4, **settings))


# --- The same predictions as of the whole image.


@pytest.mark.parametrize("size", [(96, 160), (300, 64), (200, 200), (20, 16)])
@pytest.mark.parametrize("tile", [100, (88, 72), (128, 1000)])
def test_tiles_of_a_unet(size: tuple[int, int], tile: object) -> None:
    assert_is_whole(small_unet(), image_of(*size, 3), tile=tile)


def test_tiles_of_the_fully_convolutional_resnet() -> None:
    model = with_random_values(cnnx.models.resnet18_fcn((64, 64, 3), 3))
    height = network_of(model._core, "test").fields[0]
    assert height.last - height.first > 400
    assert_is_whole(model, image_of(800, 32, 3), tile=(640, 32))


def random_network(random: np.random.Generator) -> Model:
    """Random layers that keep or change the size of the maps."""

    def pair(*choices: int) -> tuple[int, int]:
        return int(random.choice(choices)), int(random.choice(choices))

    def word(*choices: str) -> str:
        return choices[random.integers(len(choices))]

    builders: list[Callable[[Symbol], Symbol]] = [
        lambda maps: Conv2d(
            3, pair(1, 2, 3, 5), stride=pair(1, 1, 2, 3), padding=word("same", "valid")
        )(maps),
        lambda maps: Conv2d(3, 3, dilation=pair(1, 2), padding=((0, 2), (1, 0)))(maps),
        lambda maps: MaxPool2d(pair(2, 3), stride=pair(1, 2), ceil_mode=True)(maps),
        lambda maps: AvgPool2d(pair(2, 3), stride=pair(1, 2), padding="same")(maps),
        lambda maps: Upsample2d(pair(1, 2, 3), mode=word("nearest", "bilinear"))(maps),
        lambda maps: ConvTranspose2d(
            3, pair(1, 2, 4), stride=pair(1, 2), padding=word("same", "valid")
        )(maps),
        lambda maps: ZeroPad2d(((1, 2), (0, 1)))(maps),
        lambda maps: Crop2d(((1, 0), (2, 1)))(maps),
        lambda maps: Pad2d(1, mode=word("reflect", "edge"))(maps),
        lambda maps: DepthToSpace(2)(Conv2d(12, 1)(maps)),
        lambda maps: Conv2d(3, 1)(SpaceToDepth(2)(Upsample2d(2)(maps))),
        lambda maps: Add()(maps, ReLU()(BatchNorm2d()(Conv2d(3, 3, padding="same")(maps)))),
        lambda maps: Conv2d(3, 1)(Concat()(Conv2d(2, 5, padding="same")(maps), maps)),
        lambda maps: Multiply()(maps, Sigmoid()(LayerNorm()(maps))),
    ]
    image = Input((64, 64, 3))
    maps: Symbol = image
    for _ in range(random.integers(2, 6)):
        maps = builders[random.integers(len(builders))](maps)
    seed = int(random.integers(2**31))
    return with_random_values(Model.from_graph(image, Conv2d(2, 1)(maps), seed=seed))


@pytest.mark.parametrize("seed", range(60))
def test_tiles_of_random_networks_and_sizes(seed: int) -> None:
    random = np.random.default_rng(seed)
    model = random_network(random)
    height, width = (int(side) for side in random.integers(90, 200, 2))
    x = image_of(height, width, 3)
    grids = network_of(model._core, "test").grids
    size = tuple(side + -side % grid for side, grid in zip((height, width), grids, strict=True))
    try:
        model.resized((height, width))
    except ValueError:  # then the image is extended
        more = [(0, size[0] - height), (0, size[1] - width), (0, 0)]
        x = np.pad(x, more, mode="edge")
    tile = tuple(int(side) for side in random.integers(70, 120, 2))
    assert_is_whole(model, x, tile=tile)


def test_an_image_that_the_network_refuses_is_extended() -> None:
    model, x = small_unet(), image_of(101, 66, 3)
    with pytest.raises(ValueError, match="concat"):
        model.resized((101, 66))
    extended = np.pad(x, [(0, 3), (0, 2), (0, 0)], mode="edge")
    whole = model.resized((104, 68)).predict_proba(extended)[:101, :66]
    for tile in (80, None):
        assert_allclose(model.predict_proba_tiled(x, tile=tile), whole, atol=1e-5)


def test_images_that_are_mapped_integers_grey_or_a_batch(tmp_path: Path) -> None:
    pixels, _ = cnnx.data.shapes(2, size=(150, 96), seed=1)
    np.save(tmp_path / "x.npy", pixels)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    model = small_unet()
    whole = model.resized((152, 96)).predict(
        np.pad(pixels, [(0, 0), (0, 2), (0, 0), (0, 0)], "edge")
    )
    tiled = model.predict_tiled(mapped, tile=96)
    assert tiled.dtype == np.uint8
    assert_array_equal(tiled, whole[:, :150])
    assert_array_equal(model.predict_tiled(mapped[1].astype(np.int32), tile=96), tiled[1])

    grey = Model([Conv2d(3, 5, padding="same")], input_shape=(9, 9, 1))
    x = image_of(3, 40, 50)
    whole = grey.resized((40, 50)).predict_proba(x)
    assert_allclose(grey.predict_proba_tiled(x, tile=16), whole, atol=1e-5)
    assert_allclose(grey.predict_proba_tiled(x[0], tile=16), whole[0], atol=1e-5)


def test_images_of_files_and_of_pillow_are_those_of_predict(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    image = Image.fromarray(pixels)
    image.save(tmp_path / "image.png")
    modes = [image.convert(mode) for mode in ("RGB", "RGBA", "L", "P", "1")]
    for channels in (1, 3):
        model = Model([Conv2d(2, 3, padding="same")], input_shape=(24, 32, channels))
        for each in (*modes, str(tmp_path / "image.png"), tmp_path / "image.png"):
            assert_array_equal(model.predict_proba_tiled(each), model.predict_proba(each))
            assert_array_equal(model.predict_tiled(each), model.predict(each))
        with pytest.raises(TypeError, match="x is a list of image files or images of Pillow"):
            model.predict_tiled([image, image])
        with pytest.raises(ValueError, match="x is the folder"):
            model.predict_tiled(tmp_path)
    grey = Model([Conv2d(2, 3, padding="same")], input_shape=(24, 32, 1))
    with pytest.raises(ValueError, match=r"looks like one image of 3 channels, expected \(height"):
        grey.predict_tiled(pixels)
    deep = Model([Conv2d(2, 3, padding="same")], input_shape=(24, 32, 4))
    with pytest.raises(ValueError, match=r"the model has 4 channels, expected an array \(height"):
        deep.predict_tiled(image)


def test_labels_of_each_kind_of_output() -> None:
    layers = [Conv2d(300, 3, padding="same")]
    many = Model(layers, input_shape=(8, 8, 1))
    x = image_of(30, 30)
    assert many.predict_tiled(x, tile=16).dtype == np.int64
    named = Model([Conv2d(2, 3)], input_shape=(8, 8, 1), classes=["no", "yes"])
    indices = named.predict_tiled(x, tile=16)
    assert indices.dtype == np.uint8
    whole = named.resized(30).predict(x)
    assert_array_equal(np.array(named.classes)[indices], whole)

    independent = Model([Conv2d(2, 3), Sigmoid()], input_shape=(8, 8, 1))
    labels = independent.predict_tiled(x, tile=16)
    assert labels.dtype == bool
    assert_array_equal(labels, independent.resized(30).predict(x))


# --- Overlap and blending.


def test_a_network_of_single_pixels_needs_no_overlap() -> None:
    model, x = Model([Conv2d(2, 1)], input_shape=(4, 4, 3)), image_of(50, 41, 3)
    whole = model.resized((50, 41)).predict_proba(x)
    for overlap in (None, 0, 3, (15, 9)):
        for blend in ("linear", "none"):
            tiled = model.predict_proba_tiled(x, tile=16, overlap=overlap, blend=blend)  # type: ignore[arg-type]
            assert_allclose(tiled, whole, atol=1e-6)


def test_without_blending_a_position_is_of_the_tile_where_it_is_farther_inside() -> None:
    model, x = Model([Conv2d(2, 9, padding=4)], input_shape=(4, 4, 3)), image_of(48, 16, 3)
    first, second = (
        model.resized((32, 16)).predict_proba(x[start : start + 32]) for start in (0, 16)
    )
    settings = {"tile": (32, 16), "overlap": (16, 0)}
    tiled = model.predict_proba_tiled(x, blend="none", **settings)  # exact: the overlap suffices
    assert_array_equal(tiled, np.concatenate([first[:24], second[8:]]))
    # An overlap of 4, of which the field of 9 pixels needs 8.
    tiles = [model.resized((20, 16)).predict_proba(x[start : start + 20]) for start in (0, 16, 28)]
    tiled = model.predict_proba_tiled(x, tile=(20, 16), overlap=(4, 0), blend="none")
    assert_array_equal(tiled[:18], tiles[0][:18])
    assert_array_equal(tiled[18:32], tiles[1][2:16])


def test_blending_averages_with_weights_that_fall_towards_the_border() -> None:
    model, x = Model([Conv2d(2, 9, padding=4)], input_shape=(4, 4, 3)), image_of(36, 16, 3)
    first, second = (
        model.resized((20, 16)).predict_proba(x[start : start + 20]) for start in (0, 16)
    )
    tiled = model.predict_proba_tiled(x, tile=(20, 16), overlap=(4, 0))
    assert_allclose(tiled[:16], first[:16], atol=1e-6)
    assert_allclose(tiled[20:], second[4:], atol=1e-6)
    weight = ((np.arange(4) + 0.5) / 4)[:, np.newaxis, np.newaxis]
    assert_allclose(tiled[16:20], first[16:] * (1 - weight) + second[:4] * weight, atol=1e-6)


@pytest.mark.parametrize("overlap", [0, 8, 24, 40, (0, 28)])
def test_blended_probabilities_add_up_to_one_and_come_near_those_of_the_image(
    overlap: object,
) -> None:
    model, x = small_unet(), image_of(150, 98, 3)
    tiled = model.predict_proba_tiled(x, tile=48, overlap=overlap)  # type: ignore[arg-type]
    assert_allclose(tiled.sum(axis=-1), 1, atol=1e-5)
    whole = model.resized((152, 100)).predict_proba(np.pad(x, [(0, 2), (0, 2), (0, 0)], "edge"))
    assert np.abs(tiled - whole[:150, :98]).mean() < 0.1
    labels = model.predict_tiled(x, tile=48, overlap=overlap)  # type: ignore[arg-type]
    assert_array_equal(labels, tiled.argmax(axis=-1))


# --- Receptive fields.


def test_every_kind_of_layer_has_a_field_or_reads_the_whole_image() -> None:
    whole = {"dense", "flatten", "global_avg_pool2d", "adaptive_avg_pool2d", "group_norm"}
    whole |= {"input_part", "reshape", "global_response_norm", "matmul", "parameter"}
    kinds = {kind["name"] for kind in _core.layer_kinds()}
    assert set(_FIELDS) | whole == kinds
    assert not set(_FIELDS) & whole


@pytest.mark.parametrize(
    "layer",
    [
        Conv2d(2, (3, 5), stride=(1, 2), dilation=(2, 1), padding=((1, 0), (3, 0))),
        MaxPool2d(3, stride=2, padding=1),
        AvgPool2d((4, 2), stride=(3, 1)),
        ConvTranspose2d(2, (5, 4), stride=(3, 2), padding=1),
        ConvTranspose2d(2, 3, stride=2, dilation=2, padding="same"),
        Upsample2d((2, 3)),
        Upsample2d((2, 3), mode="bilinear"),
        ZeroPad2d(((3, 0), (0, 2))),
        Pad2d(((3, 0), (0, 2)), mode="edge"),
        SpaceToDepth(2),
        DepthToSpace(2),
    ],
    ids=lambda layer: layer.kind,
)
def test_the_field_of_a_layer_has_the_pixels_that_it_reads_and_no_others(
    layer: cnnx.layers.Layer,
) -> None:
    model = Model([layer], input_shape=(24, 24, 4))
    x = image_of(24, 24, 4)
    for axis, field in enumerate(network_of(model._core, "test").fields):
        before, after = [], []  # distances to the ends of the field
        for pixel in range(9, 15):
            changed = x.copy()
            np.moveaxis(changed, axis, 0)[pixel] += 1
            differs = np.moveaxis(model(changed) != model(x), axis, 0).any(axis=(1, 2))
            for output in np.flatnonzero(differs):
                before.append(pixel - (output * field.stride + field.first))
                after.append(output * field.stride + field.last - pixel)
        assert 0 <= min(before) < 1
        assert 0 <= min(after) < 1


@pytest.mark.parametrize("seed", range(20))
def test_outputs_depend_on_pixels_of_the_receptive_field_alone(seed: int) -> None:
    model = random_network(np.random.default_rng(100 + seed))
    for axis, field in enumerate(network_of(model._core, "test").fields):
        x = image_of(64, 64, 3)
        before = model(x)
        changed = x.copy()
        np.moveaxis(changed, axis, 0)[31] += 1
        rows = np.flatnonzero((np.moveaxis(model(changed) - before, axis, 0) != 0).any(axis=(1, 2)))
        for row in rows:
            assert row * field.stride + field.first <= 31 <= row * field.stride + field.last


# --- Errors.


def refusal(model: Model, x: object, **settings: object) -> str:
    with pytest.raises((ValueError, TypeError)) as caught:
        model.predict_tiled(x, **settings)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize(
    ("layers", "name"),
    [
        ([Conv2d(2, 3), GlobalAvgPool2d(), Dense(2)], "global_avg_pool2d_1"),
        ([Flatten(), Dense(2)], "flatten_1"),
        ([Conv2d(4, 3), cnnx.GroupNorm(2)], "group_norm_1"),
        ([Conv2d(4, 3), cnnx.AdaptiveAvgPool2d(2)], "adaptive_avg_pool2d_1"),
        ([Upsample2d(size=20)], "upsample2d_1"),
        ([Upsample2d(2, mode="bilinear", align_corners=True)], "upsample2d_1"),
    ],
)
def test_a_layer_of_the_whole_image_is_named(layers: list[cnnx.layers.Layer], name: str) -> None:
    model = Model(layers, input_shape=(16, 16, 3))
    assert refusal(model, image_of(40, 40, 3)) == (
        f"predict_tiled: layer {name} is not the same function of nearby pixels everywhere, "
        "expected a fully convolutional model"
    )


def test_gates_of_the_whole_image_are_refused() -> None:
    image = Input((16, 16, 3))
    gated = Multiply()(Conv2d(4, 3, padding=1)(image), AvgPool2d(16)(Conv2d(4, 1)(image)))
    assert "layer multiply_1 is not the same function" in refusal(
        Model.from_graph(image, gated), image_of(40, 40, 3)
    )


def test_wrong_arguments_are_named() -> None:
    model, x = small_unet(), image_of(200, 200, 3)
    assert refusal(model, x, tile=0) == "predict_tiled: tile is (0, 0), expected positive sizes"
    assert refusal(model, x, tile="256") == (
        "predict_tiled: tile is '256', expected an integer or (height, width)"
    )
    assert refusal(model, x, tile=3) == "predict_tiled: tile is (3, 3), expected at least (4, 4)"
    sentence = refusal(model, x, tile=32)
    assert re.fullmatch(
        r"predict_tiled: tile is 32 along the height, expected \d+ or more for the network's "
        r"receptive field, or an overlap to blend",
        sentence,
    )
    needed = int(sentence.split("expected ")[1].split()[0])
    model.predict_tiled(x, tile=needed)
    assert refusal(model, x, tile=needed - 4) != ""
    assert refusal(model, x, tile=64, overlap=62) == (
        "predict_tiled: overlap is 62 along the height, expected 0 to 60 for tiles of 64 pixels"
    )
    assert "overlap is -1 along the height" in refusal(model, x, tile=64, overlap=-1)
    assert refusal(model, x, blend="cubic") == (
        "predict_tiled: blend is 'cubic', expected 'linear' or 'none'"
    )
    assert refusal(model, x[..., :2]) == (
        "predict_tiled: x has shape (200, 200, 2), expected (height, width, 3) or (batch, height, "
        "width, 3)"
    )
    assert "predict_tiled: x holds NaN" in refusal(model, np.full_like(x, np.nan))
    assert "expected real numbers" in refusal(model, np.array([["a"]]))


def test_a_valid_network_needs_the_overlap_that_its_outputs_lack() -> None:
    model, x = Model([Conv2d(2, 9)], input_shape=(16, 16, 3)), image_of(60, 60, 3)
    assert_is_whole(model, x, tile=20)
    assert_is_whole(model, x, tile=20, overlap=8)
    assert refusal(model, x, tile=20, overlap=7) == (
        "predict_tiled: overlap is 7 along the height, expected 8 to 19 for tiles of 20 pixels"
    )


def test_a_regression_has_values_and_no_probabilities() -> None:
    model = Model([Conv2d(1, 3, padding=1)], input_shape=(16, 16, 1))
    x = image_of(4, 16, 16, 1)
    cnnx.Trainer(model, loss=cnnx.MSE()).fit(x, x, epochs=1)
    large = image_of(50, 40)
    assert_allclose(model.predict_tiled(large, tile=20), model.resized((50, 40))(large), atol=1e-5)
    with pytest.raises(ValueError, match=r"^predict_proba_tiled: .* regression loss"):
        model.predict_proba_tiled(large)
