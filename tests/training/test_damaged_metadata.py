"""Wrong values in the metadata of a checkpoint: refused in one sentence, or harmless."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import cnnx
import damaged_metadata
import pytest
from checkpoint_runs import x, y
from damaged_metadata import (
    REMOVED,
    WRONG,
    Steps,
    metadata_of,
    places,
    replaced,
    resume,
    write_checkpoint,
    write_damaged,
)

# Python's own sentences, which do not say what was expected.
RAW = re.compile(
    r"object is not|has no attribute|argument after|positional|unpack|subscriptable|unhashable|"
    r"invalid literal|could not convert|indices must|__init__"
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("damaged") / "run.ckpt"
    write_checkpoint(path)
    return path


def answer(checkpoint: Path, place: Steps, wrong: Any) -> str:
    """The sentence that refuses the checkpoint with a wrong value, or nothing."""
    path = checkpoint.with_name("wrong.ckpt")
    write_damaged(checkpoint, path, replaced(metadata_of(checkpoint), place, wrong))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cnnx.Warning)  # such as of a run that was stopped
        try:
            resume(path)
        except ValueError as error:
            return str(error).removeprefix(f"{path}: ")
    return ""


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_value_anywhere_is_refused_or_harmless(wrong: str, checkpoint: Path) -> None:
    every = list(places(metadata_of(checkpoint)))
    assert len(every) > 130
    sentences = [answer(checkpoint, place, WRONG[wrong]) for place in every]
    for place, sentence in zip(every, sentences, strict=True):
        assert "\n" not in sentence, place
        assert len(sentence) < 420, place
        assert not RAW.search(sentence), (place, sentence)
    assert sum(map(bool, sentences)) > len(every) // 2


REFUSED: list[tuple[Steps, Any, str]] = [
    ((), [], "metadata is [], expected recipe, history, run by name"),
    (("recipe",), 3, "recipe is 3, expected the settings of a trainer"),
    (("recipe", "@recipe"), "os.system", "recipe is of the class 'os.system', expected one such"),
    (("recipe", "settings", "seed"), REMOVED, "recipe.settings has no seed"),
    (("recipe", "settings", "loss", "settings"), {"x": 1}, "recipe.settings.loss.settings is {'x'"),
    (("history",), {}, "history has no loss"),
    (("history", "loss"), "x", "history.loss is 'x', expected a list of real numbers"),
    (("history", "loss", "@reals"), "x", "history.loss is the array 'x', which the file does not"),
    (
        ("history", "loss", "@reals"),
        "recipe.clip_norm",
        "history.loss is an array of shape (), expected a list of numbers",
    ),
    (("run", "settings", "shuffle"), "x", "run.settings.shuffle is 'x', expected true or false"),
    (("run", "settings", "more"), 1, "run.settings has an unknown member 'more', expected epochs"),
    (("run", "epoch"), 0, "run.epoch is 0, expected an integer from 1 to 6"),
    (("run", "epoch"), 10**9, "run.epoch is 1000000000, expected an integer from 1 to 6"),
    (("run", "number"), 1, "run.number is 1, expected an integer >= 2"),
    (("run", "stopped"), 0, "run.stopped is 0, expected true or false"),
    (("run", "position"), REMOVED, "run has no position"),
    (("run", "position", 0), 4, "fit: the epoch goes on after step 4, expected 0 to 3"),
    (("run", "position", 1), [], "run.position.1 is [], expected the steps of an epoch and 3 sums"),
    (("run", "data"), [None], "run.data is [None], expected two fingerprints"),
    (("run", "data", 0, "checksum"), -1, "run.data.0.checksum is -1, expected an integer from 0"),
    (("run", "callbacks", 0), ["x"], "run.callbacks.0 is ['x'], expected a name and a state"),
    (("run", "callbacks", 0, 0), "x", "fit: callbacks with a state are EarlyStopping, BestModel"),
    (
        ("run", "callbacks", 0, 1, "best"),
        None,
        "EarlyStopping: best of the state is None, exp",
    ),
    (("run", "callbacks", 0, 1, "best"), REMOVED, "EarlyStopping: the state has no best"),
    (
        ("run", "callbacks", 0, 1, "waited"),
        -1,
        "EarlyStopping: waited of the state is -1, exp",
    ),
    (("run", "callbacks", 0, 1, "weights"), {}, "EarlyStopping: weights of the state are {}, expe"),
    (
        ("run", "callbacks", 0, 1, "weights", "dense_1.bias", "@array"),
        "run.callbacks.0.1.weights.frozen.bias",
        "EarlyStopping: dense_1.bias of the state is an array of shape (4,), expected an array of",
    ),
    (
        ("run", "callbacks", 1, 1, "best"),
        "x",
        "BestModel: best of the state is 'x', expected",
    ),
]


@pytest.mark.parametrize(("place", "wrong", "sentence"), REFUSED)
def test_a_sentence_names_the_value_and_what_was_expected(
    place: Steps, wrong: Any, sentence: str, checkpoint: Path
) -> None:
    assert sentence in answer(checkpoint, place, wrong)


def test_everything_but_data_and_callbacks_is_refused_before_the_fit(checkpoint: Path) -> None:
    for place, wrong, sentence in REFUSED:
        if sentence.startswith(("fit", "EarlyStopping", "BestModel")):
            continue
        path = checkpoint.with_name("wrong.ckpt")
        write_damaged(checkpoint, path, replaced(metadata_of(checkpoint), place, wrong))
        with pytest.raises(cnnx.FormatError, match=r"wrong\.ckpt: cnnx\.notes: "):
            cnnx.Trainer.resume(path)


def test_the_undamaged_checkpoint_is_resumed(checkpoint: Path) -> None:
    path = checkpoint.with_name("same.ckpt")
    write_damaged(checkpoint, path, metadata_of(checkpoint))
    assert len(resume(path).history) == 3


def test_a_position_of_batches_is_checked_too(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    batches = [(x[:9], y[:9]), (x[9:], y[9:])]

    def interrupt(progress: Any) -> None:
        raise KeyboardInterrupt

    trainer = cnnx.Trainer(damaged_metadata.network(), loss=cnnx.CrossEntropy())
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(batches, epochs=2, checkpoint=path, progress=interrupt)
    cnnx.Trainer.resume(path).fit(batches)
    for sums in ([0.5, 9.0, 4.0], [0.5, 9.0, 4.0, 0.0], [0.5, 9.0, 4.0, 0.5]):
        header = metadata_of(path)
        header["run"]["position"] = [1, sums]
        write_damaged(path, tmp_path / "wrong.ckpt", header)
        with pytest.raises(cnnx.FormatError, match=r"run\.position\.1 is \[0\.5, 9\.0, 4\.0"):
            cnnx.Trainer.resume(tmp_path / "wrong.ckpt")
