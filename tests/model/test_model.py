"""Model: running it, its parameters, its copies, and many threads at once."""

from __future__ import annotations

import copy
import mmap
import pickle
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import ops
from comparison import assert_same_bits
from model_file_parts import make_model
from small_models import SHAPE, Images, build, random_images, small


@pytest.fixture
def images(rng: np.random.Generator) -> Images:
    return random_images(rng)


# Running it.


@pytest.mark.parametrize("enlarges", [False, True])
def test_images_before_and_after_large_weights_are_computed_alike(
    enlarges: bool, rng: np.random.Generator, restore_threads: None
) -> None:
    """Layers from large weights on run on whole batches, unless later images are larger."""
    rest = [cnnx.Upsample2d(12)] if enlarges else [cnnx.MaxPool2d(2)]
    model = cnnx.Model(
        [
            cnnx.Conv2d(512, 1),
            cnnx.Residual([cnnx.Conv2d(512, 3, padding=1), cnnx.BatchNorm2d(), cnnx.ReLU()]),
            *rest,
            cnnx.Conv2d(3, 1),
        ],
        input_shape=(6, 6, 4),
    )
    x = rng.standard_normal((5, 6, 6, 4), dtype=np.float32)
    cnnx.set_num_threads(1)
    expected = np.concatenate([model(x[i : i + 1]) for i in range(len(x))])
    for threads in (1, 2, 3):
        cnnx.set_num_threads(threads)
        assert_same_bits(model(x), expected)


def test_layer_outputs_are_the_ops_one_after_the_other(rng: np.random.Generator) -> None:
    """Bit for bit: a network equals its layers, and the last output is the model's."""
    model = make_model()
    parameters = model.parameters
    x = rng.integers(0, 256, (7, 9, 8, 2), dtype=np.uint8)
    y = model.layer_outputs(x)
    normalised = (x / np.float32(255) - np.array([0.1, 0.7], dtype=np.float32)) / np.float32(0.3)
    steps: dict[str, Callable[[Any], Any]] = {
        "first.conv": lambda v: ops.conv2d(
            v,
            parameters["first.conv.weight"],
            parameters["first.conv.bias"],
            stride=(2, 1),
            padding=((1, 0), (2, 1)),
        ),
        "leaky_relu_1": lambda v: ops.leaky_relu(v, negative_slope=0.1),
        "max_pool2d_1": lambda v: ops.max_pool2d(v, 2, padding="same"),
        "conv2d_1": lambda v: ops.conv2d(
            v, parameters["conv2d_1.weight"], padding="same", dilation=2, groups=2
        ),
        "tanh_1": ops.tanh,
        "avg_pool2d_1": lambda v: ops.avg_pool2d(
            v, 2, stride=1, padding=1, count_include_pad=False
        ),
        "relu_1": ops.relu,
        "flatten_1": lambda v: v.reshape(7, -1),
        "dense_1": lambda v: ops.dense(v, parameters["dense_1.weight"], parameters["dense_1.bias"]),
    }
    assert list(y) == list(steps)
    value = normalised
    for name, step in steps.items():
        value = step(value)
        assert_same_bits(y[name], value)
    assert_same_bits(model(x), value)


def test_layer_outputs_belong_to_the_caller(images: Images) -> None:
    model = small()
    outputs = model.layer_outputs(images)
    copies = {name: array.copy() for name, array in outputs.items()}
    model.layer_outputs(1 - images)
    model(1 - images)
    for name, array in outputs.items():
        assert array.flags.writeable
        assert_same_bits(array, copies[name])


def test_preprocessing_is_part_of_the_model(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (4, *SHAPE), dtype=np.uint8)
    how = cnnx.Preprocessing(mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.7))
    layers = [cnnx.Flatten(), cnnx.Dense(3)]
    plain, normalising = build(*layers), build(*layers, preprocessing=how)
    mean, std = np.array(how.mean, dtype=np.float32), np.array(how.std, dtype=np.float32)
    kept = normalising.preprocessing
    assert np.array_equal(np.array(kept.mean, dtype=np.float32), mean)
    assert np.array_equal(np.array(kept.std, dtype=np.float32), std)
    assert_same_bits(normalising(pixels), plain((pixels / np.float32(255) - mean) / std))
    floats = rng.random((4, *SHAPE), dtype=np.float32)
    assert_same_bits(normalising(floats), plain((floats - mean) / std))


