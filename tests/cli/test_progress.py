"""Progress of training: a bar on a terminal, one line per epoch everywhere."""

from __future__ import annotations

import io
import math
import re

import cnnx
import pytest
from cnnx.cli.progress import EpochProgress, duration, epoch_line
from cnnx.data.progress import DecodingProgress


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def train(stream: io.StringIO) -> EpochProgress:
    """Two epochs of eight steps, as the command line trains."""
    x, y = cnnx.data.xo(64, size=16)
    trainer = cnnx.Trainer(cnnx.models.small((16, 16, 1), 2))
    with EpochProgress(stream) as progress:
        trainer.fit(x, y, epochs=2, batch_size=8, progress=progress)
    return progress


def test_elsewhere_there_is_one_line_per_epoch() -> None:
    stream = io.StringIO()
    assert train(stream).steps_done == 16
    lines = stream.getvalue().splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]


def test_on_a_terminal_a_bar_moves_and_leaves_the_same_lines() -> None:
    pytest.importorskip("tqdm", reason="needs tqdm: install the extra cli")
    stream = Terminal()
    train(stream)
    text = stream.getvalue()
    assert "epoch 1/2:   0%|" in text
    assert "epoch 2/2:   0%|" in text
    left = [line.split("\r")[-1] for line in text.split("\n")]
    assert [line.split(":")[0] for line in left if line] == ["epoch 1/2", "epoch 2/2"]


def test_the_bar_shows_the_time_left_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Bar:
        def __init__(self, **settings: object) -> None:
            pass

        def set_postfix_str(self, text: str, refresh: bool) -> None:
            shown.append(text)

        def update(self, steps: int) -> None:
            pass

        def close(self) -> None:
            pass

    monkeypatch.setattr("cnnx.cli.progress.bar_maker", lambda stream: Bar)
    train(Terminal())
    assert len(shown) == 16
    assert all(re.fullmatch(r"loss \d\.\d{4}, \d+ s left in all", text) for text in shown[:-1])
    assert re.fullmatch(r"loss \d\.\d{4}", shown[-1])


def test_durations() -> None:
    seconds = (0.2, 59, 59.1, 61, 3599, 3600, 7500)
    expected = ["1 s", "59 s", "1:00 min", "1:01 min", "59:59 min", "1:00 h", "2:05 h"]
    assert [duration(each) for each in seconds] == expected


def test_an_epochs_line_leaves_out_what_was_not_measured() -> None:
    figures = {"loss": 0.25, "accuracy": 0.5, "seconds": 1.26}
    nothing = {"validation_loss": math.nan, "validation_accuracy": math.nan}
    assert epoch_line(1, 3, figures | nothing) == "epoch 1/3: loss 0.2500, accuracy 50.00% (1.3 s)"
    validated = figures | {"validation_loss": 0.5, "validation_accuracy": 0.75}
    assert "validation loss 0.5000, validation accuracy 75.00% (" in epoch_line(1, 3, validated)


def test_decoding_has_a_bar_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm", reason="needs tqdm: install the extra cli")
    monkeypatch.setattr("cnnx.data.progress._DELAY", 0)
    stream, elsewhere = Terminal(), io.StringIO()
    for each in (stream, elsewhere):
        progress = DecodingProgress(each)
        for done in (4, 8, 10):
            progress(done, 10)
    assert "decoding:   0%|" in stream.getvalue()
    assert elsewhere.getvalue() == ""
