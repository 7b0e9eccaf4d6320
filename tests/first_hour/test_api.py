"""A newcomer's next calls in Python: other forms of data, longer runs, evaluation of a loader."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.data import Dataset
from first_hour import Case, check, every

SIZE = 16
X, Y = cnnx.data.xo(30, size=SIZE, seed=1)
BATCHES = [(X[:20], Y[:20]), (X[20:], Y[20:])]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def model(**settings: Any) -> cnnx.Model:
    layers = [cnnx.Conv2d(4, 3), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(2)]
    return cnnx.Model(layers, input_shape=(SIZE, SIZE, 1), **settings)


def trainer(**settings: Any) -> cnnx.Trainer:
    return cnnx.Trainer(model(), **settings)


def small() -> cnnx.Trainer:
    return cnnx.Trainer(cnnx.models.small((SIZE, SIZE, 1), ["X", "O"]))


def dataset(first: int = 0, **sets: Dataset) -> Dataset:
    return Dataset(X[first:], Y[first:], ("X", "O"), **sets)


def npz() -> str:
    np.savez("xo.npz", x=X, y=Y)
    return "xo.npz"


def fit(x: Any = X, y: Any = Y, **settings: Any) -> cnnx.History:
    return trainer().fit(x, y, epochs=1, **settings)


def measured(validation: Any) -> None:
    """The validation metrics are those of all the images."""
    own = trainer()
    history = own.fit(X[:8], Y[:8], epochs=1, validation=validation)
    expected = own.evaluate(X, Y)
    assert history.validation_loss == [pytest.approx(expected["loss"], rel=1e-12)]
    assert history.validation_accuracy == [pytest.approx(expected["accuracy"], rel=1e-12)]


def evaluated(x: Any, count: int = 30) -> None:
    """The metrics are those of the last images, so many of them."""
    own = trainer()
    expected = own.evaluate(X[-count:], Y[-count:])
    found = own.evaluate(x)
    assert found == {name: pytest.approx(value, rel=1e-12) for name, value in expected.items()}


def run(epochs: int = 2, **settings: Any) -> str:
    """Path of the checkpoint of a finished run."""
    trainer(**settings).fit(X, Y, epochs=epochs, checkpoint="run.ckpt")
    return "run.ckpt"


def interrupted(**settings: Any) -> tuple[cnnx.Trainer, str]:
    """The trainer of a run that was interrupted in its second epoch, and the message."""

    def press(progress: Any) -> None:
        if progress.epoch == 2:
            raise KeyboardInterrupt

    own = trainer()
    with pytest.raises(KeyboardInterrupt) as pressed:
        own.fit(X, Y, epochs=3, batch_size=16, progress=press, **settings)
    return own, str(pressed.value)


def say_interrupted(**settings: Any) -> None:
    raise RuntimeError(interrupted(**settings)[1])


def longer(epochs: int, first: int = 2, **settings: Any) -> None:
    resumed = cnnx.Trainer.resume(run(first, **settings), epochs=epochs)
    assert len(resumed.fit(X, Y)) == epochs


def resnet() -> cnnx.Model:
    return cnnx.models.resnet20((SIZE, SIZE, 1), 2)


def replaced_last(old: cnnx.Model, outputs: int) -> None:
    new = cnnx.Model([*old.layers[:-1], cnnx.Dense(outputs)], input_shape=old.input_shape)
    assert new.output_shape == (outputs,)
    name = "conv2d_1.weight"
    assert np.array_equal(new.parameters[name], old.parameters[name])


def trained(loss: Any) -> cnnx.Model:
    """A model of one output, after a step."""
    layers = [cnnx.Flatten(), cnnx.Dense(1)]
    own = cnnx.Model(layers, input_shape=(SIZE, SIZE, 1))
    cnnx.Trainer(own, loss=loss).step(X, np.arange(len(X)))
    return own


def regression(loss: Any) -> None:
    own = trained(loss)
    assert np.array_equal(own.predict(X), own(X)[:, 0])


def says(text: str, part: str) -> None:
    assert part in text


def frozen_summary() -> None:
    own = model()
    own.layers[0].trainable = False
    says(own.summary(), "1,610 parameters (40 frozen), 6,440 bytes")


FORMS = "a Dataset, a path or an iterable of batches (x, y)"
DATA = [
    Case("fit of the two arrays of xo()", lambda: fit((X, Y), None), None),
    Case("validation is a Dataset", lambda: measured(dataset()), None),
    Case(
        "validation is a Dataset with a validation set",
        lambda: measured(Dataset(X[:3], Y[:3], ("X", "O"), validation=dataset())),
        None,
    ),
    Case("validation is a path", lambda: measured(npz()), None),
    Case("validation is a loader", lambda: measured(BATCHES), None),
    Case(
        "validation has a test set but no validation set",
        lambda: fit(validation=dataset(test=dataset())),
        ValueError,
        "fit: validation has a test set but no validation set, expected the set to measure, such "
        "as validation=data.test, or a fraction, such as validation=0.1",
    ),
    Case(
        "validation is a model",
        lambda: fit(validation=object),
        TypeError,
        "fit: validation is <class 'object'>, expected (x, y), (x, y, sample_weight), a fraction "
        f"of the images, {FORMS}",
    ),
    Case(
        "validation is a generator for several epochs",
        lambda: trainer().fit(X, Y, epochs=2, validation=iter(BATCHES)),
        ValueError,
        "fit: validation is an iterator, which can be used once, but epochs is 2: pass an iterable "
        "such as a list or a DataLoader",
    ),
    Case(
        "epochs are missing, before a path is read",
        lambda: trainer().fit("nowhere"),
        ValueError,
        "fit: epochs is missing, and there is no unfinished run to resume: fit(x, y, epochs=10)",
    ),
    Case(
        "labels beside a Dataset",
        lambda: fit(dataset(), Y),
        ValueError,
        "fit: y is an array of shape (30,), expected none with a Dataset, which has labels",
    ),
    Case(
        "labels beside a path",
        lambda: trainer().evaluate(npz(), Y),
        ValueError,
        "evaluate: y is an array of shape (30,), expected none with 'xo.npz', which has labels",
    ),
    Case("evaluate a loader", lambda: evaluated(BATCHES), None),
    Case("evaluate a generator", lambda: evaluated(iter(BATCHES)), None),
    Case("evaluate a Dataset", lambda: evaluated(dataset()), None),
    Case("evaluate a path", lambda: evaluated(npz()), None),
    Case(
        "evaluate the test set of a Dataset",
        lambda: evaluated(dataset(validation=dataset(5), test=dataset(23)), 7),
        None,
    ),
    Case("evaluate the two arrays of xo()", lambda: evaluated((X, Y)), None),
    Case(
        "evaluate images alone",
        lambda: trainer().evaluate(X),
        TypeError,
        f"evaluate: x is an array of shape (30, 16, 16, 1) without y, expected labels too, {FORMS}",
    ),
    Case(
        "evaluate an empty loader",
        lambda: trainer().evaluate([]),
        ValueError,
        "evaluate: there are no batches, expected at least one (x, y)",
    ),
    Case(
        "evaluate a loader of images",
        lambda: trainer().evaluate([X, X, X]),
        TypeError,
        "evaluate: a batch is an array of shape (30, 16, 16, 1), expected (x, y) or (x, y, "
        "sample_weight)",
    ),
]
RATES = [
    Case("a range test of a Dataset", lambda: cnnx.lr_find(small(), dataset()), None),
    Case("a range test of a path", lambda: cnnx.lr_find(small(), npz()), None),
    Case("a range test of a loader", lambda: cnnx.lr_find(small(), BATCHES), None),
    Case(
        "a range test of a generator",
        lambda: cnnx.lr_find(small(), iter(BATCHES)),
        ValueError,
        "lr_find: x has run out of batches (x, y), expected an iterable that starts again, such as "
        "a list or a DataLoader",
    ),
]
LENGTHS = [
    Case("a finished run trains longer", lambda: longer(5), None),
    Case("a run of no epochs begins", lambda: longer(2, first=0), None),
    Case(
        "a run with a step decay trains longer",
        lambda: longer(5, schedule=cnnx.StepDecay(every=2)),
        None,
    ),
    Case(
        "a schedule over the whole run",
        lambda: longer(5, schedule=cnnx.CosineDecay()),
        ValueError,
        "Trainer.resume: epochs is 5, expected 2, over which CosineDecay changes the learning "
        "rate; to train on with a schedule that starts again: "
        "cnnx.Trainer.resume('run.ckpt').fit(x, y, epochs=3)",
    ),
    Case(
        "fewer epochs than begun",
        lambda: longer(1),
        ValueError,
        "Trainer.resume: epochs is 1, expected at least 2, the number of epochs that the run has "
        "begun",
    ),
    Case(
        "a finished run is resumed",
        lambda: cnnx.Trainer.resume(run()).fit(X, Y),
        cnnx.Warning,
        "fit: the run in 'run.ckpt' has finished after 2 epochs, so nothing is trained; to train "
        "longer: cnnx.Trainer.resume('run.ckpt', epochs=4).fit(x, y)",
    ),
    Case(
        "a finished run without a checkpoint",
        lambda: [own.fit(X, Y, epochs=1) and own.fit(X, Y) for own in [trainer()]],
        cnnx.Warning,
        "fit: the run has finished after 1 epoch, so nothing is trained; to train longer: "
        "fit(x, y, epochs=1)",
    ),
    Case(
        "epochs for an unfinished run",
        lambda: interrupted(checkpoint="run.ckpt")[0].fit(X, Y, epochs=1),
        cnnx.Warning,
        "fit: epochs is 1, which begins a new run and leaves that of 'run.ckpt' unfinished in "
        "epoch 2 of 3; to resume it: fit(x, y)",
    ),
    Case(
        "Ctrl-C with a checkpoint",
        lambda: say_interrupted(checkpoint="run.ckpt"),
        RuntimeError,
        "fit: interrupted after step 1 of epoch 2 of 3 and saved in 'run.ckpt'; to resume: "
        "cnnx.Trainer.resume('run.ckpt').fit(x, y)",
    ),
    Case(
        "Ctrl-C without a checkpoint",
        say_interrupted,
        RuntimeError,
        "fit: interrupted after step 1 of epoch 2 of 3; to resume in this process: fit(x, y)",
    ),
    Case(
        "the last epoch of none",
        lambda: cnnx.History().last(),
        ValueError,
        "History.last: no epoch is finished, expected at least one",
    ),
]


MODELS = [
    Case("a new last layer", lambda: replaced_last(model(), 3), None),
    Case("a new last layer of a residual network", lambda: replaced_last(resnet(), 3), None),
    Case(
        "layers of a residual network without its skips",
        lambda: cnnx.Model(resnet().layers[3:], input_shape=(SIZE, SIZE, 16)),
        ValueError,
        re.compile(
            r"Model: layers holds \S+, which reads \S+ and \S+, expected \S+ of the same .*"
        ),
    ),
    Case(
        "a reused layer after other channels",
        lambda: cnnx.Model([cnnx.Conv2d(2, 1), *model().layers], input_shape=(SIZE, SIZE, 1)),
        ValueError,
        "Model: conv2d_1.weight has shape (3, 3, 1, 4) in its model, but (3, 3, 2, 4) here, "
        "expected conv2d_1 to read an input of the same shape",
    ),
    Case("predict after MSE", lambda: regression(cnnx.MSE()), None),
    Case("predict after Huber", lambda: regression(cnnx.Huber()), None),
    Case(
        "probabilities after MSE",
        lambda: trained(cnnx.MSE()).predict_proba(X),
        ValueError,
        "predict_proba: the model was trained with a regression loss, so it has no probabilities, "
        "expected a classifier; its values are model.predict(x)",
    ),
    Case("print(model) shows its layers", lambda: says(str(model()), "conv2d_1   conv2d "), None),
    Case("a summary counts the frozen parameters", frozen_summary, None),
]


@every(DATA, RATES, LENGTHS, MODELS)
def test_answer(case: Case) -> None:
    check(case)
