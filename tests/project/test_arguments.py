"""Inputs that a model and a trainer accept everywhere, and inputs they refuse in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import cnnx
import numpy as np
import numpy.typing as npt
import pytest
from cnnx.batch_arguments import images
from samples import on_a_float_boundary, read_only

HEIGHT, WIDTH, COUNT = 8, 6, 5
CLASSES = ["ant", "bee", "cat"]
LABELS = np.array([0, 2, 1, 1, 0])

Array: TypeAlias = "npt.NDArray[Any]"
Entry: TypeAlias = "Callable[[cnnx.Model, Any], Any]"


def make_model(channels: int, classes: list[str] | None = CLASSES) -> cnnx.Model:
    layers = [cnnx.Conv2d(4, 3, padding=1), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(3)]
    return cnnx.Model(layers, input_shape=(HEIGHT, WIDTH, channels), classes=classes, seed=1)


def labels_for(x: Any) -> Array:
    """A label per image."""
    single = isinstance(x, float) or len(x) == HEIGHT
    return np.arange(1 if single else len(x), dtype=np.int64) % 3


def train(method: str, **settings: Any) -> Entry:
    """A trainer's method on a model of its own."""
    return lambda model, x: getattr(cnnx.Trainer(model.clone()), method)(
        x, labels_for(x), **settings
    )


# Every entry point, and the name with which its errors begin.
ENTRIES: dict[str, tuple[str, Entry]] = {
    "model(x)": ("model", lambda model, x: model(x)),
    "predict": ("predict", lambda model, x: model.predict(x)),
    "predict_proba": ("predict_proba", lambda model, x: model.predict_proba(x)),
    "layer_outputs": ("layer_outputs", lambda model, x: model.layer_outputs(x)["dense_1"]),
    "step": ("step", train("step")),
    "compute_gradients": ("compute_gradients", train("compute_gradients")),
    "fit": ("fit", lambda model, x: train("fit", epochs=1)(model, x).loss),
    "evaluate": ("evaluate", lambda model, x: train("evaluate")(model, x)["loss"]),
}
every_entry = pytest.mark.parametrize("entry", ENTRIES)


def same(one: Any, other: Any) -> bool:
    first, second = np.asarray(one), np.asarray(other)
    return first.dtype == second.dtype and first.tobytes() == second.tobytes()


