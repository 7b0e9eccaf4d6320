"""Models with several outputs: one loss each, targets and predictions by name."""

from __future__ import annotations

import pickle
from typing import Any

import cnnx
import numpy as np
import pytest
from checkpoint_runs import stopping_after
from cnnx import BatchNorm2d, Conv2d, Dense, GlobalAvgPool2d, Input, Model, ReLU
from cnnx.losses import Dice, Focal, Tversky
from numpy.typing import NDArray

SHAPE, COUNT, CLASSES = (9, 8, 3), 14, 4
NAMES = ("class", "box", "mask", "edge")
WEIGHTS = {"class": 1.0, "box": 5.0, "mask": 0.5, "edge": 2.0}
LOSSES: dict[str, cnnx.Loss] = {
    "class": cnnx.CrossEntropy(label_smoothing=0.1, class_weights=[1, 2, 0.5, 3]),
    "box": cnnx.Huber(0.3),
    "mask": Tversky(0.3, 0.7, ignore_index=255),
    "edge": Dice(),
}


def trunk_and_heads() -> tuple[Input, dict[str, Any]]:
    image = Input(SHAPE)
    maps = ReLU(name="maps")(BatchNorm2d()(Conv2d(6, 3, padding="same")(image)))
    features = GlobalAvgPool2d()(maps)
    outputs = {
        "class": Dense(CLASSES, name="class")(features),
        "box": Dense(4, name="box")(features),
        "mask": Conv2d(CLASSES, 1, name="mask")(maps),
        "edge": Conv2d(1, 1, name="edge")(maps),
    }
    return image, outputs


def model_of(*names: str) -> Model:
    """The same weights for each choice of outputs."""
    image, outputs = trunk_and_heads()
    chosen: Any = {name: outputs[name] for name in names}
    whole = Model.from_graph(image, outputs, seed=5)
    model = Model.from_graph(image, chosen if len(names) > 1 else chosen[names[0]], seed=5)
    for name in model.parameters:
        model.parameters[name] = whole.parameters[name]
    return model


def samples() -> tuple[NDArray[np.float32], dict[str, NDArray[Any]]]:
    random = np.random.default_rng(0)
    mask = random.integers(0, CLASSES, (COUNT, *SHAPE[:2]))
    mask[random.random(mask.shape) < 0.2] = 255
    return random.random((COUNT, *SHAPE), np.float32), {
        "class": random.integers(0, CLASSES, COUNT),
        "box": random.random((COUNT, 4)),
        "mask": mask,
        "edge": random.integers(0, 2, (COUNT, *SHAPE[:2])),
    }


def trainer_of(model: Model, *names: str, **settings: Any) -> cnnx.Trainer:
    loss: Any = {name: (LOSSES[name], WEIGHTS[name]) for name in names}
    return cnnx.Trainer(model, loss=loss, **settings)


def gradients_by_name(trainer: cnnx.Trainer) -> dict[str, NDArray[np.float64]]:
    found, offset = {}, 0
    for name, array in trainer.model.parameters.items():
        found[name] = trainer.gradients[offset : offset + array.size].astype(np.float64)
        offset += array.size
    return found


@pytest.mark.parametrize("image_weights", [None, np.linspace(0, 3, COUNT)])
def test_gradients_are_the_weighted_sum_of_those_of_single_outputs(
    image_weights: NDArray[Any] | None,
) -> None:
    x, y = samples()
    model = model_of(*NAMES)
    trainer = trainer_of(model, *NAMES)
    total = trainer.compute_gradients(x, y, sample_weight=image_weights)
    expected = {name: np.zeros(array.size) for name, array in model.parameters.items()}
    loss = 0.0
    for name in NAMES:
        single = cnnx.Trainer(model_of(name), loss=LOSSES[name])
        loss += WEIGHTS[name] * single.compute_gradients(x, y[name], sample_weight=image_weights)
        for parameter, gradient in gradients_by_name(single).items():
            expected[parameter] += WEIGHTS[name] * gradient
    assert total == pytest.approx(loss, rel=1e-6)
    for name, gradient in gradients_by_name(trainer).items():
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-4, atol=2e-6, err_msg=name)


def test_metrics_are_those_of_each_output() -> None:
    x, y = samples()
    trainer = trainer_of(model_of(*NAMES), *NAMES)
    found = trainer.evaluate(x, y)
    for name in NAMES:
        own = cnnx.Trainer(model_of(name), loss=LOSSES[name]).evaluate(x, y[name])
        assert found[f"{name}_loss"] == pytest.approx(own["loss"], rel=1e-6)
        if name == "box":
            assert "box_accuracy" not in found
        else:
            assert found[f"{name}_accuracy"] == pytest.approx(own["accuracy"])
    assert found["loss"] == pytest.approx(sum(WEIGHTS[n] * found[f"{n}_loss"] for n in NAMES))
    assert found["accuracy"] == found["class_accuracy"]


