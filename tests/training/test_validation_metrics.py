"""Metrics of the validation set by the task of a model: in the history, its files and callbacks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from checkpoint_runs import stopping_after
from cnnx.callbacks import BestModel, CSVLog, EarlyStopping
from cnnx.data.split import split
from cnnx.evaluation import RegressionEvaluation, evaluate_regression, evaluate_segmentation
from cnnx.metric_kinds import is_metric, metric_words
from cnnx.training.history_file import read_history
from cnnx.training.regression_sums import RegressionSums
from cnnx.training.run_speed import epoch_line
from numpy.typing import NDArray

SHAPE, COUNT, CLASSES, IGNORED = (6, 5, 3), 23, 4, 255
random = np.random.default_rng(0)
x = random.random((COUNT, *SHAPE), np.float32)
masks = random.integers(0, CLASSES, (COUNT, *SHAPE[:2]))
masks[random.random(masks.shape) < 0.2] = IGNORED
values = (x.mean(axis=(1, 2)) * [1, 2, -3] + 5).astype(np.float32)
weights = random.integers(0, 4, COUNT)


def pixel_trainer(**settings: Any) -> cnnx.Trainer:
    model = cnnx.Model([cnnx.Conv2d(CLASSES, 1)], input_shape=SHAPE, seed=2)
    return cnnx.Trainer(model, loss=cnnx.CrossEntropy(ignore_index=IGNORED), **settings)


def value_trainer(**settings: Any) -> cnnx.Trainer:
    layers = [cnnx.GlobalAvgPool2d(), cnnx.Flatten(), cnnx.Dense(3)]
    model = cnnx.Model(layers, input_shape=SHAPE, seed=2)
    return cnnx.Trainer(model, loss=cnnx.MSE(), **settings)


def head_trainer() -> cnnx.Trainer:
    image = cnnx.Input(SHAPE)
    maps = cnnx.Conv2d(4, 1)(image)
    features = cnnx.Flatten()(cnnx.GlobalAvgPool2d()(maps))
    outputs = {
        "class": cnnx.Dense(2)(features),
        "box": cnnx.Dense(3)(features),
        "mask": cnnx.Conv2d(CLASSES, 1)(maps),
    }
    model = cnnx.Model.from_graph(image, outputs, seed=2)
    losses = {"class": cnnx.CrossEntropy(), "box": cnnx.L1()}
    losses["mask"] = cnnx.losses.Dice(ignore_index=IGNORED)
    return cnnx.Trainer(model, loss=losses)


def head_targets(rows: slice = slice(None)) -> dict[str, NDArray[Any]]:
    classes = (x.mean(axis=(1, 2, 3)) > 0.5).astype(np.int64)
    return {"class": classes[rows], "box": values[rows], "mask": masks[rows]}


def test_segmentation_has_mean_iou_and_pixel_accuracy() -> None:
    trainer = pixel_trainer()
    history = trainer.fit(x, masks, epochs=3, validation=(x[:9], masks[:9]))
    expected = evaluate_segmentation(trainer.model, x[:9], masks[:9], ignore_index=IGNORED)
    assert history.validation_mean_iou[-1] == expected.mean_iou
    assert history["validation_mean_iou"] is history.validation_mean_iou
    assert history.validation_accuracy[-1] == pytest.approx(expected.pixel_accuracy)
    assert len(history.validation_mean_iou) == 3
    assert history.last()["validation_mean_iou"] == expected.mean_iou
    assert trainer.evaluate(x[:9], masks[:9])["mean_iou"] == expected.mean_iou


def test_regression_has_r2_and_mean_absolute_error() -> None:
    trainer = value_trainer(optimizer=cnnx.Adam(0.1))
    history = trainer.fit(x, values, epochs=3, validation=(x[:9], values[:9]))
    expected = evaluate_regression(trainer.model, x[:9], values[:9])
    assert history.validation_r2[-1] == pytest.approx(expected.r2, rel=1e-9)
    error = pytest.approx(expected.mean_absolute_error, rel=1e-9)
    assert history.validation_mean_absolute_error[-1] == error
    found = trainer.evaluate(x[:9], values[:9])
    assert (found["r2"], found["mean_absolute_error"]) == (
        history.validation_r2[-1],
        history.validation_mean_absolute_error[-1],
    )


def test_weights_of_images_count_in_all_metrics() -> None:
    repeated = np.repeat(np.arange(COUNT), weights)
    for trainer, y, names in (
        (pixel_trainer(), masks, ["mean_iou"]),
        (value_trainer(), values, ["r2", "mean_absolute_error"]),
    ):
        weighted = trainer.evaluate(x, y, sample_weight=weights)
        every = trainer.evaluate(x[repeated], y[repeated])
        for name in names:
            assert weighted[name] == pytest.approx(every[name], rel=1e-9)
            assert weighted[name] != trainer.evaluate(x, y)[name]


def test_heads_have_metrics_by_name() -> None:
    trainer = head_trainer()
    held_out = x[:9], head_targets(slice(9))
    history = trainer.fit(x, head_targets(), epochs=2, validation=held_out)
    found = trainer.evaluate(*held_out)
    assert [name for name in vars(history) if "_class" in name or "_box" in name] == [
        *("validation_class_loss", "validation_class_accuracy", "validation_box_loss"),
        *("validation_box_r2", "validation_box_mean_absolute_error"),
    ]
    assert history["validation_mask_mean_iou"][-1] == found["mask_mean_iou"] > 0
    predictions: Any = trainer.model.predict(held_out[0])
    expected = RegressionEvaluation(predictions["box"], held_out[1]["box"])
    assert found["box_r2"] == pytest.approx(expected.r2, rel=1e-9)
    error = pytest.approx(expected.mean_absolute_error, rel=1e-9)
    assert found["box_mean_absolute_error"] == error
    for name in ("loss", "class_loss", "class_accuracy", "mask_accuracy"):
        assert history[f"validation_{name}"][-1] == pytest.approx(found[name], rel=1e-12)


@pytest.mark.parametrize("make", [pixel_trainer, value_trainer, head_trainer])
def test_the_metrics_do_not_depend_on_threads_and_batches(make: Any) -> None:
    y: Any = {"pixel_trainer": masks, "value_trainer": values}.get(make.__name__, head_targets())

    def part(rows: slice) -> Any:
        return {k: v[rows] for k, v in y.items()} if isinstance(y, dict) else y[rows]

    trainer = make()
    names = ("mean_iou", "r2", "mean_absolute_error")
    many = (
        np.concatenate([x] * 30),
        (
            {k: np.concatenate([v] * 30) for k, v in y.items()}
            if isinstance(y, dict)
            else np.concatenate([y] * 30)
        ),
    )

    def measured(*data: Any) -> dict[str, float]:
        found = trainer.evaluate(*data)
        return {name: each for name, each in found.items() if name.endswith(names)}

    whole = measured(*many)
    for threads in (1, 3):
        with cnnx.use_threads(threads):
            assert measured(*many) == whole
    batches = [(x[:5], part(slice(5))), (x[5:], part(slice(5, None)))]
    assert measured(batches) == measured(x, y)


def test_a_fraction_and_batches_are_measured_too() -> None:
    trainer = pixel_trainer()
    batches = [(x[:5], masks[:5]), (x[5:9], masks[5:9])]
    history = trainer.fit(x, masks, epochs=1, validation=batches)
    expected = evaluate_segmentation(trainer.model, x[:9], masks[:9], ignore_index=IGNORED)
    assert history.validation_mean_iou == [expected.mean_iou]
    history = trainer.fit(x, masks, epochs=1, validation=0.3)
    rows, _ = split(trainer._core.split_order(COUNT), 0.3, None)
    held_out = evaluate_segmentation(trainer.model, x[rows], masks[rows], ignore_index=IGNORED)
    assert history.validation_mean_iou[1] == held_out.mean_iou
    history = trainer.fit(x, masks, epochs=1)
    assert math.isnan(history.validation_mean_iou[2])
    assert len({len(column) for column in vars(history).values()}) == 1


def test_an_epoch_before_the_first_validation_has_no_metric() -> None:
    trainer = pixel_trainer()
    trainer.fit(x, masks, epochs=1)
    assert "validation_mean_iou" not in vars(trainer.history)
    history = trainer.fit(x, masks, epochs=1, validation=0.3)
    assert math.isnan(history.validation_mean_iou[0])
    assert history.validation_mean_iou[1] > 0


def test_classifiers_have_no_further_metric() -> None:
    images, labels = cnnx.data.xo(20, size=16, seed=1)
    layers = [cnnx.Flatten(), cnnx.Dense(2)]
    trainer = cnnx.Trainer(cnnx.Model(layers, input_shape=(16, 16, 1)))
    assert len(vars(trainer.fit(images, labels, epochs=1, validation=0.3))) == 5
    assert sorted(trainer.evaluate(images, labels)) == ["accuracy", "loss"]


def test_a_resumed_run_has_the_same_bits_and_log(tmp_path: Path) -> None:
    whole, path = pixel_trainer(), tmp_path / "run.ckpt"
    settings: Any = {"epochs": 4, "validation": 0.3, "batch_size": 5}
    expected = whole.fit(x, masks, **settings)
    log = CSVLog(tmp_path / "log.csv")
    with pytest.raises(KeyboardInterrupt):
        pixel_trainer().fit(
            x, masks, **settings, checkpoint=path, callbacks=[log], progress=stopping_after(7)
        )
    resumed = cnnx.Trainer.resume(path)
    history = resumed.fit(x, masks, callbacks=[log])
    for name in ("loss", "validation_loss", "validation_mean_iou"):
        assert history[name] == expected[name]
    assert read_history(tmp_path / "log.csv") == history


def test_a_checkpoint_of_an_earlier_version_resumes_to_the_same_bits(tmp_path: Path) -> None:
    settings: Any = {"epochs": 4, "validation": 0.3, "batch_size": 5}
    expected = pixel_trainer().fit(x, masks, **settings)
    trainer, path = pixel_trainer(), tmp_path / "run.ckpt"

    def forget(progress: Any) -> None:
        vars(trainer.history).pop("validation_mean_iou")
        if progress.epoch == 2:
            raise KeyboardInterrupt
        trainer.history.add_metrics(["validation_mean_iou"])

    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, masks, **settings, checkpoint=path, progress=forget)
    assert "validation_mean_iou" not in vars(cnnx.Trainer.resume(path).history)
    history = cnnx.Trainer.resume(path).fit(x, masks)
    assert (history.loss, history.validation_loss) == (expected.loss, expected.validation_loss)
    assert math.isnan(history.validation_mean_iou[0])
    assert history.validation_mean_iou[1:] == expected.validation_mean_iou[1:]


def test_callbacks_and_schedules_watch_the_metrics(tmp_path: Path) -> None:
    best = BestModel(tmp_path / "best.cnnx", watch="validation_mean_iou")
    stopping = EarlyStopping("validation_mean_iou", patience=1)
    trainer = pixel_trainer(optimizer=cnnx.Adam(0.05))
    history = trainer.fit(x, masks, epochs=30, validation=0.3, callbacks=[best, stopping])
    assert best.best == stopping.best == max(history.validation_mean_iou)
    assert len(history) < 30
    error = EarlyStopping("validation_mean_absolute_error", patience=0)
    schedule = cnnx.Plateau(0.5, watch="validation_r2")
    trainer = value_trainer(schedule=schedule)
    history = trainer.fit(x, values, epochs=5, validation=0.3, callbacks=[error])
    assert error.best == min(history.validation_mean_absolute_error)
    head = EarlyStopping("validation_class_accuracy", patience=0)
    head_trainer().fit(x, head_targets(), epochs=2, validation=0.3, callbacks=[head])
    assert head.best > 0


@pytest.mark.parametrize("watch", ["validation_los", "mean_iou", "validation_", "seconds", 3])
def test_no_metric_is_refused(watch: Any) -> None:
    with pytest.raises(ValueError, match=r"watch is .*, expected one of 'loss', .*_mean_iou'"):
        EarlyStopping(watch)
    with pytest.raises(ValueError, match=r"Plateau: watch is .*, expected one of 'loss', "):
        cnnx.Plateau(watch=watch)


def test_a_metric_of_another_task_is_refused() -> None:
    callbacks = [EarlyStopping("validation_r2")]
    sentence = r"fit: EarlyStopping watches validation_r2, which is not measured .*mean_iou$"
    with pytest.raises(ValueError, match=sentence):
        pixel_trainer().fit(x, masks, epochs=1, validation=0.3, callbacks=callbacks)
    trainer = value_trainer(schedule=cnnx.Plateau(watch="validation_mean_iou"))
    with pytest.raises(ValueError, match="the schedule watches validation_mean_iou, which"):
        trainer.fit(x, values, epochs=1, validation=0.3)
    with pytest.raises(ValueError, match="watches validation_r2, expected validation="):
        value_trainer().fit(x, values, epochs=1, callbacks=callbacks)
    with pytest.raises(KeyError, match="History: has no metric 'r2', expected loss, accuracy"):
        cnnx.History()["r2"]


def test_a_custom_loss_of_other_targets_has_no_metric() -> None:
    def function(outputs: Any, targets: Any) -> Any:
        error = outputs - targets[:, :3]
        return (error**2).mean(), 2 * error / error.size

    model = value_trainer().model
    loss = cnnx.losses.Custom(function, target_shape=(4,))
    wide = np.concatenate([values, values[:, :1]], axis=1)
    history = cnnx.Trainer(model, loss=loss).fit(x, wide, epochs=1, validation=0.3)
    assert len(vars(history)) == 5
    custom = cnnx.losses.Custom(lambda a, b: function(a, b))
    history = cnnx.Trainer(model, loss=custom).fit(x, values, epochs=1, validation=0.3)
    assert len(history.validation_r2) == 1


@pytest.mark.parametrize("mean", [0, 4000])
def test_sums_do_not_depend_on_their_parts_and_lose_no_digits(mean: int) -> None:
    numbers = np.random.default_rng(5).standard_normal((2, 999, 4)).astype(np.float32)
    predicted, targets = numbers * np.float32(0.3) + np.float32(mean)
    expected = RegressionEvaluation(predicted, targets)
    results = []
    for size in (999, 1, 7, 256):
        sums = RegressionSums(4)
        for first in range(0, 999, size):
            part = slice(first, first + size)
            sums.add(sums.of_images(predicted[part], targets[part]))
        results.append(sums.metrics)
    assert all(result == results[0] for result in results)
    assert results[0]["r2"] == pytest.approx(expected.r2, rel=1e-12)
    assert results[0]["mean_absolute_error"] == pytest.approx(expected.mean_absolute_error)


def test_targets_that_are_equal_have_no_r2() -> None:
    equal = np.full((COUNT, 3), 1 / 3, np.float32)
    assert math.isnan(value_trainer().evaluate(x, equal)["r2"])


def test_lines_name_the_metrics_and_fit_the_terminal() -> None:
    metrics = {"loss": 0.5, "validation_loss": 0.6, "validation_accuracy": 0.8, "seconds": 1.0}
    metrics.update(validation_mean_iou=0.75, validation_box_mean_absolute_error=0.1)
    assert epoch_line(1, 2, metrics) == (
        "epoch 1/2: loss 0.5000, validation loss 0.6000, validation accuracy 80.00%, validation "
        "mean IoU 0.7500, validation box mean absolute error 0.1000 (1.0 s)"
    )
    narrow = epoch_line(1, 2, metrics, columns=80)
    assert narrow.startswith(
        "epoch 1/2: loss 0.5000, val loss 0.6000, val acc 80.00%, val mIoU 0.7"
    )
    assert len(narrow) < 80


def test_names_have_words() -> None:
    assert metric_words("validation_my box_r2") == "validation my box R2"
    assert is_metric("validation_my box_r2")
    assert metric_words("seconds") == "seconds"


def test_charts_have_the_metrics() -> None:
    trainer = pixel_trainer()
    history = trainer.fit(x, masks, epochs=2, validation=0.3)
    drawn = history._repr_html_()
    assert "mean IoU after the last epoch: validation" in drawn
    assert "validation mean IoU" not in drawn


def test_a_log_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    main = "epoch,loss,accuracy,validation_loss,validation_accuracy,seconds"
    for header in (f"{main},speed", f"{main},validation_r2,validation_r2"):
        path.write_text(f"{header}\n")
        with pytest.raises(cnnx.FormatError, match="its first line is none of a log"):
            read_history(path)
    path.write_text(f"{main},validation_r2\n1,1,1,1,1,1\n")
    with pytest.raises(cnnx.FormatError, match="line 2 is '1,1,1,1,1,1', expected 7 numbers"):
        read_history(path)


def test_soft_labels_have_no_ignored_class() -> None:
    """A label of none of the classes ignores none of them, and one of a class is refused."""
    x = np.random.default_rng(0).random((4, 4, 4, 1)).astype(np.float32)
    soft = np.eye(3, dtype=np.float32)[np.random.default_rng(1).integers(0, 3, (4, 4, 4))]
    model = cnnx.Model([cnnx.Conv2d(3, 1)], input_shape=(4, 4, 1))
    expected = cnnx.Trainer(model).evaluate(x, soft)
    found = cnnx.Trainer(model, loss=cnnx.CrossEntropy(ignore_index=255)).evaluate(x, soft)
    assert found == expected
    sentence = r"y has soft labels, which ignore_index=0 cannot ignore, .* y\.argmax\(axis=-1\)$"
    with pytest.raises(ValueError, match=sentence):
        cnnx.Trainer(model, loss=cnnx.CrossEntropy(ignore_index=0)).evaluate(x, soft)
