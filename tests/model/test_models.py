"""cnnx.models: the shapes, sizes and classes of the ready-made networks, and that they learn."""

from __future__ import annotations

from collections.abc import Callable

import cnnx
import numpy as np
import pytest
from cnnx import models


def test_lenet5_is_the_network_of_the_article_with_todays_layers() -> None:
    model = models.lenet5()
    assert model.input_shape == (28, 28, 1)
    assert model.classes is None
    assert sum(array.size for array in model.parameters.values()) == 61_706
    assert model(np.zeros((2, 28, 28, 1), np.float32)).shape == (2, 10)


def test_small_has_two_classes_by_default() -> None:
    model = models.small()
    assert model.input_shape == (32, 32, 1)
    assert model.classes == ["X", "O"]
    assert set(model.predict(cnnx.data.xo(8)[0])) <= {"X", "O"}


@pytest.mark.parametrize("build", [models.small, models.lenet5])
@pytest.mark.parametrize("shape", [(16, 16, 1), (16, 24, 3), (33, 29, 3)])
def test_they_accept_other_image_sizes_and_class_counts(
    build: Callable[..., cnnx.Model], shape: tuple[int, int, int]
) -> None:
    names = ["ant", "bee", "cow"]
    for classes in (3, names):
        model = build(shape, classes, seed=1)
        assert model(np.zeros((2, *shape), np.float32)).shape == (2, 3)
        assert model.classes == (None if classes == 3 else names)


@pytest.mark.parametrize("build", [models.small, models.lenet5])
def test_the_seed_draws_the_weights(build: Callable[..., cnnx.Model]) -> None:
    shape = (16, 16, 1)
    first, again, other = (build(shape, 2, seed=seed) for seed in (3, 3, 4))
    x = cnnx.data.xo(4, size=16)[0]
    np.testing.assert_array_equal(first(x), again(x))
    assert not np.array_equal(first(x), other(x))


def test_small_learns_x_from_o() -> None:
    x, y = cnnx.data.xo(3000, seed=1)
    unseen = cnnx.data.xo(500, seed=2)
    trainer = cnnx.Trainer(models.small(seed=1), optimizer=cnnx.Adam(2e-3), seed=1)
    trainer.fit(x, y, epochs=4, batch_size=32)
    assert trainer.evaluate(*unseen)["accuracy"] > 0.95


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (models.resnet20, 272_474),
        (models.resnet32, 466_906),
        (models.resnet56, 855_770),
        (models.resnet18, 11_689_512),
        pytest.param(models.resnet34, 21_797_672, marks=pytest.mark.slow),
        pytest.param(models.resnet50, 25_557_032, marks=pytest.mark.slow),
        (models.mobilenet_v2, 3_504_872),
        (models.mobilenet_v3_small, 2_542_856),
        (models.mobilenet_v3_large, 5_483_032),
        (models.efficientnet_lite0, 4_652_008),
        (models.squeezenet1_1, 1_235_496),
        pytest.param(models.convnext_tiny, 28_589_128, marks=pytest.mark.slow),
        (models.unet, 1_964_114),
        (models.resnet18_fcn, 11_195_391),
    ],
)
def test_the_networks_have_the_parameter_counts_of_their_articles(
    build: Callable[..., cnnx.Model], count: int
) -> None:
    assert sum(array.size for array in build().parameters.values()) == count


def test_an_error_names_the_input_shape_of_mobilenet_v3() -> None:
    sentence = (
        r"^mobilenet_v3_small: input_shape is \[3, 3\], expected \(height, width, channels\)$"
    )
    with pytest.raises(TypeError, match=sentence):
        models.mobilenet_v3_small([3, 3])  # type: ignore[arg-type]


def test_unet_joins_maps_of_the_same_size_on_the_way_up() -> None:
    model = models.unet((32, 48, 3), ["a", "b", "c"], depth=3, width=4)
    shapes = {layer.name: layer.output_shape for layer in model.layers}
    inputs = {name: inputs for _, _, name, inputs, _ in model._core.layers}
    joined = [(inputs[name], shapes[name]) for name in shapes if name.startswith("concat")]
    assert joined == [
        (["relu_6", "upsample2d_1"], (8, 12, 48)),
        (["relu_4", "upsample2d_2"], (16, 24, 24)),
        (["relu_2", "upsample2d_3"], (32, 48, 12)),
    ]
    assert shapes["relu_8"] == (4, 6, 32)
    assert model.output_shape == (32, 48, 3)
    assert model.resized((64, 8)).output_shape == (64, 8, 3)


def test_resnet18_fcn_has_the_backbone_of_resnet18_and_adds_scores_of_three_strides() -> None:
    model, backbone = models.resnet18_fcn((64, 96, 3), 5), models.resnet18((64, 96, 3))
    shapes = {layer.name: layer.output_shape for layer in model.layers}
    for layer in backbone.layers[:-2]:  # without the pooling and the dense layer
        assert shapes[layer.name] == layer.output_shape
    scores = [shapes[f"conv2d_{index}"] for index in (2, 3, 4)]
    assert scores == [(2, 3, 5), (4, 6, 5), (8, 12, 5)]
    for name in set(backbone.parameters) - {"dense_1.weight", "dense_1.bias"}:
        model.parameters[name] = backbone.parameters[name]
    assert model.output_shape == (64, 96, 5)