@pytest.fixture
def pixels(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    return rng.integers(0, 256, (COUNT, HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture
def floats(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    return rng.random((COUNT, HEIGHT, WIDTH, 3), dtype=np.float32)


# Accepted everywhere.


@every_entry
def test_integers_of_any_width_are_pixels(entry: str, pixels: npt.NDArray[np.uint8]) -> None:
    _, run = ENTRIES[entry]
    model = make_model(3)
    expected = run(model, pixels)
    for dtype in ("u2", "u4", "u8", "i2", "i4", "i8", ">i4", ">u2"):
        assert same(run(model, pixels.astype(dtype)), expected), dtype
    assert same(run(model, pixels.tolist()), expected)
    scaled = pixels.astype(np.float32) / np.float32(255)
    assert same(run(model, scaled), expected)
    assert same(run(model, (pixels // 2).astype(np.int8)), run(model, pixels // 2))


@every_entry
def test_floats_of_any_width_are_taken_as_they_are(
    entry: str, floats: npt.NDArray[np.float32]
) -> None:
    _, run = ENTRIES[entry]
    model = make_model(3)
    expected = run(model, floats)
    for dtype in ("f8", "g", ">f4", ">f8"):
        assert same(run(model, floats.astype(dtype)), expected), dtype
    half = floats.astype(np.float16)
    assert same(run(model, half), run(model, half.astype(np.float32)))
    mask = floats > 0.5
    assert same(run(model, mask), run(model, mask.astype(np.float32)))


@every_entry
def test_memory_may_lie_in_any_way(entry: str, floats: npt.NDArray[np.float32]) -> None:
    _, run = ENTRIES[entry]
    model = make_model(3)
    expected = run(model, floats)
    channels_first = np.ascontiguousarray(floats.transpose(0, 3, 1, 2))
    forms = {
        "Fortran order": np.asfortranarray(floats),
        "a transposed view": channels_first.transpose(0, 2, 3, 1),
        "every second row": np.repeat(floats, 2, axis=1)[:, ::2],
        "backwards": floats[::-1, :, ::-1].copy()[::-1, :, ::-1],
        "on a float boundary": on_a_float_boundary(floats),
        "read-only": read_only(floats),
        "a part of larger images": np.pad(floats, ((0, 0), (1, 1), (2, 2), (0, 0)))[:, 1:-1, 2:-2],
        "a list of images": list(floats),
    }
    for name, form in forms.items():
        before = np.array(form)
        assert same(run(model, form), expected), name
        assert same(np.array(form), before), "the caller's images were changed"


@every_entry
def test_one_channel_needs_no_channel_axis(entry: str, pixels: npt.NDArray[np.uint8]) -> None:
    _, run = ENTRIES[entry]
    model = make_model(1)
    expected = run(model, pixels[..., :1])
    assert same(run(model, pixels[..., 0]), expected)
    one = run(model, pixels[:1, ..., :1])
    for form in (pixels[0, ..., :1], pixels[0, ..., 0]):
        assert same(run(model, form), one), form.shape


@pytest.mark.parametrize("name", ["model(x)", "predict", "predict_proba", "layer_outputs"])
def test_one_image_gives_one_prediction(name: str, floats: npt.NDArray[np.float32]) -> None:
    _, run = ENTRIES[name]
    model = make_model(3)
    one, batch = run(model, floats[2]), run(model, floats)
    assert np.shape(one) == np.shape(batch)[1:]
    assert same(one, batch[2])


def test_a_contiguous_float32_or_uint8_array_is_not_copied(
    pixels: npt.NDArray[np.uint8], floats: npt.NDArray[np.float32]
) -> None:
    for array in (pixels, floats, pixels[1], floats[1], read_only(floats)):
        taken, _, _ = images(array, (HEIGHT, WIDTH, 3), "model")
        assert np.shares_memory(taken, array)
    grey = np.ascontiguousarray(pixels[..., 0])
    assert np.shares_memory(images(grey, (HEIGHT, WIDTH, 1), "model")[0], grey)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS.astype(np.int8),
        LABELS.astype(np.uint8),
        LABELS.astype(np.uint64),
        LABELS.astype(">i4"),
        LABELS.astype(np.float32),
        LABELS.tolist(),
        tuple(LABELS),
        LABELS[:, np.newaxis],
        np.repeat(LABELS, 2)[::2],
        [CLASSES[label] for label in LABELS],
        np.array(CLASSES)[LABELS],
        np.array(CLASSES, dtype=object)[LABELS],
        LABELS.astype(object).astype(np.int64),
    ],
    ids=lambda labels: f"{type(labels).__name__}-{np.asarray(labels).dtype}",
)
def test_labels_in_any_form(labels: Any, floats: npt.NDArray[np.float32]) -> None:
    expected = cnnx.Trainer(make_model(3)).step(floats, LABELS)
    assert cnnx.Trainer(make_model(3)).step(floats, labels) == expected
    for method in ("evaluate", "compute_gradients"):
        results = [
            getattr(cnnx.Trainer(make_model(3)), method)(floats, y) for y in (labels, LABELS)
        ]
        assert results[0] == results[1]
    history = cnnx.Trainer(make_model(3)).fit(floats, labels, epochs=1, validation=(floats, labels))
    assert len(history.loss) == 1


@pytest.mark.parametrize("label", [2, np.uint8(2), "cat", [2], ["cat"], np.array([2])])
def test_one_label_for_one_image(label: Any, floats: npt.NDArray[np.float32]) -> None:
    expected = cnnx.Trainer(make_model(3)).step(floats[:1], [2])
    assert cnnx.Trainer(make_model(3)).step(floats[0], label) == expected


# Refused in one sentence.

SHAPES: dict[str, tuple[Callable[[Array], Any], str]] = {
    "channels first": (
        lambda x: x.transpose(0, 3, 1, 2),
        r"x has shape \(5, 3, 8, 6\), channels first; expected images of shape \(8, 6, 3\): "
        r"x.transpose\(0, 2, 3, 1\)",
    ),
    "one image, channels first": (
        lambda x: x[0].transpose(2, 0, 1),
        r"x has shape \(3, 8, 6\), channels first; .*: x.transpose\(1, 2, 0\)",
    ),
    "another height": (lambda x: x[:, 1:], r"x has shape \(5, 7, 6, 3\), expected .*\(8, 6, 3\)"),
    "another width": (lambda x: x[:, :, 1:], r"x has shape \(5, 8, 5, 3\), expected .*\(8, 6, 3\)"),
    "height and width swapped": (
        lambda x: x.transpose(0, 2, 1, 3),
        r"x has shape \(5, 6, 8, 3\), expected .*\(8, 6, 3\)",
    ),
    "too few channels": (lambda x: x[..., :2], r"x has shape \(5, 8, 6, 2\), expected"),
    "no channels": (lambda x: x[..., 0], r"x has shape \(5, 8, 6\), expected"),
    "flat": (lambda x: x.reshape(5, -1), r"x has shape \(5, 144\), expected"),
    "five axes": (lambda x: x[np.newaxis], r"x has shape \(1, 5, 8, 6, 3\), expected"),
    "a number": (lambda x: 1.0, r"x has shape \(\), expected"),
    "ragged": (lambda x: [x[0].tolist(), x[1, 1:].tolist()], "x is not a rectangular array"),
}


@every_entry
@pytest.mark.parametrize("case", SHAPES)
def test_wrong_shapes_are_refused(entry: str, case: str, floats: npt.NDArray[np.float32]) -> None:
    name, run = ENTRIES[entry]
    change, sentence = SHAPES[case]
    with pytest.raises(ValueError, match=f"^{name}: {sentence}") as caught:
        run(make_model(3), change(floats))
    assert "\n" not in str(caught.value)


@every_entry
@pytest.mark.parametrize(
    "dtype", [np.complex64, np.complex128, object, "M8[s]", "m8[s]", "U3", "S3", "V4"]
)
def test_wrong_dtypes_are_refused(entry: str, dtype: Any) -> None:
    name, run = ENTRIES[entry]
    x = np.zeros((COUNT, HEIGHT, WIDTH, 3), dtype=dtype)
    with pytest.raises(TypeError, match=f"^{name}: x has dtype .*, expected real numbers"):
        run(make_model(3), x)


def test_channels_first_with_one_channel_is_detected_too(floats: npt.NDArray[np.float32]) -> None:
    x = floats[..., :1].transpose(0, 3, 1, 2)
    with pytest.raises(ValueError, match=r"channels first; .*: x.transpose\(0, 2, 3, 1\)"):
        make_model(1)(x)


def test_the_suggested_transpose_works(floats: npt.NDArray[np.float32]) -> None:
    model = make_model(3)
    x = np.ascontiguousarray(floats.transpose(0, 3, 1, 2))
    with pytest.raises(ValueError, match="channels first") as caught:
        model(x)
    advice = str(caught.value).rsplit(": ", 1)[1]
    assert same(model(eval(advice, {"x": x})), model(floats))


LABEL_REFUSALS: list[tuple[type[Exception], Any, str]] = [
    (ValueError, [0, 1, 2, 0, 3], "y has label 3 at position 4, expected 0 to 2"),
    (ValueError, [0, -1, 2, 0, 1], "y has label -1 at position 1, expected 0 to 2"),
    (ValueError, np.full(5, 2**63, np.uint64), f"y has label {2**63} at position 0, expected 0"),
    (ValueError, [0, 1, 0.5, 1, 1], "y has 0.5 at position 2, expected whole numbers"),
    (ValueError, [0, 1, np.nan, 1, 1], "y has nan at position 2, expected whole numbers"),
    (ValueError, [0, 1, np.inf, 1, 1], "y has inf at position 2, expected whole numbers"),
    (ValueError, [0, 1, 2], r"y has shape \(3,\), expected one label per image, \(5,\)"),
    (ValueError, 1, r"y has shape \(\), expected one label per image, \(5,\)"),
    (
        ValueError,
        0.5 * np.eye(3)[LABELS],
        r"y has soft labels .* add up to 0.5 at position 0, expected",
    ),
    (ValueError, 2 * np.eye(3)[LABELS], r"y holds values from 0.0 to 2.0, expected 0 to 1"),
    (
        ValueError,
        ["ant", "bee", "dog", "ant", "ant"],
        "y has the name 'dog', expected one of 'ant'",
    ),
    (TypeError, LABELS.astype(complex), "y has dtype complex128, expected integers or class names"),
    (TypeError, LABELS.astype(object), "y has dtype object, expected integers or class names"),
    (TypeError, [None] * 5, "y has dtype object, expected integers or class names"),
    (TypeError, LABELS.astype("S1"), "y has dtype .*S1, expected integers or class names"),
]


@pytest.mark.parametrize("method", ["step", "compute_gradients", "fit", "evaluate"])
@pytest.mark.parametrize(("error", "labels", "sentence"), LABEL_REFUSALS)
def test_wrong_labels_are_refused(
    method: str,
    error: type[Exception],
    labels: Any,
    sentence: str,
    floats: npt.NDArray[np.float32],
) -> None:
    model = make_model(3)
    before = {name: array.tobytes() for name, array in model.parameters.items()}
    settings = {"epochs": 1} if method == "fit" else {}
    with pytest.raises(error, match=f"^{method}: {sentence}") as caught:
        getattr(cnnx.Trainer(model), method)(floats, labels, **settings)
    assert "\n" not in str(caught.value)
    assert {name: array.tobytes() for name, array in model.parameters.items()} == before


def test_names_for_a_model_without_classes_are_refused(floats: npt.NDArray[np.float32]) -> None:
    trainer = cnnx.Trainer(make_model(3, classes=None))
    with pytest.raises(ValueError, match="step: y holds names, but the model has no classes"):
        trainer.step(floats, ["ant"] * 5)
