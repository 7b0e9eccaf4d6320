"""The settings of the trainer in a checkpoint: the core's texts, beside those of Python's run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from model_file_parts import read_parts, write_parts

SETTINGS, NOTES = "cnnx.trainer.settings", "cnnx.notes"
X = np.random.default_rng(1).random((6, 4, 4, 1), dtype=np.float32)
Y = np.array([0, 1] * 3)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A checkpoint of a run of one epoch."""
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(2)], input_shape=(4, 4, 1))
    trainer = cnnx.Trainer(
        model,
        optimizer=cnnx.AdamW(0.1, weight_decay=0.02),
        loss=cnnx.CrossEntropy(label_smoothing=0.1, class_weights=[1, 0.5]),
        schedule=cnnx.Warmup(0.5, cnnx.CosineDecay()),
        averaging=cnnx.WeightAverage(),
        rules=[cnnx.ParameterRule("*.bias", weight_decay_factor=0)],
        clip_norm=2.5,
        seed=5,
    )
    trainer.fit(X, Y, epochs=1, checkpoint=tmp_path / "run.ckpt")
    return tmp_path / "run.ckpt"


def settings_of(path: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(read_parts(path)[0]["__metadata__"][SETTINGS])
    return found


def edit(path: Path, **changes: Any) -> None:
    """Replace texts of the metadata; None removes one."""
    header, data = read_parts(path)
    for name, text in changes.items():
        if text is None:
            del header["__metadata__"][name]
        else:
            header["__metadata__"][name] = text
    write_parts(path, header, data)


def notes_with_seed(path: Path, seed: int) -> str:
    notes = json.loads(read_parts(path)[0]["__metadata__"][NOTES])
    notes["recipe"]["settings"]["seed"] = seed
    return json.dumps(notes)


def test_a_file_has_the_settings_as_texts(saved: Path) -> None:
    assert settings_of(saved) == {
        "seed": "5",
        "clip_norm": "2.5",
        "optimizer": "adamw",
        "optimizer.beta1": "0.9",
        "optimizer.beta2": "0.999",
        "optimizer.epsilon": "1e-08",
        "optimizer.weight_decay": "0.02",
        "rules": "1",
        "rules.1.pattern": "*.bias",
        "rules.1.learning_rate_factor": "1",
        "rules.1.weight_decay_factor": "0",
        "averaging.decay": "0.999",
        "averaging.every": "1",
        "schedule": "cosine_decay",
        "schedule.final": "0",
        "schedule.warmup_epochs": "0.5",
        "schedule.warmup_start": "0",
        "loss": "cross_entropy",
        "loss.label_smoothing": "0.1",
        "loss.class_weights": "1,0.5",
        "loss.ignore_index": "none",
    }
    cnnx.Trainer.resume(saved)


def test_other_settings_of_the_run_are_refused(saved: Path) -> None:
    edit(saved, **{NOTES: notes_with_seed(saved, 77)})
    with pytest.raises(cnnx.FormatError, match="has seed=5, but the trainer's settings expect "):
        cnnx.Trainer.resume(saved)


def test_a_checkpoint_of_an_earlier_version_is_resumed_without_them(saved: Path) -> None:
    edit(saved, **{NOTES: notes_with_seed(saved, 77), SETTINGS: None})
    cnnx.Trainer.resume(saved)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seed": 7}, "cnnx.trainer.settings.seed: expected a string, found the integer 7"),
        (
            {"optimizer.of\n later": "a\tb"},
            r'has "optimizer.of\\u000a later"="a\\u0009b", but the trainer\'s settings expect no '
            "such setting",
        ),
        ({"seed": "\n" * 500}, r'has seed="(\\u000a){80}\.\.\.", but .* expect seed=5'),
    ],
)
def test_damaged_settings_are_refused(change: dict[str, Any], sentence: str, saved: Path) -> None:
    edit(saved, **{SETTINGS: json.dumps({**settings_of(saved), **change})})
    with pytest.raises(cnnx.FormatError, match=rf"run\.ckpt: {sentence}$"):
        cnnx.Trainer.resume(saved)


def test_settings_that_are_no_object_are_refused(saved: Path) -> None:
    edit(saved, **{SETTINGS: "[]"})
    with pytest.raises(cnnx.FormatError, match=f"{SETTINGS}: expected an object"):
        cnnx.Trainer.resume(saved)
