"""Progress of a fit: a bar on a terminal, one line per epoch, a display in a notebook."""

from __future__ import annotations

import errno
import io
import math
import re
import sys
from types import SimpleNamespace
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.callbacks import Callback, LivePlot
from cnnx.data.progress import DecodingProgress
from cnnx.training import fit_progress, notebook_progress
from cnnx.training.fit_progress import TextProgress
from cnnx.training.history import Progress
from cnnx.training.run_speed import RunSpeed, duration, epoch_line

X, Y = cnnx.data.xo(64, size=16)


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def fit(*data: Any, **settings: Any) -> cnnx.Trainer:
    """Two epochs, of eight steps unless other data are given."""
    trainer = cnnx.Trainer(cnnx.models.small((16, 16, 1), 2))
    if not data:
        data, settings = (X, Y), {"batch_size": 8, **settings}
    trainer.fit(*data, **{"epochs": 2, **settings})
    return trainer


def beginnings(text: str) -> list[str]:
    """What is left of each line on a terminal, up to the colon."""
    left = [line.split("\r")[-1] for line in text.split("\n")]
    return [line.split(":")[0] for line in left if line]


@pytest.fixture
def _always_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm", reason="needs tqdm: install the extra cli")
    monkeypatch.setattr(fit_progress, "_BAR_AFTER", -1)
    monkeypatch.setattr(fit_progress, "_BETWEEN_UPDATES", 0)


def test_a_script_without_a_terminal_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    fit()
    assert capfd.readouterr() == ("", "")


def test_verbose_writes_one_line_per_epoch(capfd: pytest.CaptureFixture[str]) -> None:
    fit(verbose=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert beginnings(err) == ["epoch 1/2", "epoch 2/2"]
    assert re.search(r"loss \d\.\d{4}, accuracy .*% .* images/s, 1 s left\)$", err.splitlines()[0])
    assert "left" not in err.splitlines()[1]


@pytest.mark.usefixtures("_always_a_bar")
def test_on_a_terminal_a_bar_moves_and_leaves_the_same_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    fit()
    text = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert re.search(r"epoch 2/2:  50%\|.*\| 4/8, loss \d\.\d{4}, .* images/s, 1 s left", text)
    assert beginnings(text) == ["epoch 1/2", "epoch 2/2"]


@pytest.mark.parametrize("verbose", [False, 0])
def test_a_terminal_shows_nothing_if_it_is_not_wanted(
    verbose: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    fit(verbose=verbose)
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]


def test_there_is_one_progress_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(Callback):
        shows_progress = True

    monkeypatch.setattr(sys, "stderr", Terminal())
    seen: list[Progress] = []
    fit(progress=seen.append)
    fit(callbacks=[Own()])
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]
    fit(progress=seen.append, callbacks=[Own()], verbose=True)
    assert beginnings(sys.stderr.getvalue()) == ["epoch 1/2", "epoch 2/2"]  # type: ignore[attr-defined]
    assert len(seen) == 2 * 18


def test_a_fit_outlives_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(Terminal):
        def write(self, text: str) -> int:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(sys, "stderr", Closed())
    assert len(fit().history) == 2


def test_a_program_without_stderr_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert len(fit().history) == len(fit(verbose=True).history) == 2


@pytest.mark.parametrize("verbose", ["auto", 2, 0.5, np.ones(3)])
def test_other_values_of_verbose_are_refused(verbose: Any) -> None:
    with pytest.raises(TypeError, match=r"fit: verbose is .*, expected True, False or None"):
        fit(verbose=verbose)


@pytest.mark.usefixtures("_always_a_bar")
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_or_error_removes_the_bar(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(Callback):
        def on_step_end(self, trainer: Any, progress: Progress) -> None:
            if progress.epoch == 2:
                raise error

    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(error):
        fit(callbacks=[Failing()])
    text = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert "epoch 2/2" in text
    assert beginnings(text) == ["epoch 1/2"]
    assert text.split("\r")[-2].strip() == ""  # where the bar was


@pytest.mark.usefixtures("_always_a_bar")
def test_batches_of_unknown_number_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Batches:
        def __iter__(self) -> Any:
            return iter([(X[:40], Y[:40]), (X[40:], Y[40:])])

    monkeypatch.setattr(sys, "stderr", Terminal())
    fit(Batches())
    text = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert re.search(r"epoch 1/2: step 2, loss \d\.\d{4}, .* images/s\s*\r", text)
    # The first epoch tells the number of steps.
    assert re.search(r"epoch 2/2: step 1, loss .*, 1 s left", text)


def test_a_long_run_of_short_epochs_does_not_flood_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fit_progress, "_BETWEEN_LINES", 1000)
    monkeypatch.setattr(sys, "stderr", Terminal())
    fit(epochs=14, batch_size=64)
    expected = [f"epoch {epoch}/14" for epoch in (*range(1, 11), 14)]
    assert beginnings(sys.stderr.getvalue()) == expected  # type: ignore[attr-defined]


