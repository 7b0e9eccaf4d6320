"""Near the refusals and warnings of the first hour: what stays accepted, and what they look at."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.batch_arguments import are_black, check_float_range, exceeds_two
from cnnx.model.file_form import FILE_FORM, FileForm, InputForm

X, Y = cnnx.data.xo(8, size=16, seed=1)
FLOATS = X.astype(np.float32)  # 0 to 255
MODEL = cnnx.models.small((16, 16, 1))


@pytest.mark.parametrize(
    "settings",
    [{"mean": 127.5, "std": 127.5}, {"mean": (120.0,)}, {"std": 255.0}],
    ids=repr,
)
def test_a_model_whose_preprocessing_declares_it_takes_floats_up_to_255(settings: Any) -> None:
    how = cnnx.Preprocessing(**settings)
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(2)], input_shape=(16, 16, 1), preprocessing=how)
    model.predict(FLOATS)  # a warning would be an error


@pytest.mark.parametrize("norm", [cnnx.BatchNorm2d, cnnx.LayerNorm])
def test_a_model_that_begins_with_a_norm_takes_floats_of_any_range(norm: Any) -> None:
    layers = [norm(), cnnx.Flatten(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=(16, 16, 1))
    model.predict(FLOATS)  # a warning would be an error


def test_an_imported_model_without_preprocessing_takes_floats_of_any_range() -> None:
    ends = {"a": cnnx.Input((16, 16, 1)), "b": cnnx.Input((16, 16, 1))}
    two = cnnx.Model.from_graph(ends, cnnx.Add()(*ends.values()))
    model, scaled = MODEL.clone(), MODEL.with_preprocessing(cnnx.Preprocessing(mean=0.5))
    for each in (model, scaled, two):
        each._core.metadata = {FILE_FORM: FileForm((InputForm(divisor=1),), (), False).text()}
    for images in (FLOATS, FLOATS / 2, FLOATS / 255**2):
        model.predict(images)  # a warning would be an error
        two({"a": images, "b": images})
    assert "input-scale" not in {each.check for each in cnnx.doctor.check_model(model, FLOATS)}
    cnnx.Trainer(model).fit(FLOATS, Y, epochs=1, validation=(FLOATS, Y))
    with pytest.raises(ValueError, match="expected 0 to 1: x / 255"):
        scaled.predict(FLOATS)


def test_standardised_and_wide_images_are_accepted(rng: np.random.Generator) -> None:
    standard = rng.standard_normal((64, 16, 16, 1), dtype=np.float32) * 2
    assert standard.max() > 5
    for images in (standard, FLOATS / 255, X.astype(np.int64), X.tolist(), X > 100, FLOATS[:0]):
        MODEL.predict(images)


def test_floats_that_would_be_standardized_twice_are_warned_about(
    rng: np.random.Generator,
) -> None:
    how = cnnx.Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    layers = [cnnx.Flatten(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=(8, 8, 3), preprocessing=how)
    pixels = rng.random((4, 8, 8, 3), dtype=np.float32)
    sentence = (
        r"^predict: x holds floats from -2\.\d+ to 2\.\d+, to which the mean and std of "
        r"model.preprocessing are applied once more, expected 0 to 1: x \* std \+ mean, or uint8"
    )
    with pytest.warns(cnnx.Warning, match=sentence):
        model.predict((pixels - how.mean) / how.std)
    with pytest.warns(cnnx.Warning, match=r"from -(1|0\.9\d*) to (1|0\.9\d*), to which"):
        model.predict(2 * pixels - 1)
    for accepted in (pixels, pixels * 1.4 - 0.2):
        model.predict(accepted)  # a warning would be an error


def test_images_of_bytes_as_targets_are_warned_about() -> None:
    layers = [cnnx.Conv2d(1, 3, padding="same")]
    trainer = cnnx.Trainer(cnnx.Model(layers, input_shape=(16, 16, 1)), loss=cnnx.MSE())
    sentence = r"^fit: y is images of uint8 up to 255, .* expected targets from 0 to 1: y / 255$"
    with pytest.warns(cnnx.Warning, match=sentence):
        trainer.fit(X, X, epochs=1)
    for accepted in (X / 255, np.minimum(X, 20), X.astype(np.int64)):
        trainer.fit(X, accepted, epochs=1)  # a warning would be an error


def test_a_loss_that_has_exploded_is_warned_about() -> None:
    x, y = cnnx.data.xo(128, seed=1)
    sentence = r"^fit: the loss of .* is \d\.\d+e\+\d+ and was 0\.\d+ .* a smaller learning rate$"
    for data in ((x, y), ([(x, y)] * 2,)):
        trainer = cnnx.Trainer(cnnx.models.small(), optimizer=cnnx.Adam(3e6))
        with pytest.warns(cnnx.Warning, match=sentence):
            trainer.fit(*data, epochs=2)


def test_large_targets_are_no_exploded_loss() -> None:
    targets = np.linspace(0, 1e4, len(X), dtype=np.float32)  # the first one is met at once
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(1)], input_shape=(16, 16, 1))
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0), loss=cnnx.MSE())
    trainer.fit(X, targets, epochs=1, batch_size=1, shuffle=False)
    batches = [(X[i : i + 1], targets[i : i + 1]) for i in range(len(X))]
    history = trainer.fit(batches, epochs=1)  # a warning would be an error
    assert min(history.loss) > 1e6


def test_labels_of_a_single_class_are_warned_about() -> None:
    trainer = cnnx.Trainer(cnnx.models.small((16, 16, 1), ["X", "O"]))
    sentence = (
        "^fit: y has only the class O, which .* expected at least two .*: add images of anoth"
    )
    with pytest.warns(cnnx.Warning, match=sentence):
        trainer.fit(X, np.ones(len(X), int), epochs=1)
    trainer.fit(X, np.ones(len(X), int), epochs=1)  # a part of the images, after others
    trainer = cnnx.Trainer(MODEL.clone(), loss=cnnx.CrossEntropy(ignore_index=255))
    with pytest.warns(cnnx.Warning, match="^fit: y has only the class X, which"):
        trainer.fit(X, np.array([255] * 7 + [0]), epochs=1)
    cnnx.Trainer(MODEL.clone()).fit(X[:1], Y[:1], epochs=1)  # a warning would be an error


def test_a_momentum_as_keras_means_it_is_warned_about() -> None:
    sentence = r"^BatchNorm2d: momentum is 0\.99, .*: Keras's momentum=0.99 is momentum=0.01$"
    with pytest.warns(cnnx.Warning, match=sentence):
        cnnx.BatchNorm2d(momentum=0.99)
    for accepted in (0, 0.1, 0.5, 1):
        cnnx.BatchNorm2d(momentum=accepted)  # a warning would be an error


def test_signals_of_height_one_are_no_images_with_channels_first() -> None:
    for shape in ((1, 100, 8), (1, 16, 64), (3, 3, 64), (32, 32, 3)):
        cnnx.Model([cnnx.Flatten()], input_shape=shape)


def test_the_first_images_of_many_are_examined() -> None:
    many = np.zeros((1000, 4, 4, 1), np.float32)
    many[255] = 200
    assert exceeds_two(many)
    many[255], many[256] = 0, 200
    assert not exceeds_two(many)
    dark = np.ones((1000, 4, 4, 1), np.uint8)
    dark[256] = 200
    assert are_black(dark)
    dark[255, 0, 0, 0] = 200
    assert not are_black(dark)
    assert not are_black(dark[:0])
    assert not are_black(np.zeros_like(dark))


@pytest.mark.parametrize("most", [1, 16])
def test_integers_on_a_small_scale_are_warned_about(most: int) -> None:
    x, y = cnnx.data.xo(8, seed=1)
    trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
    dark = (x // 255 * most).astype(np.int32)
    calls: list[tuple[str, Any]] = [
        ("fit", lambda: trainer.fit(dark, y, epochs=1)),
        ("fit: validation", lambda: trainer.fit(x, y, epochs=1, validation=(dark, y))),
        ("step", lambda: trainer.step(dark.astype(np.uint8), y)),
        ("predict", lambda: trainer.model.predict(dark)),
        ("evaluate", lambda: cnnx.evaluation.evaluate(trainer.model, dark, y)),
        ("quantize: images", lambda: cnnx.quantize(trainer.model, dark, min_agreement=0)),
    ]
    for name, call in calls:
        sentence = rf"^{name}: x .* 0 to {most}, .* nearly black, .* / {most}$"
        with pytest.warns(cnnx.Warning, match=sentence):
            call()
    trainer.fit(x // 15, y, epochs=1)  # up to 17: dark images
    single = x[:1] // 255 * 16
    trainer.model.predict(single)  # as one frame of a film may be
    with pytest.warns(cnnx.Warning, match="0 to 1, .* nearly black"):
        trainer.model.predict(single // 16)


def test_floats_that_were_divided_twice_are_warned_about() -> None:
    x, y = cnnx.data.xo(8, seed=1)
    trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
    floats = x.astype(np.float32) / 255
    with pytest.warns(cnnx.Warning, match=r"0 to 0\.00392, expected about 0 to 1: x \* 255, if"):
        trainer.fit(floats / 255, y, epochs=1)
    with pytest.warns(cnnx.Warning, match=r"^predict: x holds floats from 0 to 0\.00392, expect"):
        trainer.model.predict(floats / 255)
    trainer.fit(floats / 200, y, epochs=1)


def test_dark_parts_of_large_images_are_accepted() -> None:
    model = cnnx.Model([cnnx.Conv2d(2, 3, padding="same")], input_shape=(16, 16, 1))
    image = np.zeros((64, 64, 1), np.uint8)
    image[5, 5], image[60:, 60:] = 1, 200
    model.predict_tiled(image, tile=16)  # a warning would be an error
    with pytest.warns(cnnx.Warning, match=r"^predict_tiled: x holds integers from 0 to 1, which"):
        model.predict_tiled(image // 200, tile=16)
    with pytest.raises(ValueError, match=r"^predict_tiled: x holds floats from 0 to 200, expected"):
        model.predict_tiled(image.astype(np.float32), tile=16)


def test_targets_without_information_are_warned_about() -> None:
    with pytest.warns(cnnx.Warning, match="label_smoothing is 1, which gives images of all"):
        cnnx.CrossEntropy(label_smoothing=1)


def test_the_warning_points_at_the_callers_line() -> None:
    with pytest.warns(cnnx.Warning) as caught:
        cnnx.Trainer(MODEL.clone()).fit(FLOATS / 2, Y, epochs=1)
    assert caught[0].filename == __file__


def test_class_weights_by_name_and_by_index_are_those_in_order() -> None:
    given_weights: list[Any] = [[1.0, 3.0], {1: 3.0, 0: 1.0}, {"O": 3.0, "X": 1.0}]
    losses = [
        cnnx.Trainer(MODEL.clone(), loss=cnnx.CrossEntropy(class_weights=given)).step(X, Y)
        for given in given_weights
    ]
    assert losses[0] == losses[1] == losses[2] != cnnx.Trainer(MODEL.clone()).step(X, Y)


def test_names_of_class_weights_need_a_model_with_classes() -> None:
    model = cnnx.models.small((16, 16, 1), 2)
    loss = cnnx.CrossEntropy(class_weights={"X": 1.0, "O": 2.0})
    with pytest.raises(
        ValueError, match="keys X, O, expected integers, since the model has no class names"
    ):
        cnnx.Trainer(model, loss=loss)


def test_a_damaged_model_is_no_reason_to_name_a_class() -> None:
    model = MODEL.clone()
    model.parameters["dense_2.bias"] = [np.nan, 0.0]
    with pytest.raises(FloatingPointError, match="predict: the model's outputs are NaN for finite"):
        model.predict(X)


def test_blocks_may_nest_forty_deep() -> None:
    layer: cnnx.Layer = cnnx.ReLU()
    for _ in range(40):
        layer = cnnx.Residual(layer, name="a")
    model = cnnx.Model([layer], input_shape=(4, 4, 1))
    assert model.output_shape == (4, 4, 1)


def test_the_range_of_floats_is_in_the_sentence() -> None:
    with pytest.raises(ValueError, match=r"^f: x holds floats from 0 to 3, expected 0 to 1"):
        check_float_range(np.array([[0.0, 3.0]], np.float32), "f")
