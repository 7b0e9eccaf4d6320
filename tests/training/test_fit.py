"""fit, evaluate, History and progress: the steps of an epoch, their order, and interruptions."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeAlias

import cnnx
import numpy as np
import numpy.typing as npt
import pytest
from cnnx.training.history import History, Progress

Pixels: TypeAlias = "npt.NDArray[np.uint8]"
Labels: TypeAlias = "npt.NDArray[np.int64]"
SIZE = 16


def build(classes: list[str] | None = None) -> cnnx.Model:
    layers = [cnnx.Conv2d(4, 5, stride=2), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(2)]
    return cnnx.Model(layers, input_shape=(SIZE, SIZE, 1), classes=classes)


def still(seed: int = 0) -> cnnx.Trainer:
    """A trainer that learns nothing, so that a loss identifies the measured images."""
    return cnnx.Trainer(build(), optimizer=cnnx.SGD(0.0), seed=seed)


def bits(model: cnnx.Model) -> list[bytes]:
    return [array.tobytes() for array in model.parameters.values()]


@pytest.fixture(scope="module")
def samples() -> tuple[Pixels, Labels]:
    return cnnx.data.xo(23, size=SIZE, seed=1)


def finished(events: list[Progress]) -> list[Progress]:
    return [event for event in events if event.finished_epoch is not None]


# An epoch is its steps.


@pytest.mark.parametrize("batch_size", [1, 8, 23, 64])
def test_an_epoch_is_its_steps_in_order(batch_size: int, samples: tuple[Pixels, Labels]) -> None:
    x, y = samples
    model, by_hand = build(), build()
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.05, momentum=0.9))
    stepping = cnnx.Trainer(by_hand, optimizer=cnnx.SGD(0.05, momentum=0.9))
    history = trainer.fit(x, y, epochs=2, batch_size=batch_size, shuffle=False)

    for epoch in range(2):
        loss, correct = 0.0, 0
        for first in range(0, len(x), batch_size):
            rows = slice(first, first + batch_size)
            correct += int((by_hand.predict(x[rows]) == y[rows]).sum())
            loss += stepping.step(x[rows], y[rows]) * len(x[rows])
        assert history.loss[epoch] == pytest.approx(loss / len(x), rel=1e-12)
        assert history.accuracy[epoch] == correct / len(x)
    assert bits(model) == bits(by_hand)


def test_history_has_lists_of_one_length(samples: tuple[Pixels, Labels]) -> None:
    trainer = cnnx.Trainer(build())
    assert trainer.history == History()
    history = trainer.fit(*samples, epochs=3)
    assert history == trainer.history
    assert set(vars(history)) == {
        *("loss", "accuracy", "validation_loss", "validation_accuracy", "seconds"),
    }
    for values in vars(history).values():
        assert len(values) == 3
        assert all(type(value) is float for value in values)
    assert len(history) == 3
    assert all(map(math.isnan, history.validation_loss + history.validation_accuracy))
    assert all(seconds > 0 for seconds in history.seconds)
    last = {name: pytest.approx(each[-1], nan_ok=True) for name, each in vars(history).items()}
    assert history.last() == last
    assert trainer.fit(*samples, epochs=0) == history
    assert len(trainer.fit(*samples, epochs=1)) == len(trainer.history) == 4
    assert len(history) == 3  # what a fit returned stays as it was


def test_fit_continues_when_called_again(samples: tuple[Pixels, Labels]) -> None:
    whole, parts = cnnx.Trainer(build()), cnnx.Trainer(build())
    expected = whole.fit(*samples, epochs=5, batch_size=8)
    parts.fit(*samples, epochs=2, batch_size=8)
    history = parts.fit(*samples, epochs=3, batch_size=8)
    assert bits(parts.model) == bits(whole.model)
    assert history.loss == expected.loss
    assert history.accuracy == expected.accuracy


@pytest.mark.parametrize(
    "loss", [cnnx.CrossEntropy(), cnnx.BinaryCrossEntropy(), cnnx.MSE()], ids=repr
)
def test_it_learns(loss: Any, rng: np.random.Generator) -> None:
    """Labels that say which half is brighter."""
    y = rng.integers(0, 2, 200)
    x = rng.random((200, SIZE, SIZE), dtype=np.float32)
    x[y == 1, :, : SIZE // 2] += 0.3
    targets: Any = y if isinstance(loss, cnnx.CrossEntropy) else np.eye(2)[y]
    trainer = cnnx.Trainer(build(), loss=loss, optimizer=cnnx.Adam(0.01))
    history = trainer.fit(x, targets, epochs=10, batch_size=32)
    assert history.loss[-1] < 0.4 * history.loss[0]
    measured = trainer.evaluate(x, targets)
    if isinstance(loss, cnnx.MSE):
        assert all(map(math.isnan, history.accuracy))
        assert math.isnan(measured["accuracy"])
    else:
        assert history.accuracy[-1] > 0.95
        assert measured["accuracy"] > 0.95


def test_a_short_last_batch_is_trained(samples: tuple[Pixels, Labels]) -> None:
    """23 = 11 + 11 + 1: the last image updates the weights too."""
    x, y = samples
    trainer = cnnx.Trainer(build())
    before_last: list[list[bytes]] = []
    trainer.fit(
        x, y, epochs=1, batch_size=11, progress=lambda _: before_last.append(bits(trainer.model))
    )
    assert len(before_last) == 4  # three steps and the end of the epoch
    assert before_last[1] != before_last[2] == before_last[3]


# The order.


def order_of(trainer: cnnx.Trainer, x: Pixels, y: Labels, **settings: Any) -> list[list[int]]:
    """Per epoch the rows in the order of their training, identified by their losses."""
    own = [trainer.evaluate(x[i : i + 1], y[i : i + 1])["loss"] for i in range(len(x))]
    assert len(set(own)) == len(own)
    epochs: list[list[int]] = []

    def progress(event: Progress) -> None:
        if event.finished_epoch is not None:
            return
        if event.step == 1:
            epochs.append([])
        so_far = sum(own[row] for row in epochs[-1])
        loss = event.loss * event.step - so_far
        epochs[-1].append(int(np.argmin([abs(loss - each) for each in own])))

    trainer.fit(x, y, batch_size=1, progress=progress, **settings)
    return epochs


def test_without_shuffling_images_come_in_order(samples: tuple[Pixels, Labels]) -> None:
    assert order_of(still(), *samples, epochs=2, shuffle=False) == [list(range(23))] * 2


def test_every_epoch_has_an_order_of_its_own(samples: tuple[Pixels, Labels]) -> None:
    orders = order_of(still(), *samples, epochs=3)
    assert [sorted(order) for order in orders] == [list(range(23))] * 3
    assert len({tuple(order) for order in [*orders, list(range(23))]}) == 4
    assert order_of(still(), *samples, epochs=3) == orders
    again = still()
    assert order_of(again, *samples, epochs=1) + order_of(again, *samples, epochs=2) == orders
    assert order_of(still(seed=1), *samples, epochs=1)[0] not in orders


def test_the_order_depends_on_neither_batch_size_nor_threads(
    samples: tuple[Pixels, Labels], restore_threads: None
) -> None:
    cnnx.set_num_threads(1)
    one = cnnx.Trainer(build()).fit(*samples, epochs=2, batch_size=5)
    cnnx.set_num_threads(3)
    assert cnnx.Trainer(build()).fit(*samples, epochs=2, batch_size=5).loss == one.loss


# Validation.


def test_a_validation_set_is_measured_after_every_epoch(samples: tuple[Pixels, Labels]) -> None:
    x, y = samples
    trainer, plain = cnnx.Trainer(build()), cnnx.Trainer(build())
    measured: list[dict[str, float]] = []

    def progress(event: Progress) -> None:
        if event.finished_epoch is not None:
            measured.append(trainer.evaluate(x[:9], y[:9]))

    history = trainer.fit(
        x[9:], y[9:], epochs=3, batch_size=4, validation=(x[:9], y[:9]), progress=progress
    )
    assert history.validation_loss == [each["loss"] for each in measured]
    assert history.validation_accuracy == [each["accuracy"] for each in measured]
    plain.fit(x[9:], y[9:], epochs=3, batch_size=4)
    assert bits(plain.model) == bits(trainer.model)


@pytest.mark.parametrize(("fraction", "held"), [(0.1, 2), (0.3, 7), (0.5, 12), (0.01, 1)])
def test_a_fraction_is_held_out(fraction: float, held: int, samples: tuple[Pixels, Labels]) -> None:
    x, y = samples
    trainer = still()
    orders = order_of(trainer, x, y, epochs=3, validation=fraction)
    held_out = sorted(set(range(23)) - set(orders[0]))
    assert len(held_out) == held
    for order in orders:
        assert len(order) == 23 - held
        assert not set(order) & set(held_out)
    expected = trainer.evaluate(x[held_out], y[held_out])
    for name, value in expected.items():
        for measured in getattr(trainer.history, f"validation_{name}"):
            assert measured == pytest.approx(value, rel=1e-12)
    # The same images in a later call, other images for another seed.
    assert set(order_of(trainer, x, y, epochs=1, validation=fraction)[0]) == set(orders[0])
    if held > 1:
        other = order_of(still(seed=5), x, y, epochs=1, validation=fraction)[0]
        assert set(other) != set(orders[0])


@pytest.mark.parametrize(
    ("error", "validation", "sentence"),
    [
        (ValueError, 0, "validation is 0 of 23 images, expected a fraction between 0 and 1"),
        (ValueError, 1.0, "validation is 1.0 of 23 images, expected a fraction between 0 and 1"),
        (ValueError, -0.1, "validation is -0.1 of 23 images, expected a fraction"),
        (ValueError, 0.99, "validation is 0.99 of 23 images, expected .*leaves images on both"),
        (ValueError, float("nan"), "validation is nan of 23 images, expected a fraction"),
        (
            TypeError,
            True,
            r"validation is True, expected \(x, y\), .*, a fraction of the images, a Data",
        ),
        (OSError, "10%", "10%"),
        (TypeError, np.zeros((2, SIZE, SIZE)), r"validation .*, expected \(x, y\), .*, a fraction"),
        (ValueError, (np.zeros((0, SIZE, SIZE)), []), "validation holds no images"),
        (ValueError, (np.full((1, SIZE, SIZE), np.nan), [0]), "validation holds NaN or infinity"),
        (ValueError, (np.zeros((2, 5, 5)), [0, 1]), r"validation: x has shape \(2, 5, 5\)"),
        (ValueError, (np.zeros((1, SIZE, SIZE)), [2]), "validation: y has label 2 at position 0"),
    ],
)
def test_a_wrong_validation_is_refused(
    error: type[Exception], validation: Any, sentence: str, samples: tuple[Pixels, Labels]
) -> None:
    trainer = cnnx.Trainer(build())
    before = bits(trainer.model)
    with pytest.raises(error, match=sentence if error is OSError else f"fit: {sentence}") as caught:
        trainer.fit(*samples, epochs=1, validation=validation)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert bits(trainer.model) == before


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"epochs": -1}, "epochs is -1, expected an integer >= 0"),
        ({"epochs": 1.5}, "epochs is 1.5, expected an integer >= 0"),
        ({"epochs": True}, "epochs is True, expected an integer >= 0"),
        ({"epochs": 1, "batch_size": 0}, "batch_size is 0, expected an integer >= 1"),
        ({"epochs": 1, "batch_size": 2.0}, "batch_size is 2.0, expected an integer >= 1"),
    ],
)
def test_wrong_settings_are_refused(
    settings: dict[str, Any], sentence: str, samples: tuple[Pixels, Labels]
) -> None:
    with pytest.raises(ValueError, match=f"fit: {sentence}"):
        cnnx.Trainer(build()).fit(*samples, **settings)


def test_no_images_are_refused() -> None:
    nothing = np.zeros((0, SIZE, SIZE))
    for call in (
        lambda: cnnx.Trainer(build()).fit(nothing, [], epochs=1),
        lambda: cnnx.Trainer(build()).evaluate(nothing, []),
    ):
        with pytest.raises(ValueError, match="x holds no images, expected at least one"):
            call()


def test_evaluate_measures_and_changes_nothing(samples: tuple[Pixels, Labels]) -> None:
    x, y = cnnx.data.xo(700, size=SIZE, seed=3)  # more than runs at once
    trainer = cnnx.Trainer(build(["X", "O"]))
    trainer.fit(*samples, epochs=2)
    before, gradients = bits(trainer.model), trainer.gradients.copy()
    measured = trainer.evaluate(x, y)
    names = np.array(["X", "O"])[y]
    assert measured["accuracy"] == (trainer.model.predict(x) == names).mean()
    assert trainer.evaluate(x, names) == measured
    pieces = [trainer.evaluate(x[i : i + 7], y[i : i + 7])["loss"] for i in range(0, 700, 7)]
    assert measured["loss"] == pytest.approx(np.mean(pieces), rel=1e-12)
    assert bits(trainer.model) == before
    assert np.array_equal(trainer.gradients, gradients)


# Progress, and the end.


def test_progress_is_called_after_every_step_and_epoch(samples: tuple[Pixels, Labels]) -> None:
    trainer = cnnx.Trainer(build())
    events: list[Progress] = []
    history = trainer.fit(*samples, epochs=2, batch_size=10, progress=events.append, validation=0.2)
    steps = [(event.epoch, event.step, event.finished_epoch is not None) for event in events]
    one_epoch = [(1, False), (2, False), (2, True)]  # 18 images: 10 and 8
    assert steps == [(epoch, *each) for epoch in (1, 2) for each in one_epoch]
    assert {(event.epochs, event.steps) for event in events} == {(2, 2)}
    for number, event in enumerate(finished(events)):
        assert event.finished_epoch == {name: each[number] for name, each in vars(history).items()}
        assert event.loss == history.loss[number]


def test_ctrl_c_from_progress_keeps_the_model_and_the_history(
    samples: tuple[Pixels, Labels],
) -> None:
    x, y = samples
    trainer, reference = cnnx.Trainer(build()), cnnx.Trainer(build())
    at_step: dict[tuple[int, int], list[bytes]] = {}
    reference.fit(
        x,
        y,
        epochs=3,
        batch_size=8,
        progress=lambda p: at_step.update({(p.epoch, p.step): bits(reference.model)}),
    )

    def interrupt(event: Progress) -> None:
        if (event.epoch, event.step) == (2, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, epochs=3, batch_size=8, progress=interrupt)
    assert len(trainer.history) == 1
    assert trainer.history.loss == reference.history.loss[:1]
    assert bits(trainer.model) == at_step[2, 2]
    trainer.fit(x, y, epochs=1)
    assert len(trainer.history) == 2


INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
import numpy as np
import cnnx

x, y = cnnx.data.xo(2000)
model = cnnx.models.small()
trainer = cnnx.Trainer(model)

def tell(event):
    if event.finished_epoch is None and (event.epoch, event.step) == (1, 3):
        print("training", flush=True)

try:
    trainer.fit(x, y, epochs=10_000, batch_size=500, progress=tell)
except KeyboardInterrupt:
    pass
else:
    sys.exit("nothing was raised")
assert all(len(values) == len(trainer.history) for values in vars(trainer.history).values())
assert np.isfinite(model(x[:5])).all()
before = model.parameters["dense_1.weight"]
trainer.fit(x[:64], y[:64], epochs=1)
assert not np.array_equal(model.parameters["dense_1.weight"], before)
model.save(sys.argv[1])
print("kept")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_a_real_ctrl_c_keeps_the_model(tmp_path: Path) -> None:
    import signal

    path = tmp_path / "kept.cnnx"
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "training\n"
    child.send_signal(signal.SIGINT)
    output, errors = child.communicate(timeout=60)
    assert (child.returncode, output, errors) == (0, "kept\n", "")
    cnnx.load(path)


def test_progress_must_be_callable(
    samples: tuple[Pixels, Labels],
) -> None:
    trainer = cnnx.Trainer(build())
    before = bits(trainer.model)
    with pytest.raises(TypeError, match="fit: progress is 3, expected a function"):
        trainer.fit(*samples, epochs=1, progress=3)  # type: ignore[arg-type]
    assert bits(trainer.model) == before


def test_a_numpy_fraction_splits_as_a_python_one(samples: tuple[Pixels, Labels]) -> None:
    losses = [
        still().fit(*samples, epochs=1, validation=fraction).validation_loss
        for fraction in (0.25, np.float32(0.25))
    ]
    assert losses[0] == losses[1]