def test_a_dumb_terminal_has_lines_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(fit_progress, "_BAR_AFTER", -1)
    monkeypatch.setattr(sys, "stderr", Terminal())
    fit()
    assert "\r" not in sys.stderr.getvalue()  # type: ignore[attr-defined]


def test_progress_counts_the_images_of_an_epoch() -> None:
    seen: list[Progress] = []
    fit(X[:20], Y[:20], batch_size=8, progress=seen.append)
    assert [each.images for each in seen] == [8, 16, 20, 20] * 2
    seen.clear()
    fit([(X[:40], Y[:40]), (X[40:], Y[40:])], progress=seen.append)
    assert [each.images for each in seen] == [40, 64, 64] * 2


def test_a_command_counts_its_steps() -> None:
    stream = io.StringIO()
    progress = TextProgress(stream)
    fit(verbose=False, callbacks=[progress])
    assert progress.steps_done == 16
    assert beginnings(stream.getvalue()) == ["epoch 1/2", "epoch 2/2"]


# Numbers and words --------------------------------------------------------------------------------


def test_speed_and_time_left_follow_the_steps() -> None:
    now = [0.0]
    speed = RunSpeed(lambda: now[0])

    def progress(epoch: int, step: int, steps: int = 4) -> Progress:
        return Progress(epoch, 3, step, steps, 0.5, 0.1, images=10 * step)

    for step in (1, 2, 3, 4):
        now[0] += 2
        speed.step(progress(1, step))
    assert speed.images_per_second == 5
    assert speed.seconds_left(progress(1, 4)) == 2 * 8
    now[0] += 4  # validation
    assert speed.images_per_second == 5
    assert speed.seconds_left(progress(1, 4)) == 3 * 8
    speed.end_epoch(progress(1, 4))
    now[0] += 1
    speed.step(progress(2, 1))
    assert speed.images_per_second == 10
    # Without a number of steps that of the last epoch counts.
    assert speed.seconds_left(progress(2, 1, 0)) == speed.seconds_left(progress(2, 1)) > 0


def test_a_resumed_epoch_counts_its_own_images() -> None:
    now = [0.0]
    speed = RunSpeed(lambda: now[0])
    for step in (9, 10):
        now[0] += 1
        speed.step(Progress(1, 1, step, 10, 0.5, 0.1, images=10 * step))
    assert speed.images_per_second == 10


def test_durations() -> None:
    seconds = (0.2, 59, 59.1, 61, 3599, 3600, 7500)
    expected = ["1 s", "59 s", "1:00 min", "1:01 min", "59:59 min", "1:00 h", "2:05 h"]
    assert [duration(each) for each in seconds] == expected


FIGURES = {"loss": 0.25, "accuracy": 0.5, "seconds": 1.26}
VALIDATED = {**FIGURES, "validation_loss": 0.5, "validation_accuracy": 0.75}


def test_an_epochs_line_leaves_out_what_was_not_measured() -> None:
    nothing = {"validation_loss": math.nan, "validation_accuracy": math.nan}
    assert epoch_line(1, 3, FIGURES | nothing) == "epoch 1/3: loss 0.2500, accuracy 50.00% (1.3 s)"
    assert "validation loss 0.5000, validation accuracy 75.00% (" in epoch_line(1, 3, VALIDATED)
    assert "loss 1.25e-05" in epoch_line(1, 3, {"loss": 1.25e-5, "seconds": 1.0})


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            None,
            "epoch 1/3: loss 0.2500, accuracy 50.00%, validation loss 0.5000, validation accuracy "
            "75.00% (1.3 s, 12,345 images/s, 7 s left)",
        ),
        (
            110,
            "epoch 1/3: loss 0.2500, acc 50.00%, val loss 0.5000, val acc 75.00% (1.3 s, 12,345 "
            "images/s, 7 s left)",
        ),
        (80, "epoch 1/3: loss 0.2500, acc 50.00%, val loss 0.5000, val acc 75.00% (7 s left)"),
        (60, "epoch 1/3: loss 0.2500, 50.00%, val loss 0.5000, 75.00%"),
    ],
)
def test_an_epochs_line_fits_the_terminal(columns: int | None, expected: str) -> None:
    line = epoch_line(1, 3, VALIDATED, images_per_second=12345.4, seconds_left=6.5, columns=columns)
    assert line == expected
    assert columns is None or len(line) < columns


