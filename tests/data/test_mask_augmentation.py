"""Masks follow their images: against plain NumPy, against images of positions, and in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
import reference_augmentation as reference
from cnnx.data import Augmentation
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

MOVES: list[dict[str, Any]] = [
    {"crop_padding": 3},
    {"crop_padding": 3, "border": "reflect"},
    {"flip": "random"},
    {"flip": "alternating"},
    {"shift": 3.5},
    {"rotate": 180},
    {"rotate": 30, "border": "reflect"},
    {"scale": (0.5, 2.0)},
    {"scale": (0.3, 0.4), "shift": 7.5, "border": "reflect"},
    {"flip": "random", "crop_padding": 2, "rotate": 20, "scale": (0.7, 1.3), "shift": 2},
    {"flip": "random", "crop_padding": 2, "rotate": 20, "shift": 2, "border": "reflect"},
]
UNMOVED = Augmentation(contrast=0.5, brightness=0.5, cutout=5, mixup=0.3)


def masks(*shape: int, classes: int = 9, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(1, classes, shape)


@pytest.mark.parametrize("settings", MOVES, ids=str)
@pytest.mark.parametrize(
    ("size", "stride"), [((13, 9), (1, 1)), ((8, 20), (2, 5)), ((12, 12), (4, 3)), ((8, 7), (8, 1))]
)
def test_parity(settings: dict[str, Any], size: tuple[int, int], stride: tuple[int, int]) -> None:
    augmentation = Augmentation(**settings)
    y = masks(7, size[0] // stride[0], size[1] // stride[1])
    for seed, epoch in ((0, 0), (2**40 + 3, 5)):
        found = augmentation.apply_masks(y, seed=seed, epoch=epoch, size=size)
        for row, mask in enumerate(y):
            expected, near = reference.change_mask(mask, size, augmentation, seed, epoch, row)
            moved_by_whole_pixels = not {"rotate", "scale", "shift"} & set(settings)
            decided = np.ones_like(near) if moved_by_whole_pixels and stride == (1, 1) else ~near
            assert_array_equal(found[row][decided], expected[decided])


@pytest.mark.parametrize("settings", MOVES, ids=str)
def test_masks_move_as_images_whose_pixels_are_their_positions(settings: dict[str, Any]) -> None:
    """Bilinear sampling of a linear image is the place that a pixel comes from."""
    height, width = 20, 31
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    positions = np.stack([rows, columns, np.ones_like(rows)], axis=-1).astype(np.float32) / 64
    x, y = np.repeat(positions[np.newaxis], 12, axis=0), masks(12, height, width)
    augmentation = Augmentation(**settings)
    how = cnnx.Preprocessing(mean=0, std=1 / 64)
    places = augmentation.apply(x, epoch=4, seed=7, preprocessing=how)
    found = augmentation.apply_masks(y, epoch=4, seed=7)
    nearest = np.rint(places[..., :2]).astype(int)
    inside = (places[..., 2] > 0.999) & (abs(places[..., :2] - nearest) < 0.499).all(axis=-1)
    if augmentation.border == "reflect":  # mirrored places are linear only away from the edges
        edge = [height - 1, width - 1]
        inside &= ((places[..., :2] > 1) & (places[..., :2] < np.array(edge) - 1)).all(axis=-1)
    image, row, column = np.nonzero(inside)
    assert len(image) > 0.2 * y.size
    source = nearest[inside]
    assert_array_equal(found[image, row, column], y[image, source[:, 0], source[:, 1]])
    assert (found[places[..., 2] < 1e-3] == 0).all()


def test_only_moves_change_masks() -> None:
    y = masks(4, 9, 9)
    assert_array_equal(UNMOVED.apply_masks(y), y)
    assert_array_equal(UNMOVED.apply_masks(y, size=(18, 27)), y)
    tiny = Augmentation(rotate=1e-30)
    assert_array_equal(tiny.apply_masks(y, size=(36, 18)), y)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, bool])
def test_dtypes(dtype: Any) -> None:
    y = masks(5, 8, 8).astype(dtype)
    augmentation = Augmentation(**MOVES[-2])
    found = augmentation.apply_masks(y)
    assert found.dtype == dtype
    assert_array_equal(found, augmentation.apply_masks(y.astype(np.int64)))


def test_threads_do_not_matter() -> None:
    y, augmentation = masks(64, 33, 31), Augmentation(**MOVES[-1])
    found = []
    for threads in (1, 2, 5):
        with cnnx.use_threads(threads):
            found.append(augmentation.apply_masks(y).tobytes())
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    ("y", "settings", "error", "message"),
    [
        (np.zeros((2, 8, 8)), {}, TypeError, "y has dtype float64, expected integers"),
        (np.zeros((8, 8), int), {}, ValueError, r"y has shape \(8, 8\), expected a label for each"),
        (np.zeros((2, 8, 8), int), {"size": 8}, TypeError, "size is 8, expected"),
        (np.zeros((2, 8, 8), int), {"epoch": -1}, ValueError, "epoch is -1, expected"),
        (np.zeros((2, 8, 8), "u1"), {"beyond": -1}, ValueError, "beyond is -1, expected a label"),
        (np.zeros((2, 8, 8), int), {"beyond": "0"}, TypeError, "beyond is '0', expected an int"),
    ],
)
def test_wrong_masks_are_refused(
    y: Any, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^apply_masks: {message}"):
        Augmentation(flip="random").apply_masks(y, **settings)


@pytest.mark.parametrize("size", [(12, 8), (8, 4), (8, 0)])
def test_positions_are_whole_pixels(size: tuple[int, int]) -> None:
    with pytest.raises(
        ValueError, match=r"labels for 8 x 8 positions, expected a whole|expected sides"
    ):
        Augmentation(flip="random").apply_masks(masks(2, 8, 8), size=size)


def network(stride: int = 1) -> list[cnnx.Layer]:
    return [
        cnnx.Conv2d(6, 3, padding="same", stride=stride),
        cnnx.ReLU(),
        cnnx.Conv2d(4, 1),
    ]


def samples() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    random = np.random.default_rng(3)
    return random.integers(0, 256, (21, 12, 16, 3), np.uint8), random.integers(0, 4, (21, 12, 16))


def trainer(stride: int = 1, **settings: Any) -> cnnx.Trainer:
    model = cnnx.Model(network(stride), input_shape=(12, 16, 3), seed=2)
    settings = {"optimizer": cnnx.SGD(0.1), "seed": 9, **settings}
    return cnnx.Trainer(model, **settings)


def parameters(trained: cnnx.Trainer) -> bytes:
    return b"".join(array.tobytes() for array in trained.model.parameters.values())


ALL = Augmentation(
    **{"flip": "random", "crop_padding": 2, "rotate": 25, "scale": (0.7, 1.3), "shift": 2},
    **{"contrast": 0.3, "brightness": 0.2, "cutout": 3},
)


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("mixup", [0.0, 0.5])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("class_weights", [None, [1, 0.5, 2, 3]])
def test_fit_trains_on_moved_masks(
    stride: int, mixup: float, soft: bool, class_weights: list[float] | None
) -> None:
    x, y = samples()
    y = np.ascontiguousarray(y[:, ::stride, ::stride])
    augmentation = cnnx.data.Augmentation(**{**ALL.__dict__, "mixup": mixup})
    loss = cnnx.CrossEntropy(class_weights=class_weights)
    trained, by_hand = (trainer(stride, loss=loss) for _ in range(2))
    targets: Any = np.eye(4, dtype=np.float32)[y] if soft else y
    trained.fit(x, targets, epochs=2, batch_size=8, shuffle=False, augmentation=augmentation)
    for epoch in range(2):
        images = augmentation.apply(x, seed=9, epoch=epoch)
        labels = augmentation.apply_masks(y, seed=9, epoch=epoch, size=(12, 16))
        one_hot = np.eye(4)[labels]
        for first in range(0, len(x), 8):
            batch = slice(first, first + 8)
            if mixup == 0:
                by_hand.step(images[batch], labels[batch])
                continue
            weight, offset = reference.mix(mixup, 9, epoch, first, len(images[batch]))
            others = np.roll(np.arange(len(images[batch])), -offset)
            by_hand.step(
                *(
                    weight * each + (1 - weight) * each[others]
                    for each in (images[batch], one_hot[batch])
                )
            )
    for name, expected in by_hand.model.parameters.items():
        assert_allclose(trained.model.parameters[name], expected, atol=2e-5)


def test_labels_beyond_the_edges_are_ignored_if_the_loss_ignores_some() -> None:
    x, y = samples()
    y[:, 3:5] = -7
    augmentation = Augmentation(crop_padding=4, rotate=20)
    loss = cnnx.CrossEntropy(ignore_index=-7)
    trained, by_hand = trainer(loss=loss), trainer(loss=loss)
    trained.fit(x, y, epochs=1, batch_size=32, shuffle=False, augmentation=augmentation)
    moved = augmentation.apply_masks(y, seed=9, beyond=-7)
    assert (moved == -7).sum() > (y == -7).sum()
    by_hand.step(augmentation.apply(x, seed=9), moved)
    for name, expected in by_hand.model.parameters.items():
        assert_allclose(trained.model.parameters[name], expected, atol=1e-6)


@pytest.mark.parametrize(
    "loss", [cnnx.BinaryCrossEntropy(), cnnx.losses.Dice(), cnnx.MSE()], ids=repr
)
def test_values_of_positions_move_too(loss: Any) -> None:
    x, labels = samples()
    y = (labels[..., np.newaxis] > 1).astype(np.float32)
    layers = [cnnx.Conv2d(1, 3, padding="same")]
    trained, by_hand = (
        cnnx.Trainer(cnnx.Model(layers, input_shape=(12, 16, 3)), loss=loss, seed=9)
        for _ in range(2)
    )
    trained.fit(x, y, epochs=1, batch_size=32, shuffle=False, augmentation=ALL)
    moved = ALL.apply_masks(labels > 1, seed=9)[..., np.newaxis]
    by_hand.step(ALL.apply(x, seed=9), moved.astype(np.float32))
    for name, expected in by_hand.model.parameters.items():
        assert_allclose(trained.model.parameters[name], expected, atol=1e-6)


@pytest.mark.parametrize("loss", [cnnx.CrossEntropy(ignore_index=3), cnnx.losses.Focal()], ids=repr)
def test_mixup_is_refused_without_soft_labels(loss: Any) -> None:
    run = trainer(loss=loss)
    with pytest.raises(ValueError, match=r"mixup blends targets, which (cross_ent.* with|focal)"):
        run.fit(*samples(), epochs=1, augmentation=Augmentation(mixup=0.2))


def fitted(directory: Path, epochs: int = 2, threads: int = 2, **options: Any) -> bytes:
    run = trainer(shards=options.pop("shards", 1))
    changes = cnnx.data.Augmentation(**{**ALL.__dict__, "mixup": options.pop("mixup", 0.0)})
    x, y = samples()
    with cnnx.use_threads(threads):
        run.fit(x, y, epochs=epochs, batch_size=8, augmentation=changes, **options)
    return parameters(run)


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_bits_depend_on_threads_and_interruptions_as_little(tmp_path: Path, mixup: float) -> None:
    expected = fitted(tmp_path, mixup=mixup)
    assert fitted(tmp_path, mixup=mixup, threads=1) == expected
    checkpoint = tmp_path / "half.ckpt"
    fitted(tmp_path, epochs=1, mixup=mixup, checkpoint=checkpoint)
    resumed = cnnx.Trainer.resume(checkpoint)
    changes = cnnx.data.Augmentation(**{**ALL.__dict__, "mixup": mixup})
    resumed.fit(*samples(), epochs=1, batch_size=8, augmentation=changes, checkpoint=checkpoint)
    assert parameters(resumed) == expected


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_prefetched_batches_are_the_same(shards: int, mixup: float) -> None:
    x, y = samples()
    changes = cnnx.data.Augmentation(**{**ALL.__dict__, "mixup": mixup}).core_settings
    found = set()
    for prefetch in (False, True):
        run = trainer(shards=shards)
        for epoch in range(2):
            options = {"batch_size": 8, "number": epoch, "prefetch": prefetch}
            steps = run._core.begin_epoch(x, True, y, None, [], options, changes)
            while steps.advance():
                pass
        found.add(parameters(run))
    assert len(found) == 1


def test_targets_of_several_outputs_move_where_they_have_positions() -> None:
    x, masks = samples()
    image = cnnx.Input((12, 16, 3))
    maps = cnnx.ReLU()(cnnx.Conv2d(6, 3, padding="same")(image))
    heads = {
        "letter": cnnx.Dense(4)(cnnx.GlobalAvgPool2d()(maps)),
        "mask": cnnx.Conv2d(4, 1)(maps),
        "depth": cnnx.Conv2d(2, 1, stride=2)(maps),
    }
    loss = {
        "letter": cnnx.CrossEntropy(),
        "mask": cnnx.CrossEntropy(ignore_index=3),
        "depth": cnnx.L1(),
    }
    trained, by_hand = (
        cnnx.Trainer(cnnx.Model.from_graph(image, heads, seed=1), loss=loss, seed=9)
        for _ in range(2)
    )
    depth = (masks[:, ::2, ::2, np.newaxis] * [1, 10]).astype(np.float32)
    targets = {"letter": masks[:, 0, 0], "mask": masks, "depth": depth}
    trained.fit(x, targets, epochs=1, batch_size=32, shuffle=False, augmentation=ALL)
    moved = ALL.apply_masks(masks[:, ::2, ::2], seed=9, size=(12, 16))[..., np.newaxis] * [1, 10]
    targets["mask"] = ALL.apply_masks(masks, seed=9, beyond=3)
    targets["depth"] = moved.astype(np.float32)
    by_hand.step(ALL.apply(x, seed=9), targets)
    for name, expected in by_hand.model.parameters.items():
        assert_allclose(trained.model.parameters[name], expected, atol=1e-6)


def test_batches_are_moved_as_arrays() -> None:
    x, y = samples()
    found = []
    for images in ((x, y), [(x[first : first + 8], y[first : first + 8]) for first in (0, 8, 16)]):
        run = trainer()
        settings: Any = {"batch_size": 8, "shuffle": False} if isinstance(images, tuple) else {}
        run.fit(images, epochs=2, augmentation=ALL, **settings)
        found.append(parameters(run))
    assert found[0] == found[1]


def test_an_output_that_is_no_whole_fraction_is_refused() -> None:
    model = cnnx.Model([cnnx.Conv2d(4, 3)], input_shape=(12, 16, 3))
    x, y = samples()
    run = cnnx.Trainer(model)
    with pytest.raises(ValueError, match="have 12 x 16 pixels and labels for 10 x 14 positions"):
        run.fit(x, y[:, 1:-1, 1:-1], epochs=1, augmentation=ALL)
    history = run.fit(x, y[:, 1:-1, 1:-1], epochs=1, augmentation=UNMOVED)
    assert np.isfinite(history.loss).all()