def test_predictions_are_names_or_indices(images: Images) -> None:
    named, unnamed = small(["ant", "bee", "cat"]), small()
    best = unnamed(images).argmax(axis=1)
    indices = unnamed.predict(images)
    assert indices.dtype == np.int64
    assert list(indices) == list(best)
    assert list(named.predict(images)) == [["ant", "bee", "cat"][i] for i in best]
    assert named.classes == ["ant", "bee", "cat"]
    assert unnamed.classes is None
    assert isinstance(named.predict(images[0]), str)
    assert int(unnamed.predict(images[0])) == best[0]
    assert named.predict(images[:0]).shape == (0,)


def test_probabilities_are_the_softmax_of_the_outputs(images: Images) -> None:
    model = small()
    assert_same_bits(model.predict_proba(images), ops.softmax(model(images)))
    np.testing.assert_allclose(model.predict_proba(images).sum(axis=1), 1, rtol=1e-6)


def test_one_sigmoid_output_predicts_two_classes(images: Images) -> None:
    for classes in (None, ["no", "yes"]):
        model = build(cnnx.Flatten(), cnnx.Dense(1), classes=classes)
        cnnx.Trainer(model, loss=cnnx.BinaryCrossEntropy())
        model.parameters["dense_1.bias"] = [-np.median(model(images))]
        probabilities = model.predict_proba(images)
        assert_same_bits(probabilities, ops.sigmoid(model(images)))
        second = (probabilities[:, 0] > 0.5).astype(int)
        assert 0 < second.sum() < 5
        assert list(model.predict(images)) == [classes[i] if classes else i for i in second]


@pytest.mark.parametrize("last", [[], [cnnx.Sigmoid()]], ids=["logits", "sigmoid"])
def test_several_sigmoid_outputs_are_a_yes_or_no_each(
    last: list[cnnx.Layer], images: Images
) -> None:
    model = build(cnnx.Flatten(), cnnx.Dense(4), *last)
    if not last:
        cnnx.Trainer(model, loss=cnnx.BinaryCrossEntropy())
    answers = model.predict(images)
    assert answers.dtype == np.bool_
    assert np.array_equal(answers, model.predict_proba(images) > 0.5)


@pytest.mark.parametrize("last", [cnnx.Softmax(), cnnx.Sigmoid()], ids=repr)
def test_probabilities_of_the_last_layer_are_returned_unchanged(
    last: cnnx.Layer, images: Images
) -> None:
    model = build(cnnx.Flatten(), cnnx.Dense(3), last)
    assert_same_bits(model.predict_proba(images), model(images))


def test_a_model_without_classes_to_choose_from_does_not_predict(images: Images) -> None:
    for model in (build(cnnx.Conv2d(1, 3)), build(cnnx.Flatten(), cnnx.Dense(1))):
        with pytest.raises(ValueError, match="expected at least two outputs, one per class"):
            model.predict(images)


# Its parameters and copies.


def test_reading_a_parameter_gives_a_copy_that_cannot_be_written(images: Images) -> None:
    model = small()
    before = model(images)
    with pytest.raises(ValueError, match="read-only"):
        model.parameters["dense_1.weight"][...] = 0
    read = model.parameters["dense_1.weight"]
    model.parameters["dense_1.weight"] = 2 * read
    assert not np.shares_memory(read, model.parameters["dense_1.weight"])
    model.parameters["dense_1.weight"] = read
    assert_same_bits(model(images), before)


def test_assigning_a_parameter_changes_the_model_at_once(images: Images) -> None:
    model = small()
    parameters = model.parameters
    for name in list(parameters):
        before = model(images)
        changed = parameters[name] + np.float32(0.5)
        parameters[name] = changed.astype(np.float64)[...]
        assert_same_bits(parameters[name], changed)
        assert_same_bits(model.parameters[name], changed)
        assert not np.array_equal(model(images), before), name
        outputs = model.layer_outputs(images)
        assert_same_bits(outputs["dense_1"], model(images))
    changed[...] = 0
    assert not np.array_equal(parameters[name], changed), "the model kept the caller's array"