@pytest.mark.parametrize(("build", "multiple"), [(models.unet, 16), (models.resnet18_fcn, 32)])
def test_networks_for_every_pixel_name_the_multiple_of_the_sides(
    build: Callable[..., cnnx.Model], multiple: int
) -> None:
    with pytest.raises(
        ValueError,
        match=rf"^{build.__name__}: input_shape is \(64, 100, 3\), expected a height and a width "
        rf"that are multiples of {multiple}$",
    ):
        build((64, 100, 3), 2)


def test_unet_refuses_a_depth_or_a_width_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"^unet: depth is 1099511627776, expected 1 to 10$"):
        models.unet(depth=2**40)
    with pytest.raises(ValueError, match=r"^unet: depth is 0, expected an integer >= 1$"):
        models.unet(depth=0)
    with pytest.raises(ValueError, match=r"^unet: width is 2.5, expected an integer >= 1$"):
        models.unet(width=2.5)  # type: ignore[arg-type]


def test_a_small_unet_finds_shapes_on_the_background() -> None:
    x, masks = cnnx.data.shapes(300, size=32, seed=1)
    model = models.unet((32, 32, 3), cnnx.data.SHAPE_CLASSES, depth=2, width=8)
    trainer = cnnx.Trainer(model, optimizer=cnnx.Muon(0.02), schedule=cnnx.OneCycle())
    trainer.fit(x, masks, epochs=6, batch_size=4)
    unseen, expected = cnnx.data.shapes(60, size=32, seed=2)
    found = model.predict_proba(unseen).argmax(axis=-1) > 0
    shape = expected > 0
    assert (found & shape).sum() > 0.5 * (found | shape).sum()


def test_vgg11_has_the_articles_convolutions() -> None:
    model = models.vgg11((32, 32, 3), 10)
    channels = [
        array.shape[-1] for name, array in model.parameters.items() if name.startswith("conv2d")
    ]
    assert channels[::2] == [64, 128, 256, 256, 512, 512, 512, 512]


def test_three_epochs_of_resnet20_are_the_same_on_any_number_of_threads(
    restore_threads: None,
) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8), np.arange(40) % 10
    digests = set()
    for threads in (1, 2):
        cnnx.set_num_threads(threads)
        model = models.resnet20(seed=5)
        trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.1, momentum=0.9), seed=5)
        trainer.fit(x, y, epochs=3, batch_size=16, validation=0.2)
        arrays = [*model.parameters.values(), *model.buffers.values(), model(x[:3])]
        digests.add(b"".join(array.tobytes() for array in arrays))
    assert len(digests) == 1


def test_fast_cifar_begins_with_whitened_patches_and_identities() -> None:
    rng = np.random.default_rng(1)
    smooth = np.cumsum(rng.normal(0, 9, (100, 32, 32, 3)), axis=2) + rng.normal(0, 9, (32, 32, 3))
    images = np.clip(smooth + 128, 0, 255).astype(np.uint8)
    model = models.fast_cifar(images=images)
    inside = model.layer_outputs(images)["whitening"][:, :31, :31]  # the rest is padding
    white = inside.reshape(-1, 24)[:, :12].astype(np.float64)
    covariance = white.T @ white / len(white)
    # The smallest deviations are damped, to not amplify noise.
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-3
    assert np.diag(covariance)[:3] == pytest.approx(1, abs=0.01)
    weight = model.parameters["conv2d_2.weight"]
    assert np.array_equal(weight[1, 1], np.eye(64))
    assert not weight[[0, 0, 2], [0, 1, 2]].any()
    trainer = cnnx.Trainer(model, **models.fast_cifar_recipe())
    trainer.begin_schedule(epochs=1, steps_per_epoch=1)
    before = {name: array.copy() for name, array in model.parameters.items()}
    trainer.step(images[:8], np.arange(8))
    changed = {
        name for name, array in model.parameters.items() if not np.array_equal(array, before[name])
    }
    assert "whitening.weight" not in changed
    assert {"whitening.bias", "conv2d_1.weight", "dense_1.weight"} <= changed


@pytest.mark.parametrize("shape", [(28, 28, 1), (9, 8, 3), (47, 33, 4)])
def test_fast_cifar_takes_any_map_of_eight_pixels_or_more(shape: tuple[int, int, int]) -> None:
    model = models.fast_cifar(shape, ["a", "b", "c"])
    x = np.random.default_rng(0).integers(0, 256, (2, *shape), dtype=np.uint8)
    assert model(x).shape == (2, 3)
    gates = [layer.output_shape for layer in model.layers if layer.kind == "sigmoid"]
    assert gates == [(1, 1, 64), (1, 1, 256), (1, 1, 256)]


def test_whitening_refuses_other_images_in_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"^whiten: images has dtype float64 and shape \(2, 8, "):
        models.fast_cifar(images=np.zeros((2, 8, 8, 3)))  # type: ignore[arg-type]
