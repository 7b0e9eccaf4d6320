"""`CNNClassifier`: forms of X and y, units, weights, seeds, continued training, copies, files."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest

pytest.importorskip("sklearn")
from cnnx.sklearn import CNNClassifier
from cnnx.sklearn.pixels import channel_statistics
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import compute_sample_weight

SIDE = 8
LABELS = np.array(["X", "O", "+"])


def small_network(input_shape: tuple[int, int, int], classes: Any, *, seed: int = 0) -> cnnx.Model:
    """A network that a test trains in milliseconds."""
    count = classes if isinstance(classes, int) else len(classes)
    return cnnx.Model(
        [cnnx.Conv2d(4, 3), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(count)],
        input_shape=input_shape,
        classes=None if isinstance(classes, int) else classes,
        seed=seed,
    )


def classifier(**settings: Any) -> CNNClassifier:
    return CNNClassifier(**{"network": small_network, "epochs": 2, "random_state": 0, **settings})


@pytest.fixture
def x(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (30, SIDE, SIDE, 1), dtype=np.uint8)


@pytest.fixture
def y(rng: np.random.Generator) -> np.ndarray:
    return LABELS[np.arange(30) % 3]


def bits(estimator: CNNClassifier, x: Any) -> bytes:
    return estimator.predict_proba(x).tobytes()


def test_images_in_every_form_are_the_same_images(x: np.ndarray, y: np.ndarray) -> None:
    expected = bits(classifier().fit(x, y), x)
    flat = x.reshape(30, -1)
    for form in (x[..., 0], flat, np.asfortranarray(flat), np.asfortranarray(x)):
        fitted = classifier().fit(form, y)
        assert fitted.image_shape_ == (SIDE, SIDE, 1)
        assert fitted.n_features_in_ == SIDE * SIDE
        assert bits(fitted, form) == bits(fitted, x) == expected
    floats = x.astype(np.float32)
    assert bits(classifier().fit(floats, y), floats) == bits(
        classifier().fit(floats.tolist(), y), floats.tolist()
    )


def test_the_shape_of_flat_rows(rng: np.random.Generator, y: np.ndarray) -> None:
    for features, given, expected in (
        (64, None, (8, 8, 1)),
        (49, None, (1, 1, 49)),
        (60, None, (1, 1, 60)),
        (60, (6, 10), (6, 10, 1)),
        (60, (4, 5, 3), (4, 5, 3)),
        (64, (1, 1, 64), (1, 1, 64)),
    ):
        rows = rng.random((30, features))
        fitted = CNNClassifier(image_shape=given, epochs=1, random_state=0).fit(rows, y)
        assert fitted.image_shape_ == fitted.model_.input_shape == expected
        assert fitted.predict(rows).shape == (30,)


@pytest.mark.parametrize(
    ("given", "form", "sentence"),
    [
        ((8, 9), (64,), "CNNClassifier: X has 64 features, expected 72, those of images of"),
        (
            (8, 9),
            (8, 8),
            r"CNNClassifier: X holds images of shape \(8, 8, 1\), expected image",
        ),
        (8, (64,), r"CNNClassifier: image_shape is 8, expected \(height, width\)"),
        ((8, 0), (64,), r"CNNClassifier: image_shape is \(8, 0\), expected"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    given: Any, form: tuple[int, ...], sentence: str, x: np.ndarray, y: np.ndarray
) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{sentence}"):
        classifier(image_shape=given).fit(x.reshape(30, *form), y)


@pytest.mark.parametrize(
    "images",
    [
        "pets",
        [Path("pets/cat.png"), Path("pets/dog.png")],
        cnnx.data.Dataset(np.zeros((2, 8, 8, 1), np.uint8), np.arange(2), ["cat", "dog"]),
    ],
)
def test_paths_and_data_sets_are_refused(images: Any) -> None:
    with pytest.raises(TypeError, match=r"^CNNClassifier: X is .*, expected an array of images, "):
        CNNClassifier().fit(images, [0, 1])


def test_other_images_than_in_fit_are_refused(rng: np.random.Generator, y: np.ndarray) -> None:
    x = rng.integers(0, 256, (30, 6, 8, 3), dtype=np.uint8)
    fitted = classifier().fit(x, y)
    with pytest.raises(ValueError, match=r"images of shape \(3, 6, 8\), expected \(6, 8, 3\)"):
        fitted.predict(x.transpose(0, 3, 1, 2))
    with pytest.raises(ValueError, match="X has 64 features, but CNNClassifier is expecting 144"):
        fitted.predict(x.reshape(30, -1)[:, :64])


def test_values_keep_their_unit_whatever_their_type(x: np.ndarray, y: np.ndarray) -> None:
    in_bytes = classifier().fit(x, y)
    assert in_bytes.model_.preprocessing == cnnx.Preprocessing()
    for dtype in (np.float64, np.int64):
        assert bits(in_bytes, x.astype(dtype)) == bits(in_bytes, x)
    in_floats = classifier().fit(x.astype(np.float64), y)
    assert bits(in_floats, x) == bits(in_floats, x.astype(np.float64))
    assert bits(in_floats, x) != bits(in_bytes, x)


def test_floats_are_standardised_by_channel(rng: np.random.Generator, y: np.ndarray) -> None:
    x = rng.normal([100.0, -3.0, 7.0], [5.0, 0.1, 0.0], (30, 4, 4, 3))
    fitted = classifier().fit(x, y)
    how = fitted.model_.preprocessing
    np.testing.assert_allclose(how.mean, x.mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(how.std, [*x.std(axis=(0, 1, 2))[:2], 1.0], rtol=1e-5)
    plain = classifier(standardize=False).fit(x, y)
    assert plain.model_.preprocessing == cnnx.Preprocessing()


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e6 / 7, 0.0])
def test_a_constant_channel_is_divided_by_one(value: float) -> None:
    """Rounding errors of its mean are no deviation."""
    _, std = channel_statistics(np.full((7, 11, 13, 1), value))
    assert std == [1.0]


def test_floats_may_have_any_range(rng: np.random.Generator, y: np.ndarray) -> None:
    """A model by itself would refuse whole numbers above 2, and warn of other large floats."""
    counts = (rng.random((30, 8, 8)) < 0.02).astype(np.float64) * 3
    fitted = classifier().fit(counts, y)
    assert fitted.model_.preprocessing.std < 1
    assert fitted.predict(10 * counts).shape == (30,)
    with pytest.raises(ValueError, match="expected 0 to 1"):
        fitted.model_.predict(counts)


@pytest.mark.parametrize(
    "labels", [["b", "a", "c"], [3, -1, 7], [2.0, 1.0, 0.0], [np.str_("é"), "u", "x"]]
)
def test_labels_of_any_type(labels: list[Any], x: np.ndarray) -> None:
    y = np.array(labels)[np.arange(30) % 3]
    fitted = classifier().fit(x, y)
    assert fitted.classes_.tolist() == sorted(labels)
    assert fitted.model_.classes == [str(label) for label in fitted.classes_]
    assert set(fitted.predict(x)) <= set(labels)
    assert fitted.predict(x).dtype == y.dtype


def test_scores_and_probabilities_agree(x: np.ndarray, y: np.ndarray) -> None:
    fitted = classifier().fit(x, y)
    scores = fitted.decision_function(x)
    assert scores.shape == (30, 3)
    assert (fitted.classes_[scores.argmax(axis=1)] == fitted.predict(x)).all()
    for temperature in (1, 2.5):
        fitted.model_.temperature = temperature
        logs = fitted.predict_log_proba(x)
        np.testing.assert_allclose(np.exp(logs), fitted.predict_proba(x), 1e-5)
    binary = classifier().fit(x, y == "X")
    scores = binary.decision_function(x)
    assert scores.shape == (30,)
    assert ((scores > 0) == binary.predict(x)).all()
    np.testing.assert_allclose(1 / (1 + np.exp(-scores)), binary.predict_proba(x)[:, 1], 1e-5)


def test_the_file_predicts_the_same(tmp_path: Path, x: np.ndarray, y: np.ndarray) -> None:
    for data in (x, x.astype(np.float32)):
        fitted = classifier().fit(data, y)
        fitted.save(tmp_path / "model.cnnx")
        loaded = cnnx.load(tmp_path / "model.cnnx")
        assert loaded.predict_proba(data).tobytes() == bits(fitted, data)
        assert (loaded.predict(data) == fitted.predict(data)).all()
    with pytest.raises(NotFittedError):
        classifier().save(tmp_path / "none.cnnx")


def test_seeds(x: np.ndarray, y: np.ndarray) -> None:
    assert bits(classifier().fit(x, y), x) == bits(classifier().fit(x, y), x)
    assert bits(classifier(random_state=1).fit(x, y), x) != bits(classifier().fit(x, y), x)
    draws = np.random.RandomState(0)
    first, second = (classifier(random_state=draws).fit(x, y) for _ in range(2))
    assert bits(first, x) != bits(second, x)
    again = classifier(random_state=np.random.RandomState(0)).fit(x, y)
    assert bits(again, x) == bits(first, x)


def test_weights_of_zero_are_as_left_out(x: np.ndarray, y: np.ndarray) -> None:
    weights = np.where(np.arange(30) < 20, 1.0, 0.0)
    weighted = classifier().fit(x, y, sample_weight=weights)
    assert bits(weighted, x) == bits(classifier().fit(x[:20], y[:20], np.ones(20)), x)
    assert bits(weighted, x) != bits(classifier().fit(x, y), x)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        (np.ones(29), r"sample_weight has shape \(29,\), expected one weight per row, \(30,\)"),
        (np.ones((30, 1)), r"sample_weight has shape \(30, 1\), expected"),
        (-np.ones(30), "sample_weight holds -1, expected weights >= 0"),
        (np.zeros(30), "every weight is zero, expected at least one weight above 0"),
        (np.full(30, np.nan), "Input sample_weight contains NaN"),
    ],
)
def test_wrong_weights_are_refused(
    weights: np.ndarray, sentence: str, x: np.ndarray, y: np.ndarray
) -> None:
    with pytest.raises(ValueError, match=sentence):
        classifier().fit(x, y, sample_weight=weights)


def test_class_weights_are_weights_of_the_images(x: np.ndarray, y: np.ndarray) -> None:
    y = np.where(np.arange(30) < 24, y, "X")
    by_class = {"X": 1.0, "O": 3.0, "+": 0.5}
    own = np.linspace(0.5, 1.5, 30)
    products = own * np.array([by_class[label] for label in y])
    assert bits(classifier(class_weight=by_class).fit(x, y, own), x) == bits(
        classifier().fit(x, y, products), x
    )
    assert bits(classifier(class_weight="balanced").fit(x, y), x) == bits(
        classifier().fit(x, y, compute_sample_weight("balanced", y)), x
    )


def test_one_class_is_refused(x: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"^CNNClassifier: y has one class, \['X'\], expected"):
        classifier().fit(x, ["X"] * 30)


def test_early_stopping_and_held_out_images(x: np.ndarray, y: np.ndarray) -> None:
    stops = {"early_stopping": True, "patience": 1, "schedule": None, "learning_rate": 0.02}
    stopped = classifier(epochs=100, **stops).fit(x, y)
    assert stopped.n_iter_ == len(stopped.history_) < 100
    assert np.isfinite(stopped.history_.validation_loss).all()
    measured = classifier(validation_fraction=0.2).fit(x, y)
    assert measured.n_iter_ == 2
    assert np.isfinite(measured.history_.validation_accuracy).all()
    assert np.isnan(classifier().fit(x, y).history_.validation_loss).all()


def test_few_images_are_trained_on_often(x: np.ndarray, y: np.ndarray) -> None:
    assert classifier(epochs=None).fit(x, y).n_iter_ == 1000
    assert classifier(epochs=None, batch_size=1).fit(x, y).n_iter_ == 34


def test_warm_start_continues(x: np.ndarray, y: np.ndarray) -> None:
    cold = classifier().fit(x, y).fit(x, y)
    assert (cold.n_iter_, bits(cold, x)) == (2, bits(classifier().fit(x, y), x))
    warm = classifier(warm_start=True).fit(x, y)
    first = warm.model_
    before = bits(warm, x)
    warm.fit(x, y)
    assert (warm.n_iter_, len(warm.history_.loss)) == (4, 4)
    assert bits(warm, x) != before == first.predict_proba(x).tobytes()
    with pytest.raises(ValueError, match="y has the label 'new', expected one of the classes"):
        warm.fit(x, np.where(y == "X", "new", y))


def test_partial_fit_is_an_epoch_of_a_trainer(x: np.ndarray, y: np.ndarray) -> None:
    estimator = classifier(optimizer="adam")
    with pytest.raises(ValueError, match=r"classes is None in the first call, .*np.unique\(y\)"):
        estimator.partial_fit(x, y)
    for _ in range(3):
        estimator.partial_fit(x, y, classes=LABELS)
    seed = int(np.random.RandomState(0).randint(np.iinfo(np.int32).max))
    model = small_network((SIDE, SIDE, 1), sorted(LABELS), seed=seed)
    cnnx.Trainer(model, seed=seed).fit(x, y, epochs=3)
    assert estimator.n_iter_ == 3
    assert bits(estimator, x) == model.predict_proba(x).tobytes()
    before = bits(estimator, x)
    assert bits(estimator.set_params(learning_rate=0.0).partial_fit(x, y), x) == before
    with pytest.raises(ValueError, match=r"classes is \['X'\], expected those of the first call"):
        estimator.partial_fit(x, y, classes=["X"])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"early_stopping": True}, "early_stopping is True, but a call trains for one epoch"),
        ({"class_weight": "balanced"}, "class_weight is 'balanced', which needs all images"),
    ],
)
def test_partial_fit_refuses_settings_of_a_whole_fit(
    settings: dict[str, Any], sentence: str, x: np.ndarray, y: np.ndarray
) -> None:
    with pytest.raises(ValueError, match=f"^partial_fit: {sentence}"):
        classifier(**settings).partial_fit(x, y, classes=LABELS)


def test_copies_predict_the_same_and_share_no_model(x: np.ndarray, y: np.ndarray) -> None:
    fitted = classifier().partial_fit(x, y, classes=LABELS)
    before = bits(fitted, x)
    for copied in (copy.copy(fitted), copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))):
        assert bits(copied, x) == before
        copied.partial_fit(x, y)
        assert bits(copied, x) != before
        assert bits(fitted, x) == before
        assert (copied.n_iter_, fitted.n_iter_) == (2, 1)
    copied = copy.copy(fitted)
    fitted.partial_fit(x, y)
    assert bits(fitted, x) != before == bits(copied, x)
    assert not hasattr(clone(fitted), "model_")


def test_networks_by_name_function_and_model(x: np.ndarray, y: np.ndarray) -> None:
    larger = np.tile(x[..., 0], (1, 2, 2))
    assert classifier(network="lenet5").fit(larger, y).model_.layers[0].output_shape == (16, 16, 6)
    assert classifier(network=cnnx.models.small).fit(larger, y).model_.output_shape == (3,)
    trained = classifier().fit(x, y).model_
    before = trained.predict_proba(x).tobytes()
    same = classifier(network=trained, epochs=0).fit(x, y)
    assert bits(same, x) == before
    tuned = classifier(network=trained).fit(x, y)
    assert bits(tuned, x) != before == trained.predict_proba(x).tobytes()
    for other in (np.where(y == "X", "new", y), y == "X"):  # as many classes, and fewer
        head = classifier(network=trained, epochs=0).fit(x, other)
        assert head.model_.classes == sorted({str(label) for label in other})
        weight = trained.parameters["conv2d_1.weight"]
        np.testing.assert_array_equal(head.model_.parameters["conv2d_1.weight"], weight)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"network": "resnet19"}, "CNNClassifier: network is 'resnet19', expected 'resnet18'"),
        ({"network": 3}, "CNNClassifier: network is 3, expected a name such as"),
        (
            {"network": lambda shape, classes: None},
            "CNNClassifier: network returned None",
        ),
        (
            {"network": lambda shape, classes: cnnx.models.small((16, 16, 1), classes)},
            r"CNNClassifier: network has input_shape \(16, 16, 1\), expected that of the images",
        ),
        (
            {"network": lambda shape, classes: small_network(shape, 5)},
            r"CNNClassifier: network has outputs of shape \(5,\), expected \(3,\)",
        ),
        ({"optimizer": "adan"}, "CNNClassifier: optimizer is 'adan', expected 'adam' or"),
        ({"optimizer": cnnx.MSE()}, r"CNNClassifier: optimizer is MSE\(\), expected a name"),
        ({"schedule": "linear"}, "CNNClassifier: schedule is 'linear', expected 'cosine' or"),
        (
            {"optimizer": "adam", "weight_decay": 0.1},
            "CNNClassifier: weight_decay is 0.1, but Adam has none, expected None or another",
        ),
        ({"n_threads": 0}, "CNNClassifier: n_threads is 0, expected an integer >= 1"),
    ],
)
def test_wrong_parameters_are_one_sentence(
    settings: dict[str, Any], sentence: str, x: np.ndarray, y: np.ndarray
) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{sentence}"):
        classifier(**settings).fit(x, y)


def test_a_learning_rate_replaces_that_of_the_optimizer(x: np.ndarray, y: np.ndarray) -> None:
    by_name = classifier(optimizer="sgd", learning_rate=0.2, weight_decay=0.01).fit(x, y)
    optimizer = cnnx.SGD(0.2, momentum=0.9, weight_decay=0.01)
    assert bits(by_name, x) == bits(classifier(optimizer=optimizer).fit(x, y), x)


def test_verbose_prints_a_line_per_epoch(
    x: np.ndarray, y: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    classifier().fit(x, y)
    assert capsys.readouterr() == ("", "")
    classifier(verbose=1).fit(x, y)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2/2: loss ")
