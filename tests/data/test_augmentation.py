"""cnnx.data.Augmentation against plain NumPy with the same random numbers, and its guarantees."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cnnx
import numpy as np
import pytest
import reference_augmentation as reference
from cnnx.data import Augmentation
from numpy.testing import assert_allclose, assert_array_equal

CASES: list[dict[str, Any]] = [
    {"crop_padding": 2},
    {"crop_padding": 2, "border": "reflect"},
    {"flip": "random"},
    {"flip": "alternating"},
    {"shift": 3.5},
    {"rotate": 180},
    {"rotate": 30, "border": "reflect"},
    {"scale": (0.5, 2.0)},
    {"scale": (0.3, 0.4), "shift": 7.5, "border": "reflect"},
    {"contrast": 0.8},
    {"brightness": 0.6},
    {"contrast": 1, "brightness": 1, "crop_padding": 1},
    {"cutout": 4},
    {"cutout": 7},
    {
        **{"flip": "random", "crop_padding": 2, "rotate": 15, "scale": (0.8, 1.2), "shift": 1},
        **{"border": "reflect", "contrast": 0.3, "brightness": 0.2, "cutout": 3},
    },
]


def images(shape: tuple[int, ...], seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("settings", CASES, ids=str)
@pytest.mark.parametrize("shape", [(7, 13, 9, 3), (6, 5, 17, 1), (4, 8, 8, 2)], ids=str)
def test_parity(settings: dict[str, Any], shape: tuple[int, ...]) -> None:
    x, augmentation = images(shape), Augmentation(**settings)
    for seed, epoch in ((0, 0), (2**40 + 3, 5)):
        expected = reference.augment(x, augmentation, seed, epoch)
        assert_allclose(augmentation.apply(x, seed=seed, epoch=epoch), expected, atol=3e-5)


def test_floats_of_0_to_255_change_as_integers_do() -> None:
    x, light = images((20, 8, 8, 3)), Augmentation(contrast=0.9, brightness=0.9)
    expected = light.apply(x, preprocessing=cnnx.Preprocessing(mean=0.5, std=0.25))
    units = cnnx.Preprocessing(mean=127.5, std=63.75)
    assert_allclose(light.apply(x.astype(np.float32), preprocessing=units), expected, atol=3e-5)
    assert expected.min() == -2  # clipped at black
    assert expected.max() == 2


def test_images_of_other_floats_have_no_black_and_white(rng: np.random.Generator) -> None:
    x = rng.standard_normal((9, 8, 8, 1)).astype(np.float32)
    light = Augmentation(brightness=0.5)
    changed = light.apply(x)
    factors = (changed / x).mean(axis=(1, 2, 3), keepdims=True)
    assert_allclose(changed, factors * x, rtol=1e-5)
    assert np.ptp(factors) > 0.3
    whole = np.clip(x, 0, 1)
    assert_array_equal(light.apply(whole).max(axis=(1, 2, 3)) <= 1, True)


def test_normalisation_comes_after_the_changes_and_before_cutout() -> None:
    x, augmentation = images((9, 12, 12, 3)), Augmentation(crop_padding=3, cutout=5)
    how = cnnx.Preprocessing(mean=[0.5, 0.4, 0.3], std=[0.2, 0.3, 0.4])
    expected = reference.augment(x, augmentation, 1, 2, how.mean, how.std)
    assert_allclose(augmentation.apply(x, seed=1, epoch=2, preprocessing=how), expected, atol=1e-5)


def test_identity_changes_keep_every_bit() -> None:
    """A negligible rotation keeps every pixel, sampled or not."""
    x = images((5, 11, 6, 3))
    plain = x.astype(np.float32) / np.float32(255)
    assert_array_equal(Augmentation().apply(x), plain)
    assert_array_equal(Augmentation(scale=(1, 1), rotate=1e-30).apply(x), plain)
    assert_array_equal(Augmentation(rotate=1e-30, border="reflect").apply(x), plain)


def test_flip_alternates_and_two_flips_are_none() -> None:
    x = images((200, 3, 5, 1))
    augmentation = Augmentation(flip="alternating")
    plain = Augmentation().apply(x)
    epochs = [augmentation.apply(x, epoch=epoch) for epoch in range(4)]
    for before, after in pairwise(epochs):
        assert_array_equal(after[:, :, ::-1], before)
    unchanged = (epochs[0] == plain).all(axis=(1, 2, 3)).mean()
    assert 0.4 < unchanged < 0.6
    random = Augmentation(flip="random")
    fractions = [(random.apply(x, epoch=e) == plain).all(axis=(1, 2, 3)).mean() for e in range(10)]
    assert 0.4 < np.mean(fractions) < 0.6


def test_every_crop_position_is_equally_likely() -> None:
    x = np.zeros((5000, 7, 7, 1), np.uint8)
    x[:, 3, 3] = 255
    y = Augmentation(crop_padding=2).apply(x)
    counts = y.sum(axis=(0, 3))[1:6, 1:6]
    assert counts.sum() == len(x)
    assert counts.min() > 140
    assert counts.max() < 260


def test_an_image_depends_only_on_seed_epoch_and_position() -> None:
    x = images((40, 9, 9, 3))
    augmentation = Augmentation(**CASES[-1])
    whole = augmentation.apply(x, seed=3, epoch=7)
    assert_array_equal(augmentation.apply(x[:11], seed=3, epoch=7), whole[:11])
    for other in ({"seed": 4, "epoch": 7}, {"seed": 3, "epoch": 8}):
        assert (augmentation.apply(x, **other) != whole).any(axis=(1, 2, 3)).all()


def test_threads_do_not_matter() -> None:
    x = images((64, 33, 31, 3))
    augmentation = Augmentation(**CASES[-1])
    before, found = cnnx.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            cnnx.set_num_threads(threads)
            found.append(augmentation.apply(x).tobytes())
    finally:
        cnnx.set_num_threads(before)
    assert len(set(found)) == 1


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_whole_floats_are_integers_and_floats_are_levels(settings: dict[str, Any]) -> None:
    x, augmentation = images((5, 8, 9, 3)), Augmentation(**settings)
    expected = augmentation.apply(x)
    assert_array_equal(augmentation.apply(x.astype(np.int32)), expected)
    levels = x.astype(np.float32) / np.float32(255)
    assert_allclose(augmentation.apply(levels), expected, atol=1e-5)


def build() -> cnnx.Model:
    layers = [cnnx.Conv2d(4, 5, stride=2), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(2)]
    how = cnnx.Preprocessing(mean=0.4, std=0.3)
    return cnnx.Model(layers, input_shape=(16, 16, 1), preprocessing=how)


def test_fit_trains_on_the_changed_images_of_each_epoch() -> None:
    x, y = cnnx.data.xo(23, size=16, seed=1)
    augmentation = Augmentation(**CASES[-1])
    trainer, by_hand = (cnnx.Trainer(build(), seed=9) for _ in range(2))
    trainer.fit(x, y, epochs=2, batch_size=8, shuffle=False, augmentation=augmentation)
    how = cnnx.Preprocessing(mean=0.4, std=0.3)
    for epoch in range(2):
        changed = augmentation.apply(x, seed=9, epoch=epoch, preprocessing=how)
        for first in range(0, len(x), 8):
            # Inverted as far as float32 can: the model normalises again.
            levels = changed[first : first + 8] * np.float32(0.3) + np.float32(0.4)
            by_hand.step(levels, y[first : first + 8])
    for name, expected in by_hand.model.parameters.items():
        assert_allclose(trainer.model.parameters[name], expected, atol=1e-4)


def test_validation_images_stay_as_they_are() -> None:
    x, y = cnnx.data.xo(20, size=16, seed=1)
    trainer = cnnx.Trainer(build(), optimizer=cnnx.SGD(0.0))
    history = trainer.fit(
        x, y, epochs=1, validation=(x, y), augmentation=Augmentation(brightness=1, rotate=90)
    )
    assert history.validation_loss[0] == trainer.evaluate(x, y)["loss"] != history.loss[0]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"flip": "left"}, ValueError, 'flip is \'left\', expected one of "never", "random"'),
        ({"border": True}, ValueError, 'border is True, expected one of "zero", "reflect"'),
        ({"crop_padding": 1.5}, TypeError, "crop_padding is 1.5, expected whole pixels"),
        ({"crop_padding": -1}, ValueError, "crop_padding is -1, expected 0 or more pixels"),
        ({"rotate": "far"}, TypeError, "rotate is 'far', expected a number"),
        ({"rotate": 181}, ValueError, "rotate is 181, expected 0 to 180 degrees"),
        ({"scale": 1.1}, TypeError, "scale is 1.1, expected two factors"),
        ({"scale": (0, 1)}, ValueError, "scale is 0, expected factors from 0.01 to 100"),
        ({"scale": (1.5, 1)}, ValueError, "scale's first is 1.5, expected the smaller factor"),
        ({"shift": -2}, ValueError, "shift is -2, expected 0 to 1048576 pixels"),
        ({"contrast": float("nan")}, ValueError, "contrast is nan, expected 0 to 1"),
        ({"brightness": 2}, ValueError, "brightness is 2, expected 0 to 1"),
        ({"mixup": 5}, ValueError, "mixup is 5, expected 0 to 4"),
        ({"cutout": -3}, ValueError, "cutout is -3, expected 0 or more pixels"),
    ],
    ids=str,
)
def test_refusals(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match="(?i)^augmentation: " + message.replace("(", r"\(")):
        Augmentation(**settings)


def test_refusals_that_need_an_image() -> None:
    augmentation = Augmentation(crop_padding=8)
    x, y = cnnx.data.xo(4, size=16, seed=1)
    wrong = "crop_padding is 8, expected less than the sides of the images, 8 x 16"
    with pytest.raises(ValueError, match=wrong):
        augmentation.apply(x[:, :8])
    wrong = "cutout is 16, expected less than the longer side of the images, 8 x 16"
    with pytest.raises(ValueError, match=wrong):
        Augmentation(cutout=16).apply(x[:, :8])
    assert Augmentation(cutout=15).apply(x[:, :8]).any()
    with pytest.raises(ValueError, match="apply: x has shape"):
        augmentation.apply(x[0])
    for shape in ((2, 0, 3, 1), (2, 3, 0, 1), (2, 3, 3, 0)):
        with pytest.raises(ValueError, match=r"have shape \(.*, expected sides and channels of at"):
            Augmentation().apply(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="apply: epoch is -1, expected an integer >= 0"):
        augmentation.apply(x, epoch=-1)
    trainer = cnnx.Trainer(build())
    with pytest.raises(ValueError, match="crop_padding is 16, expected less than the sides"):
        trainer.fit(x, y, epochs=1, augmentation=Augmentation(crop_padding=16))
    with pytest.raises(TypeError, match="fit: augmentation is True, expected"):
        trainer.fit(x, y, epochs=1, augmentation=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("batch_size", [1, 8, 23, 64])
def test_prefetched_batches_are_the_same(batch_size: int) -> None:
    x, y = cnnx.data.xo(23, size=16, seed=1)
    found = []
    for prefetch in (False, True):
        trainer = cnnx.Trainer(build(), seed=3)
        for epoch in range(3):
            options = {"batch_size": batch_size, "number": epoch, "prefetch": prefetch}
            changes = Augmentation(**CASES[-1]).core_settings
            run = trainer._core.begin_epoch(x, True, y, None, [], options, changes)
            while run.advance():
                pass
        found.append([array.tobytes() for array in trainer.model.parameters.values()])
    assert found[0] == found[1]


def test_fit_may_be_interrupted_between_two_batches() -> None:
    x, y = cnnx.data.xo(64, size=16, seed=1)
    trainer = cnnx.Trainer(build())

    def stop(progress: cnnx.trainer.Progress) -> None:
        raise KeyboardInterrupt

    for _ in range(20):
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(
                x, y, epochs=1, batch_size=4, augmentation=Augmentation(rotate=5), progress=stop
            )


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 4.0])
def test_mixup_draws_from_its_distribution(alpha: float) -> None:
    """Mean 1/2 and variance 1 / (4 (2 alpha + 1)); the distance to the other image is uniform."""
    found = [reference.mix(alpha, 0, 1, first, 8) for first in range(800)]
    weights, offsets = np.array(found).T
    deviation = np.sqrt(1 / (4 * (2 * alpha + 1)))
    assert abs(weights.mean() - 0.5) < 5 * deviation / np.sqrt(800)
    assert weights.std() == pytest.approx(deviation, rel=0.1)
    assert np.bincount(offsets.astype(int), minlength=8).min() > 60


def test_shifts_are_in_pixels_within_the_image() -> None:
    x = np.zeros((2, 8, 16, 1), np.uint8)
    trainer = cnnx.Trainer(cnnx.Model([cnnx.Flatten(), cnnx.Dense(2)], input_shape=(8, 16, 1)))

    def fit(shift: float) -> None:
        trainer.fit(x, [0, 1], epochs=1, augmentation=Augmentation(shift=shift))

    fraction = "shift is 0.1, which is below one pixel, expected pixels: shift=1.6 is this fraction"
    with pytest.warns(cnnx.Warning, match=f"^fit: {fraction} of images of 8 x 16$"):
        fit(0.1)
    with pytest.warns(cnnx.Warning, match=f"^apply: {fraction}"):
        Augmentation(shift=0.1).apply(x)
    wrong = "shift is 400 pixels, expected less than the longer side of the images, 8 x 16"
    with pytest.raises(ValueError, match=f"^fit: {wrong}$"):
        fit(400)
    with pytest.raises(ValueError, match=f"^apply_masks: {wrong}$"):
        Augmentation(shift=400).apply_masks(x[..., 0])
    for accepted in (0, 1, 15.5):
        fit(accepted)  # a warning would be an error


def test_a_rotation_that_may_be_meant_as_a_fraction_of_a_turn_is_warned_about() -> None:
    sentence = r"^apply: rotate is 0\.1, which is below one degree, .* rotate=36 is this fraction"
    with pytest.warns(cnnx.Warning, match=sentence):
        Augmentation(rotate=0.1).apply(np.zeros((1, 8, 8, 1), np.uint8))
    for accepted in (0, 1, 15):
        Augmentation(rotate=accepted).apply(np.zeros((1, 8, 8, 1), np.uint8))


@pytest.mark.parametrize("alpha", [0.02, 0.2, 1.0, 4.0])
@pytest.mark.parametrize("loss", [cnnx.CrossEntropy(), cnnx.MSE()], ids=repr)
def test_mixup_blends_images_and_targets(loss: Any, alpha: float) -> None:
    x, y = cnnx.data.xo(23, size=16, seed=1)
    augmentation = Augmentation(crop_padding=2, mixup=alpha)
    layers = [cnnx.Conv2d(4, 5, stride=2), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(2)]
    trainer, by_hand = (
        cnnx.Trainer(
            cnnx.Model(layers, input_shape=(16, 16, 1)),
            optimizer=cnnx.SGD(0.05),
            loss=loss,
            seed=7,
        )
        for _ in range(2)
    )
    targets: Any = np.eye(2)[y]
    trainer.fit(
        *(x, targets if isinstance(loss, cnnx.MSE) else y),
        **{"epochs": 2, "batch_size": 8, "shuffle": False, "augmentation": augmentation},
    )
    for epoch in range(2):
        changed = augmentation.apply(x, seed=7, epoch=epoch)
        for first in range(0, 23, 8):
            batch, wanted = changed[first : first + 8], targets[first : first + 8]
            weight, offset = reference.mix(alpha, 7, epoch, first, len(batch))
            others = np.roll(np.arange(len(batch)), -offset)
            by_hand.step(
                *(weight * each + (1 - weight) * each[others] for each in (batch, wanted)),
            )
    for name, expected in by_hand.model.parameters.items():
        assert_allclose(trainer.model.parameters[name], expected, atol=2e-5)


def test_mixup_is_the_same_for_any_threads_prefetched_or_not() -> None:
    x, y = cnnx.data.xo(64, size=32, seed=1)
    before, found = cnnx.get_num_threads(), set()
    try:
        for threads, prefetch in ((1, False), (2, False), (2, True)):
            cnnx.set_num_threads(threads)
            trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), 2))
            options = {"batch_size": 48, "prefetch": prefetch}
            changes = Augmentation(mixup=0.4).core_settings
            run = trainer._core.begin_epoch(x, True, y, None, [], options, changes)
            while run.advance():
                pass
            found.add(b"".join(a.tobytes() for a in trainer.model.parameters.values()))
    finally:
        cnnx.set_num_threads(before)
    assert len(found) == 1