def test_metrics_of_batches_are_those_of_all_images() -> None:
    """Each output divides its sums once, by its own weights, which vary between batches."""
    x, y = samples()
    trainer = trainer_of(model_of(*NAMES), *NAMES)
    parts = [slice(0, 3), slice(3, 10), slice(10, COUNT)]
    batches = [(x[part], {name: each[part] for name, each in y.items()}) for part in parts]
    assert trainer.evaluate(batches) == pytest.approx(trainer.evaluate(x, y), rel=1e-6)


def test_mixup_refuses_labels_of_one_output() -> None:
    x, y = samples()
    blend = cnnx.data.Augmentation(mixup=0.2)
    names = ("class", "box")
    trainer = trainer_of(model_of(*names), *names)
    with pytest.raises(ValueError, match="cross_entropy of output 'class' does not take, expected"):
        trainer.fit(x, {name: y[name] for name in names}, epochs=1, augmentation=blend)
    trainer_of(model_of("box", "edge"), "box", "edge").fit(
        x, {name: y[name] for name in ("box", "edge")}, epochs=1, augmentation=blend
    )


def test_an_output_whose_labels_are_all_ignored_leaves_the_others() -> None:
    x, y = samples()
    names = ("mask", "box")
    trainer = trainer_of(model_of(*names), *names)
    ignored = {"mask": np.full_like(y["mask"], 255), "box": y["box"]}
    found = trainer.evaluate(x, ignored)
    assert found["loss"] == WEIGHTS["box"] * found["box_loss"] > 0
    batches = [(x[:5], {k: v[:5] for k, v in ignored.items()})]
    batches += [(x[5:], {k: v[5:] for k, v in ignored.items()})]
    assert trainer.evaluate(batches)["loss"] == pytest.approx(found["loss"])


def test_predictions_are_those_of_each_output() -> None:
    x, _ = samples()
    model = model_of(*NAMES)
    trainer_of(model, *NAMES)  # says what the outputs are
    singles = {name: model_of(name) for name in NAMES}
    for name, single in singles.items():
        cnnx.Trainer(single, loss=LOSSES[name])
    assert [(head.name, head.task) for head in model.heads] == [
        ("class", "classification"),
        ("box", "regression"),
        ("mask", "segmentation"),
        ("edge", "segmentation"),
    ]
    for images in (x, x[0]):
        outputs, predictions = model(images), model.predict(images)
        probabilities = model.predict_proba(images)
        for name, single in singles.items():
            np.testing.assert_allclose(outputs[name], single(images), atol=1e-6)
            np.testing.assert_array_equal(predictions[name], single.predict(images))
            wanted = single(images) if name == "box" else single.predict_proba(images)
            np.testing.assert_allclose(probabilities[name], wanted, atol=1e-6)


@pytest.mark.parametrize("shards", [1, 3])
def test_a_saved_model_and_a_resumed_run_have_the_same_bits(shards: int, tmp_path: Any) -> None:
    x, y = samples()
    settings: Any = {"epochs": 3, "batch_size": 5}
    whole = model_of(*NAMES)
    history = trainer_of(whole, *NAMES, shards=shards).fit(x, y, **settings)
    path = tmp_path / "run.ckpt"
    stopped = trainer_of(model_of(*NAMES), *NAMES, shards=shards)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(
            x, y, checkpoint=path, checkpoint_every=1, progress=stopping_after(4), **settings
        )
    resumed = cnnx.Trainer.resume(path)
    assert resumed.fit(x, y).loss == history.loss
    whole.save(tmp_path / "model.cnnx")
    loaded = cnnx.load(tmp_path / "model.cnnx")
    assert loaded.heads == whole.heads == resumed.model.heads
    for name in NAMES:
        np.testing.assert_array_equal(loaded(x)[name], whole(x)[name])
        np.testing.assert_array_equal(resumed.model(x)[name], whole(x)[name])


def test_copies_have_the_outputs() -> None:
    x, _ = samples()
    model = model_of(*NAMES)
    trainer_of(model, *NAMES)
    for copy in (model.clone(), model.with_new_weights(), pickle.loads(pickle.dumps(model))):
        assert copy.heads == model.heads
    larger = model.resized((12, 10))
    assert [head.shape for head in larger.heads] == [(4,), (4,), (12, 10, 4), (12, 10, 1)]
    wide = np.pad(x, ((0, 0), (0, 3), (0, 2), (0, 0)))
    maps = model.until("maps")
    assert maps.heads == ()
    inner = (slice(None), slice(0, 7), slice(0, 6))
    np.testing.assert_allclose(larger(wide)["mask"][inner], model(x)["mask"][inner], atol=1e-5)
    for call in (
        lambda: model.with_classes(3),
        lambda: cnnx.quantize(model, x),
        lambda: cnnx.explain.grad_cam(model, x[0]),
        lambda: cnnx.doctor.check_model(model, x),
    ):
        with pytest.raises(ValueError, match=r"several outputs \(class, box, mask, edge\)"):
            call()


def test_the_bits_depend_on_no_thread() -> None:
    x, y = samples()
    found = []
    for threads in (1, 2, 5):
        with cnnx.use_threads(threads):
            model = model_of(*NAMES)
            losses = trainer_of(model, *NAMES).fit(x, y, epochs=2, batch_size=4).loss
            found.append((losses, [each.tobytes() for each in model.parameters.values()]))
    assert found[0] == found[1] == found[2]