def test_parameters_are_a_mapping() -> None:
    parameters = small().parameters
    names = ["conv2d_1.weight", "conv2d_1.bias", "dense_1.weight", "dense_1.bias"]
    assert list(parameters) == names
    assert len(parameters) == 4
    assert "dense_1.bias" in parameters
    assert "dense_2.bias" not in parameters
    assert parameters.get("dense_2.bias") is None
    no_names: list[Any] = [3, "dense\udce9"]
    assert all(each not in parameters for each in no_names)
    assert "dense_1.bias" in repr(parameters)


def test_wrong_assignments_are_refused(images: Images) -> None:
    model = small()
    before = model(images)
    sentence = r"dense_1.bias has shape \(3,\), but the array assigned to it has shape \(2,\)"
    with pytest.raises(ValueError, match=sentence):
        model.parameters["dense_1.bias"] = [1, 2]
    with pytest.raises(ValueError, match=r"has shape \(3,\), but .* has shape \(\)"):
        model.parameters["dense_1.bias"] = 0.0
    with pytest.raises(TypeError, match=r"dense_1.bias has dtype complex128, expected real"):
        model.parameters["dense_1.bias"] = [1j, 2, 3]
    with pytest.raises(KeyError, match="dense_2"):
        model.parameters["dense_2.bias"] = [1, 2, 3]
    with pytest.raises(KeyError, match="dense_2"):
        model.parameters["dense_2.bias"]
    assert_same_bits(model(images), before)


def pickled(model: cnnx.Model) -> cnnx.Model:
    again: cnnx.Model = pickle.loads(pickle.dumps(model))
    return again


every_way_to_copy = pytest.mark.parametrize(
    "copied", [cnnx.Model.clone, copy.copy, copy.deepcopy, pickled]
)


@every_way_to_copy
def test_a_clone_is_an_independent_model(
    copied: Callable[[cnnx.Model], cnnx.Model], images: Images
) -> None:
    model = small(["ant", "bee", "cat"], seed=5)
    model.layers[0].trainable = False
    before = model(images)
    clone = copied(model)
    assert [layer.trainable for layer in clone.layers] == [False, True, True, True]
    assert_same_bits(clone(images), before)
    assert clone.classes == model.classes
    assert clone.summary() == model.summary()
    cnnx.Trainer(clone).step(images, [0, 1, 2, 0, 1])
    assert not np.array_equal(clone(images), before)
    assert_same_bits(model(images), before)
    learned = clone(images)
    model.parameters["dense_1.bias"] = [1, 2, 3]
    assert_same_bits(clone(images), learned)
    del model
    assert_same_bits(clone(images), learned)


@every_way_to_copy
def test_a_clone_interprets_its_outputs_as_the_model_did(
    copied: Callable[[cnnx.Model], cnnx.Model], images: Images
) -> None:
    model = build(cnnx.Flatten(), cnnx.Dense(1))
    cnnx.Trainer(model, loss=cnnx.BinaryCrossEntropy())
    assert_same_bits(copied(model).predict_proba(images), model.predict_proba(images))


# Many threads.


def test_with_preprocessing_copies_everything_else(rng: np.random.Generator) -> None:
    model = cnnx.models.resnet20((8, 8, 3), ["a", "b"], seed=3)
    x = rng.random((4, 8, 8, 3), dtype=np.float32)
    cnnx.Trainer(model).step(x, ["a", "b", "a", "b"])
    model.layers[0].trainable = False
    how = cnnx.Preprocessing("crop", mean=(0.5, 0.25, 0), std=2)
    copied = model.with_preprocessing(how)
    assert copied.preprocessing == how
    assert model.preprocessing == cnnx.Preprocessing()
    assert copied.classes == model.classes
    assert_same_bits(copied(x), model((x - np.float32([0.5, 0.25, 0])) / 2))
    assert [each.trainable for each in copied.layers] == [each.trainable for each in model.layers]
    copied.parameters["conv2d_1.weight"] = 0 * copied.parameters["conv2d_1.weight"]
    assert np.any(model.parameters["conv2d_1.weight"] != 0)


