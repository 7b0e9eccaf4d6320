"""A resumed trainer whose settings are changed before `fit`: a warning names each change."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import cnnx
import pytest
from cnnx.training.history import Progress

SIZE = 16
x, y = cnnx.data.xo(24, size=SIZE, seed=1)


def press_in_epoch_2(progress: Progress) -> None:
    if progress.epoch == 2:
        raise KeyboardInterrupt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Checkpoint of a run that was interrupted in its second epoch of three."""
    file = tmp_path / "run.ckpt"
    model = cnnx.models.small((SIZE, SIZE, 1), 2)
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.5, momentum=0.5))
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, epochs=3, batch_size=8, checkpoint=file, progress=press_in_epoch_2)
    return file


def change_rate(trainer: cnnx.Trainer) -> None:
    trainer.learning_rate = 0.25


def freeze(trainer: cnnx.Trainer) -> None:
    trainer.model.freeze("conv2d_1")


def freeze_several(trainer: cnnx.Trainer) -> None:
    trainer.model.freeze("conv2d_*")


def compute_in_bfloat16(trainer: cnnx.Trainer) -> None:
    trainer.model.compute_dtype = "bfloat16"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (change_rate, "learning_rate is 0.25, but 0.5 in the checkpoint"),
        (freeze, "conv2d_1 is frozen, but trainable in the checkpoint"),
        (freeze_several, "conv2d_1, conv2d_2 are frozen, but trainable in the checkpoint"),
        (compute_in_bfloat16, "compute_dtype is bfloat16, but float32 in the checkpoint"),
        (
            cnnx.Trainer.reset_optimizer,
            "the optimizer was reset, but had taken steps in the checkpoint",
        ),
    ],
)
def test_a_changed_setting_draws_a_warning(
    change: Callable[[cnnx.Trainer], None], expected: str, path: Path
) -> None:
    trainer = cnnx.Trainer.resume(path)
    change(trainer)
    sentence = (
        f"fit: {expected}, so the resumed run differs from one that was not interrupted; to train "
        "so in a new run: fit(x, y, epochs=2)"
    )
    with pytest.warns(cnnx.Warning, match=f"^{re.escape(sentence)}$"):
        trainer.fit(x, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        change_rate(trainer)
        trainer.fit(x, y, epochs=1)


def test_a_layer_that_is_trainable_again_draws_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"
    model = cnnx.models.small((SIZE, SIZE, 1), 2)
    model.freeze("conv2d_1")
    with pytest.raises(KeyboardInterrupt):
        cnnx.Trainer(model).fit(x, y, epochs=3, checkpoint=file, progress=press_in_epoch_2)
    trainer = cnnx.Trainer.resume(file)
    trainer.model.unfreeze("*")
    with pytest.warns(cnnx.Warning, match=r"^fit: conv2d_1 is trainable, but frozen in the che"):
        trainer.fit(x, y)


def test_no_change_and_a_new_run_draw_none(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cnnx.Trainer.resume(path).fit(x, y)
    trainer = cnnx.Trainer.resume(path, epochs=4)
    change_rate(trainer)
    trainer.learning_rate = 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer.fit(x, y)


def test_the_way_that_the_sentence_names_draws_none(tmp_path: Path, path: Path) -> None:
    trainer = cnnx.Trainer.resume(path)
    change_rate(trainer)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.fit(x, y, epochs=2, checkpoint=tmp_path / "new.ckpt")
    assert [str(each.message) for each in caught if "learning_rate" in str(each.message)] == []