def test_a_model_with_one_output_has_the_file_of_before(tmp_path: Any) -> None:
    model_of("class").save(tmp_path / "model.cnnx")
    assert b"heads" not in (tmp_path / "model.cnnx").read_bytes()


def test_what_does_not_fit_is_refused() -> None:
    x, y = samples()
    image, outputs = trunk_and_heads()
    for given, message in (
        ({"class": outputs["class"]}, "expected at least two"),
        ({"a": outputs["class"], "b": 3}, "output 'b' is 3"),
        ({1: outputs["class"], 2: outputs["box"]}, "outputs has the name 1"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            Model.from_graph(image, given)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"classes is .*, expected None with several outputs"):
        Model.from_graph(image, outputs, classes=["a", "b"])
    model = model_of(*NAMES)
    losses: Any = dict(LOSSES)
    with pytest.raises(ValueError, match=r"the model has 4 outputs, expected a loss for each"):
        cnnx.Trainer(model, loss=cnnx.CrossEntropy())
    with pytest.raises(ValueError, match="loss has the names class, box, expected the model's"):
        cnnx.Trainer(model, loss={"class": losses["class"], "box": losses["box"]})
    with pytest.raises(ValueError, match=r"\(it has a single one\)"):
        cnnx.Trainer(model_of("class"), loss=losses)
    with pytest.raises(ValueError, match=r'head "box": .*class_weights has 1'):
        cnnx.Trainer(model, loss={**losses, "box": cnnx.CrossEntropy(class_weights=[1])})
    with pytest.raises(TypeError, match="loss of 'box' is 3"):
        cnnx.Trainer(model, loss={**losses, "box": 3})
    with pytest.raises(ValueError, match="the weight of 'box' is 0"):
        cnnx.Trainer(model, loss={**losses, "box": (cnnx.L1(), 0)})
    trainer = trainer_of(model, *NAMES)
    for wrong, message in (
        (y["class"], "y is .*, expected a dict of the targets of class, box, mask, edge"),
        ({"class": y["class"]}, "y has the names class, expected"),
        ({**y, "box": y["box"][:, :2]}, r"output 'box': y has shape \(14, 2\)"),
        ({**y, "class": y["class"] + 1}, "output 'class': y has label 4"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            trainer.step(x, wrong)
    with pytest.raises(ValueError, match="mixup blends targets"):
        trainer.fit(x, y, epochs=1, augmentation=cnnx.data.Augmentation(mixup=0.2))
    for evaluate in (cnnx.evaluation.evaluate, cnnx.evaluation.evaluate_segmentation):
        with pytest.raises(ValueError, match=r"has several outputs|is multi_output"):
            evaluate(model, x, y["class"])


def test_labels_of_focal_loss_and_of_a_custom_loss() -> None:
    def absolute(outputs: Any, targets: Any) -> tuple[float, Any]:
        distance = outputs - targets
        return np.abs(distance).mean(), np.sign(distance) / distance.size

    x, y = samples()
    chosen: Any = {"class": Focal(), "box": cnnx.losses.Custom(absolute)}
    built_in: Any = {"class": Focal(), "box": cnnx.L1()}
    own = {name: y[name] for name in chosen}
    both = []
    for loss in (chosen, built_in):
        trainer = cnnx.Trainer(model_of("class", "box"), loss=loss)
        both.append((trainer.compute_gradients(x, own), trainer.gradients.copy()))
    assert both[0][0] == pytest.approx(both[1][0], rel=1e-6)
    np.testing.assert_allclose(both[0][1], both[1][1], atol=1e-6)


def ending_in(last: cnnx.Layer) -> Model:
    """A model whose output "kind" ends in a layer."""
    image = Input((4, 4, 1))
    values = GlobalAvgPool2d()(Conv2d(3, 3)(image))
    return Model.from_graph(image, {"size": Dense(2)(values), "kind": last(Dense(2)(values))})


@pytest.mark.parametrize("last", [cnnx.Softmax(), cnnx.Sigmoid()], ids=repr)
def test_an_output_that_makes_probabilities_itself_is_refused(last: cnnx.Layer) -> None:
    model = ending_in(last)
    sentence = f'the output "kind" ends in {last.kind}, but focal takes raw outputs'
    with pytest.raises(ValueError, match=sentence):
        cnnx.Trainer(model, loss={"size": cnnx.MSE(), "kind": Focal()})
    cnnx.Trainer(model, loss={"size": cnnx.CrossEntropy(), "kind": cnnx.MSE()})


def test_an_output_in_a_range_of_its_own_is_warned_about() -> None:
    model = ending_in(ReLU())
    sentence = "the output 'kind' ends in relu, but CrossEntropy expects raw outputs"
    with pytest.warns(cnnx.Warning, match=sentence):
        cnnx.Trainer(model, loss={"size": cnnx.MSE(), "kind": cnnx.CrossEntropy()})
    cnnx.Trainer(model, loss={"size": cnnx.CrossEntropy(), "kind": cnnx.MSE()})
