"""Options of `cnnx train` against the calls of Python that they stand for."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.callbacks import EarlyStopping
from cnnx.cli.chance import chance_accuracy
from cnnx.cli.class_weights import class_weights_of
from cnnx.cli.errors import UserError
from cnnx.cli.normalisation import pixel_deviation, pixel_mean
from cnnx.training.history import History
from cnnx.training.single_steps import SingleSteps
from cnnx.wording import counted
from command_line import Run

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")


def fitted(
    idx: Path,
    *,
    preprocessing: cnnx.Preprocessing | None = None,
    class_weights: list[float] | None = None,
    rate: float = 2e-3,
    shards: int = 1,
    **settings: Any,
) -> cnnx.Model:
    """The model that `cnnx train` trains with a constant rate, trained from Python."""
    data = cnnx.data.load(idx)
    model = cnnx.models.small((16, 16, 1), 2)
    if preprocessing is not None:
        model = model.with_preprocessing(preprocessing)
    trainer = cnnx.Trainer(
        model,
        optimizer=cnnx.Adam(rate),
        loss=cnnx.CrossEntropy(class_weights=class_weights),
        shards=shards,
    )
    trainer.fit(data.x, data.y, validation=0.1, **settings)
    return model


def same(one: cnnx.Model, other: cnnx.Model) -> bool:
    arrays = zip(one.parameters.values(), other.parameters.values(), strict=True)
    is_equal = all(np.array_equal(first, second) for first, second in arrays)
    return is_equal and one.preprocessing == other.preprocessing


def train(run: Run, idx: Path, *words: object) -> cnnx.Model:
    outcome = run("train", idx, "--schedule", "constant", "--overwrite", *words)
    assert outcome.status == 0, outcome.err
    return cnnx.load("model.cnnx")


def test_mean_and_std(run: Run, idx: Path) -> None:
    given = cnnx.Preprocessing(mean=0.5, std=0.25)
    model = train(run, idx, "--epochs", 1, "--mean", 0.5, "--std", 0.25)
    assert same(model, fitted(idx, preprocessing=given, epochs=1))
    x = cnnx.data.load(idx).x
    measured = cnnx.Preprocessing(mean=pixel_mean(x)[0], std=pixel_deviation(x)[0])
    model = train(run, idx, "--epochs", 1, "--mean", "auto", "--std", "auto")
    assert same(model, fitted(idx, preprocessing=measured, epochs=1))


def test_pixel_statistics_of_every_channel(rng: np.random.Generator) -> None:
    x = rng.integers(0, 256, (600, 3, 2, 3), dtype=np.uint8)
    x[..., 1] //= 2
    scaled = x / 255
    assert pixel_mean(x) == pytest.approx(scaled.mean(axis=(0, 1, 2)), abs=1e-12)
    assert pixel_deviation(x) == pytest.approx(scaled.std(axis=(0, 1, 2)), abs=1e-12)
    x[..., 2] = 7
    with pytest.raises(UserError, match="--std auto: all pixels of a channel have the same value"):
        pixel_deviation(x)


def test_class_weights(run: Run, idx: Path) -> None:
    model = train(run, idx, "--epochs", 1, "--class-weights", "1,3")
    assert same(model, fitted(idx, class_weights=[1, 3], epochs=1))
    assert not same(model, fitted(idx, epochs=1))
    labels = np.array([0] * 6 + [1] * 2)
    assert class_weights_of("balanced", labels, ["a", "b"]) == [8 / 12, 8 / 4]
    with pytest.raises(UserError, match="class b has no images"):
        class_weights_of("balanced", np.zeros(3, np.int64), ["a", "b"])


def test_mixup(run: Run, idx: Path) -> None:
    augmentation = cnnx.data.Augmentation(mixup=0.4)
    model = train(run, idx, "--epochs", 1, "--mixup", 0.4)
    assert same(model, fitted(idx, augmentation=augmentation, epochs=1))


def test_patience_stops_and_keeps_the_best_epoch(run: Run, idx: Path) -> None:
    stopping = EarlyStopping("validation_loss", patience=1)
    expected = fitted(idx, epochs=60, callbacks=[stopping])
    assert same(train(run, idx, "--epochs", 60, "--patience", 1), expected)
    assert not same(train(run, idx, "--epochs", 60, "--patience", 2), expected)


def test_recompute(run: Run, idx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    make = SingleSteps.__init__

    def spy(self: SingleSteps, *arguments: Any, recompute: bool, **settings: Any) -> None:
        given.append(recompute)
        make(self, *arguments, recompute=recompute, **settings)

    monkeypatch.setattr(SingleSteps, "__init__", spy)
    model = train(run, idx, "--epochs", 1, "--recompute", "--checkpoint", "run.ckpt")
    assert same(model, fitted(idx, epochs=1))
    for words in (["--recompute"], []):
        assert run("train", idx, "--resume", "run.ckpt", "--epochs", 2, *words).status == 0
    assert given == [True, False, True, False]


def test_shards(run: Run, idx: Path) -> None:
    model = train(run, idx, "--epochs", 1, "--shards", 4, "--checkpoint", "run.ckpt")
    expected = fitted(idx, epochs=1, shards=4)
    assert same(model, expected)
    assert not same(fitted(idx, epochs=1), expected)
    run("train", idx, "--resume", "run.ckpt", "--epochs", 2, "--shards", 4).refused(
        "--shards cannot be given with --resume: a resumed run keeps its settings"
    )
    assert run("train", idx, "--resume", "run.ckpt", "--epochs", 2).status == 0
    assert same(cnnx.load("model.cnnx"), fitted(idx, epochs=2, shards=4))


def test_shards_are_at_most_the_images_of_a_batch(run: Run, idx: Path) -> None:
    run("train", idx, "--shards", 9, "--batch-size", 8).refused(
        "batch_size is 8, expected at least one image for each of the 9 shards"
    )
    run("train", idx, "--shards", 70000).refused("shards is 70000")
    assert not Path("model.cnnx").exists()


def test_keep_best_trains_to_the_end(run: Run, idx: Path) -> None:
    stopping = EarlyStopping("validation_loss", patience=100)
    expected = fitted(idx, epochs=7, callbacks=[stopping], rate=0.03)
    words = ("--schedule", "constant", "--learning-rate", 0.03, "--epochs", 7, "--keep-best")
    outcome = run("train", idx, *words)
    assert "epoch 7/7: " in outcome.err
    assert same(cnnx.load("model.cnnx"), expected)
    assert not same(expected, fitted(idx, epochs=7, rate=0.03))


def test_init_starts_from_the_weights_of_a_model_or_a_checkpoint(run: Run, idx: Path) -> None:
    first = train(run, idx, "--epochs", 1, "--checkpoint", "run.ckpt")
    Path("model.cnnx").rename("first.cnnx")
    for file in ("first.cnnx", "run.ckpt"):
        words = ("--epochs", 1, "--init", file, "--learning-rate", 1e-30)
        tuned = train(run, idx, *words)
        for name, values in first.parameters.items():
            assert tuned.parameters[name] == pytest.approx(values, abs=1e-20)


def test_more_epochs_give_the_bits_of_a_longer_run(run: Run, idx: Path) -> None:
    train(run, idx, "--epochs", 1, "--checkpoint", "run.ckpt")
    outcome = run("train", idx, "--resume", "run.ckpt", "--epochs", 3)
    assert outcome.status == 0, outcome.err
    longer = cnnx.load("model.cnnx")
    assert same(longer, fitted(idx, epochs=3))


def test_a_resumed_run_keeps_its_patience(run: Run, idx: Path) -> None:
    words = ("--epochs", 2, "--patience", 1, "--checkpoint", "run.ckpt")
    train(run, idx, *words)
    outcome = run("train", idx, "--resume", "run.ckpt", "--epochs", 60, "--log", "run.csv")
    assert outcome.status == 0, outcome.err
    with Path("run.csv").open(newline="") as file:
        losses = [float(row["validation_loss"]) for row in csv.DictReader(file)]
    assert len(losses) - 1 - int(np.argmin(losses)) == 2  # one epoch more than the patience


def test_a_resumed_run_replaces_only_its_own_files(run: Run, idx: Path) -> None:
    train(run, idx, "--epochs", 1, "--checkpoint", "run.ckpt", "--log", "run.csv")
    again = ("train", idx, "--resume", "run.ckpt", "--epochs")
    assert run(*again, 2, "--log", "run.csv").status == 0
    assert len(Path("run.csv").read_text().splitlines()) == 3
    cnnx.models.small((16, 16, 1), 2).save("model.cnnx")
    run(*again, 3).refused("model.cnnx exists; add --overwrite to replace it or choose another")
    Path("run.csv").write_text("my notes")
    run(*again, 3, "--log", "run.csv", "--out", "new.cnnx").refused("run.csv exists; add --overwr")
    assert Path("run.csv").read_text() == "my notes"


def test_train_prints_the_images_per_class_and_the_time_left(run: Run, classes: Path) -> None:
    outcome = run("train", classes, "--epochs", 2)
    assert "images per class: O 30, X 30\n" in outcome.out
    first, last = outcome.err.splitlines()
    assert re.search(r" \(\d+\.\d s, [\d,]+ images/s, \d+ s left\)$", first)
    assert re.search(r" \(\d+\.\d s, [\d,]+ images/s\)$", last)


@pytest.mark.parametrize(
    ("loss", "accuracy", "weights", "expected"),
    [
        (0.5623, 0.75, None, 0.75),  # the constant loss of 3 to 1 images
        (0.6931, 0.5, None, 0.75),
        (30.0, 0.75, None, 0.75),
        (30.0, 0.9, None, None),
        (0.5, 0.75, None, None),
        (0.5623, 0.75, [1, 3], None),  # below the constant loss with weights, 0.6931
        (0.6931, 0.5, [1, 3], 0.75),
        (30.0, float("nan"), None, None),
    ],
)
def test_chance_level(
    loss: float, accuracy: float, weights: list[float] | None, expected: float | None
) -> None:
    history = History()
    history.add((loss, accuracy), {}, 1.0)
    labels = np.repeat([0, 1], [300, 100])
    assert chance_accuracy(history, labels, weights) == expected


def test_class_weights_of_a_resumed_run_tell_whether_it_has_learned(
    run: Run, tmp_path: Path
) -> None:
    """Its accuracy is below the frequency of the most frequent class, which has a low weight."""
    x, y = cnnx.data.xo(3000, size=16, seed=1)
    chosen = np.concatenate([np.flatnonzero(y == 0)[:600], np.flatnonzero(y == 1)[:50]])
    x, y = x[chosen], y[chosen]
    y[:70] = 1  # images of class 0
    np.savez(tmp_path / "images.npz", x=x, y=y)
    words = ("--epochs", 3, "--class-weights", "balanced", "--schedule", "constant")
    outcome = run("train", "images.npz", *words, "--checkpoint", "run.ckpt")
    assert "learned nothing" not in outcome.err
    outcome = run("train", "images.npz", "--resume", "run.ckpt", "--epochs", 4)
    (accuracy,) = re.findall(r"epoch 4/4: loss [\d.]+, accuracy ([\d.]+)%", outcome.err)
    assert 50 < float(accuracy) < 100 * (y == 0).mean()
    assert "learned nothing" not in outcome.err


def test_no_epoch_has_no_accuracy() -> None:
    assert chance_accuracy(History(), np.array([0, 1])) is None


def test_numbers_with_their_nouns() -> None:
    assert counted(1, "step") == "1 step"
    assert counted(1200, "step") == "1,200 steps"
    assert counted(2, "class") == "2 classes"
