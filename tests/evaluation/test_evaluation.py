"""Evaluation: metrics equal scikit-learn's, or numbers computed here from predictions alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.evaluation import Evaluation, evaluate

RANDOM = np.random.default_rng(21)


def drawn(images: int, classes: int, *, ties: bool = False, unused: int = 0) -> Evaluation:
    """Random probabilities; the last `unused` classes have no images."""
    scores = RANDOM.gamma(0.7, size=(images, classes)) + 1e-3
    if ties:
        scores = np.ceil(scores * 2)
    labels = RANDOM.integers(classes - unused, size=images)
    return Evaluation(scores / scores.sum(axis=1, keepdims=True), labels, classes)


CASES = [
    drawn(400, 10),
    drawn(1000, 30, unused=9),
    drawn(300, 4, ties=True),
    drawn(50, 30),
    drawn(60, 2),
    drawn(1, 3),
    drawn(1, 2, ties=True),
    drawn(5, 1),
]


@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")
@pytest.mark.parametrize("evaluation", CASES, ids=repr)
def test_metrics_equal_those_of_scikit_learn(evaluation: Evaluation) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    p, y = evaluation.probabilities, evaluation.labels
    predicted = np.array([row.tolist().index(max(row.tolist())) for row in p])
    every = list(range(p.shape[1]))
    np.testing.assert_array_equal(evaluation.predicted, predicted)
    assert evaluation.accuracy == pytest.approx(metrics.accuracy_score(y, predicted), abs=1e-15)
    matrix = metrics.confusion_matrix(y, predicted, labels=every)
    np.testing.assert_array_equal(evaluation.confusion_matrix, matrix)
    expected = metrics.precision_recall_fscore_support(y, predicted, labels=every, zero_division=0)
    own = [(c.precision, c.recall, c.f1, c.count) for c in evaluation.per_class]
    np.testing.assert_allclose(np.array(own).T, expected, rtol=1e-14)
    for average in ("macro", "weighted"):
        expected = metrics.precision_recall_fscore_support(
            y, predicted, average=average, zero_division=0
        )[:3]
        np.testing.assert_allclose(getattr(evaluation, f"{average}_average"), expected, rtol=1e-14)
    recalls = metrics.recall_score(y, predicted, labels=np.unique(y), average="macro")
    assert evaluation.balanced_accuracy == pytest.approx(recalls, rel=1e-14)
    if p.shape[1] > 1:
        assert evaluation.loss == pytest.approx(metrics.log_loss(y, p, labels=every), rel=1e-12)


@pytest.mark.parametrize("evaluation", CASES, ids=repr)
def test_top_k_accuracy_counts_labels_among_the_first(evaluation: Evaluation) -> None:
    p, y = evaluation.probabilities, evaluation.labels
    order = np.argsort(-p, axis=1, kind="stable")
    for k in range(1, p.shape[1] + 1):
        among = [label in row[:k] for label, row in zip(y, order, strict=True)]
        assert evaluation.top_k_accuracy(k) == np.mean(among)
    assert evaluation.top_k_accuracy(1) == evaluation.accuracy


@pytest.mark.parametrize("evaluation", CASES, ids=repr)
def test_mistakes_are_sorted(evaluation: Evaluation) -> None:
    p, y = evaluation.probabilities, evaluation.labels
    losses = [-np.log(p[i, label]) for i, label in enumerate(y)]
    by_loss = sorted(range(len(y)), key=lambda i: (-losses[i], i))
    found = evaluation.top_losses(7)
    assert found.indices.tolist() == by_loss[:7]
    np.testing.assert_allclose(found.losses, [losses[i] for i in by_loss[:7]], rtol=1e-14)
    errors = [i for i in range(len(y)) if p[i].argmax() != y[i]]
    by_certainty = sorted(errors, key=lambda i: (-p[i].max(), i))
    assert evaluation.most_certain_errors(5).tolist() == by_certainty[:5]
    pairs: dict[tuple[int, int], int] = {}
    for i in errors:
        pair = (int(y[i]), int(p[i].argmax()))
        pairs[pair] = pairs.get(pair, 0) + 1
    expected = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    confused = [((int(c.true), int(c.predicted)), c.count) for c in evaluation.most_confused(6)]
    assert confused == expected[:6]


def test_one_column_is_the_second_of_two_classes() -> None:
    p = np.array([0.2, 0.5, 0.9], np.float32)
    for given in (p, p[:, np.newaxis]):
        evaluation = Evaluation(given, ["no", "yes", "yes"], ["no", "yes"])
        np.testing.assert_array_equal(evaluation.probabilities, np.stack([1 - p, p], axis=1))
        assert evaluation.predicted.tolist() == [0, 0, 1]
        assert evaluation.per_class[1].recall == 0.5


def test_given_losses_replace_those_of_rounded_probabilities() -> None:
    p = np.array([[1, 0], [1, 0]], np.float32)
    assert Evaluation(p, [0, 1]).losses.tolist() == [0, -np.log(np.finfo(np.float32).eps)]
    assert Evaluation(p, [0, 1], losses=[0.1, 40]).loss == 20.05


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([[0.5, 0.5]], [2]), "y has label 2 at position 0, expected 0 to 1"),
        (([[0.5, 0.5]], [0, 1]), r"y has shape \(2,\), expected one label per image"),
        (([[0.5, np.nan]], [0]), "NaN or numbers outside 0 to 1"),
        (([[0.5, 1.5]], [0]), "NaN or numbers outside 0 to 1"),
        (([[0.9, 0.9]], [0]), "row 0 of probabilities adds up to 1.8, expected 1"),
        ((np.zeros((0, 2)), []), "has no rows"),
        ((np.zeros((2, 2, 2)), [0, 0]), r"has shape \(2, 2, 2\)"),
        (([[0.5, 0.5]], [0], ["a", "b", "c"]), "2 columns, expected one for each of the 3"),
        (([[0.5, 0.5]], ["a"]), "y holds names, but the model has no classes"),
        (([[0.5, 0.5]], [0], ["a", "a"]), "classes has 'a' twice, expected a name of its own"),
    ],
)
def test_arrays_that_are_no_evaluation_are_refused(arguments: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^Evaluation: .*{sentence}"):
        Evaluation(*arguments)


def test_images_of_integers_are_pixels() -> None:
    images = np.full((1, 2, 2, 1), 100)
    kept = Evaluation([[0.5, 0.5]], [0], images=images).images
    assert kept is not None
    assert (kept.dtype, kept.tolist()) == (np.uint8, images.tolist())
    with pytest.raises(ValueError, match="images holds integers from 100 to 300, expected pixels"):
        Evaluation([[0.5, 0.5]] * 2, [0, 0], images=np.concatenate([images, images + 200]))
    with pytest.raises(TypeError, match="names is 'ab', expected a list of names"):
        Evaluation([[0.5, 0.5]] * 2, [0, 0], names="ab")


def test_entries_that_are_not_one_per_image_are_refused() -> None:
    for name in ("names", "images", "losses"):
        with pytest.raises(ValueError, match=f"Evaluation: {name} has .* expected one per image"):
            Evaluation([[0.5, 0.5]], [0], **{name: [1, 2]})
    with pytest.raises(ValueError, match=r"images has shape \(1, 8, 8\), expected .* \(1, height"):
        Evaluation([[0.5, 0.5]], [0], images=np.zeros((1, 8, 8), np.uint8))
    with pytest.raises(TypeError, match="images has dtype <U5, expected real numbers"):
        Evaluation([[0.5, 0.5]], [0], images=["a.png"])
    with pytest.raises(ValueError, match="losses holds negative"):
        Evaluation([[0.5, 0.5]], [0], losses=[-1])
    with pytest.raises(TypeError, match="classes is 'ab', expected names"):
        Evaluation([[0.5, 0.5]], [0], "ab")
    for call in ("most_confused", "top_losses", "most_certain_errors"):
        with pytest.raises(ValueError, match=f"{call}: n is 0, expected an integer >= 1"):
            getattr(CASES[0], call)(0)
    with pytest.raises(ValueError, match="top_k_accuracy: k is 11, expected an integer from 1 to"):
        CASES[0].top_k_accuracy(11)


# evaluate -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> cnnx.Model:
    x, y = cnnx.data.xo(256, seed=1)
    model = cnnx.models.small((32, 32, 1), ["X", "O"])
    cnnx.Trainer(model).fit(x, y, epochs=1)
    return model


def test_evaluate_accepts_the_forms_of_trainer_evaluate(model: cnnx.Model, tmp_path: Path) -> None:
    x, y = cnnx.data.xo(96, seed=2)
    np.savez(tmp_path / "xo.npz", x=x, y=y)
    expected = cnnx.Trainer(model).evaluate(x, y)
    names = np.array(["X", "O"])[y]
    forms: list[tuple[Any, ...]] = [
        (x, y),
        (x, names),
        (x / np.float32(255), y),
        ((x, y),),
        (cnnx.data.Dataset(x, y, ("X", "O")),),
        (tmp_path / "xo.npz",),
        ([(x[:40], y[:40]), (x[40:], names[40:])],),
    ]
    for form in forms:
        evaluation = evaluate(model, *form)
        assert evaluation.classes == ("X", "O")
        assert evaluation.accuracy == pytest.approx(expected["accuracy"])
        assert evaluation.loss == pytest.approx(expected["loss"], rel=1e-5)
        np.testing.assert_array_equal(evaluation.probabilities, model.predict_proba(x))
    assert evaluate(model, x, y).images is x


def test_evaluate_knows_the_files_of_a_folder(model: cnnx.Model, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    x, y = cnnx.data.xo(6, seed=3)
    for k, (pixels, label) in enumerate(zip(x, y, strict=True)):
        folder = tmp_path / "XO"[label]
        folder.mkdir(exist_ok=True)
        image.fromarray(pixels[..., 0]).save(folder / f"{k}.png")
    evaluation = evaluate(model, tmp_path)
    assert evaluation.names is not None
    for name, label, pixels in zip(
        evaluation.names, evaluation.labels, evaluation.images, strict=True
    ):
        folder_name, number = Path(name).parts
        assert folder_name == "XO"[label]
        np.testing.assert_array_equal(pixels, x[int(Path(number).stem)])


def test_evaluate_refuses_models_and_images_that_do_not_fit(model: cnnx.Model) -> None:
    x, y = cnnx.data.xo(4, seed=2)
    layers = [cnnx.AvgPool2d(8), cnnx.Flatten(), cnnx.Dense(3)]
    values = cnnx.Model(layers, input_shape=(32, 32, 1))
    cnnx.Trainer(values, loss=cnnx.MSE())
    with pytest.raises(ValueError, match="trained with a regression loss, expected a classifier"):
        evaluate(values, x, y)
    several = cnnx.Model(layers, input_shape=(32, 32, 1))
    cnnx.Trainer(several, loss=cnnx.BinaryCrossEntropy())
    with pytest.raises(ValueError, match="predicts several classes per image"):
        evaluate(several, x, y)
    with pytest.raises(ValueError, match="x has sample_weight, expected"):
        evaluate(model, (x, y, np.ones(4)))
    with pytest.raises(ValueError, match="a batch has sample_weight, expected"):
        evaluate(model, [(x, y, np.ones(4))])
    with pytest.raises(ValueError, match="there are no batches"):
        evaluate(model, [])
    with pytest.raises(TypeError, match="model is 3, expected a cnnx"):
        evaluate(3, x, y)  # type: ignore[arg-type]
    broken = model.clone()
    broken.parameters["dense_2.bias"] = np.full(2, np.nan, np.float32)
    with pytest.raises(FloatingPointError, match="outputs are not finite"):
        evaluate(broken, x, y)