def test_the_lines_of_a_run_have_the_same_words() -> None:
    def words(epoch: int, left: float, columns: int) -> str:
        line = epoch_line(
            epoch, 100, VALIDATED, images_per_second=12345, seconds_left=left, columns=columns
        )
        return re.sub(r" \(9 s left\)|, 9 s left|\d", "", line)

    for columns in range(50, 140):
        first, later, last = (words(*each, columns) for each in ((1, 9), (20, 9), (100, 0)))
        assert first == later == last, columns


# Notebooks ----------------------------------------------------------------------------------------


class Handle:
    """The display of a notebook: what it showed, one after the other."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, value: Any) -> None:
        self.shown.append(value._repr_html_())


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Handle:
    """A process that believes to be the kernel of a notebook."""
    handle = Handle()

    def show(value: Any, display_id: bool) -> Handle:
        assert display_id
        handle.update(value)
        return handle

    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=True))
    monkeypatch.setitem(sys.modules, "IPython", shell)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=show))  # type: ignore[arg-type]
    return handle


def test_a_notebook_has_a_table_of_epochs_and_a_bar(
    display: Handle, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notebook_progress, "_BETWEEN_UPDATES", -1)
    monkeypatch.setattr(notebook_progress, "_REST", -1)
    trainer = fit(validation=0.25)
    assert capfd.readouterr() == ("", "")
    assert len(display.shown) == 1 + 2 * (6 + 1) + 1
    assert '<progress value="3" max="6">' in display.shown[3]
    last = display.shown[-1]
    assert "<progress" not in last
    names = re.findall(r"<th[^>]*>([\w ]+)</th>", last)
    assert names == [
        "epoch",
        "loss",
        "accuracy",
        "validation loss",
        "validation accuracy",
        "time",
    ]
    for loss, accuracy in zip(
        trainer.history.loss, trainer.history.validation_accuracy, strict=True
    ):
        assert f'<td class="number">{loss:.4f}</td>' in last
        assert f"{accuracy:.2%}" in last


def test_a_slow_display_rests(display: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook_progress, "_BETWEEN_UPDATES", -1)
    monkeypatch.setattr(notebook_progress, "_REST", 1e9)
    fit()
    assert len(display.shown) == 3  # at the beginning, at the first step and at the end


def test_a_notebook_keeps_its_epochs_after_an_interrupt(display: Handle) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(progress=interrupt, verbose=True)
    assert "<progress" not in display.shown[-1]
    assert '<td class="number">1</td>' in display.shown[-1]


def test_live_plot_draws_the_curves_in_place_of_the_table(
    display: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook_progress, "_BETWEEN_UPDATES", -1)
    monkeypatch.setattr(notebook_progress, "_REST", -1)
    trainer = cnnx.Trainer(cnnx.models.small((16, 16, 1), 2))
    for before in (0, 2):
        display.shown.clear()
        trainer.fit(X, Y, epochs=2, batch_size=8, callbacks=[LivePlot()])
        assert len(display.shown) == 1 + 2 * (8 + 1) + 1
        assert ("<polyline" in display.shown[0]) == (before > 0)  # of the epochs of earlier fits
        assert '<progress value="3" max="8">' in display.shown[3]
        assert f"{before + 2} epochs" in display.shown[-1]
        assert "<progress" not in display.shown[-1]
        assert "<table" not in display.shown[-1]


def test_live_plot_writes_lines_elsewhere(capfd: pytest.CaptureFixture[str]) -> None:
    fit(callbacks=[LivePlot()])
    out, err = capfd.readouterr()
    assert out == ""
    assert beginnings(err) == ["epoch 1/2", "epoch 2/2"]


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