def test_with_preprocessing_refuses_a_model_whose_outputs_are_no_softmax() -> None:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(1)], input_shape=(2, 2, 1))
    cnnx.Trainer(model, loss=cnnx.BinaryCrossEntropy())
    with pytest.raises(ValueError, match="with_preprocessing: the model was trained with a loss"):
        model.with_preprocessing(cnnx.Preprocessing(mean=0.5))


def test_eight_threads_predict_with_one_model(rng: np.random.Generator) -> None:
    """Each thread has its own images, so that a mix-up of memory shows in the outputs."""
    model = cnnx.models.small((32, 32, 3), 10)
    x = rng.integers(0, 256, (8, 65, 32, 32, 3), dtype=np.uint8)
    answers = [model(own) for own in x]
    layers = [model.layer_outputs(own[:7]) for own in x]
    start = threading.Barrier(8)

    def predict(number: int) -> None:
        start.wait()
        for turn in range(12):
            count = (1, 7, 64, 65)[(number + turn) % 4]
            own, expected = x[number, :count], answers[number][:count]
            assert_same_bits(model(own), expected)
            assert_same_bits(model.predict_proba(own), ops.softmax(expected))
            for name, array in model.layer_outputs(x[number, :7]).items():
                assert_same_bits(array, layers[number][name])

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(predict, number) for number in range(8)]:
            done.result(timeout=120)


def test_a_prediction_sees_one_version_of_a_parameter(rng: np.random.Generator) -> None:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(64)], input_shape=(16, 16, 1))
    x = rng.random((300, 16, 16, 1), dtype=np.float32)
    weights = [rng.random((256, 64), dtype=np.float32) for _ in range(2)]
    answers = set()
    for weight in weights:
        model.parameters["dense_1.weight"] = weight
        answers.add(model(x).tobytes())
    assert len(answers) == 2
    stop = threading.Event()

    def assign() -> None:
        while not stop.is_set():
            for weight in weights:
                model.parameters["dense_1.weight"] = weight

    with ThreadPoolExecutor(3) as pool:
        assigning = pool.submit(assign)
        try:
            seen = [pool.submit(lambda: model(x).tobytes()) for _ in range(60)]
            assert {each.result(timeout=120) for each in seen} <= answers
        finally:
            stop.set()
        assigning.result(timeout=120)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="POSIX signals")
@pytest.mark.parametrize(
    "run",
    [
        lambda model, x: model(x),
        lambda model, x: model.predict(x),
        lambda model, x: model.predict_proba(x),
        lambda model, x: cnnx.Trainer(model).evaluate(x, np.zeros(len(x), np.int64)),
    ],
    ids=["outputs", "predict", "predict_proba", "evaluate"],
)
def test_a_long_computation_can_be_interrupted(run: Callable[[cnnx.Model, Any], Any]) -> None:
    """As by Ctrl-C. A handler runs once for all signals that arrive while it cannot."""
    layers = [cnnx.Conv2d(64, 3), cnnx.ReLU(), cnnx.GlobalAvgPool2d(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=(256, 256, 3))
    handled = 0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal handled
        handled += 1
        if handled == 4:  # Python itself has a few around the computation
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, handle)
    try:
        count = 8
        while True:
            handled, x = 0, np.zeros((count, 256, 256, 3), np.uint8)
            x[:, 0] = 255
            signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
            try:
                run(model, x)
            except KeyboardInterrupt:
                break
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            assert count < 2000
            count *= 2
    finally:
        signal.signal(signal.SIGALRM, before)
    assert model.predict(x[:2]).shape == (2,)


def test_images_in_anonymous_memory_are_read() -> None:
    """A mapping without a file, such as shared memory, has no size that could be cut short."""
    memory = mmap.mmap(-1, 32 * 32)
    images = np.frombuffer(memory, np.uint8).reshape(1, 32, 32, 1)
    assert cnnx.models.small((32, 32, 1))(images).shape == (1, 2)
