"""Length of a run: another number of epochs, and the sentences about its end."""

from __future__ import annotations

from cnnx.arguments import at_least
from cnnx.training.run_state import Run
from cnnx.training.schedules import Schedule, spanning_shape


def change_length(run: Run, epochs: int, schedule: Schedule | None, path: str) -> None:
    """Give a run another total number of epochs.

    Args:
        run: unfinished or finished run.
        epochs: new number; a run that was stopped before its last epoch resumes with another one.
        schedule: schedule of the trainer.
        path: checkpoint of the run, for the message.

    Raises:
        ValueError: if the run has begun more epochs, or if the learning rates of its steps depend
            on its length.
    """
    total, begun = _total(run), run.epoch - (run.position[0] == 0)
    at_least(0, epochs, "Trainer.resume", "epochs")
    if epochs == total:
        return
    if epochs < begun:
        raise ValueError(
            f"Trainer.resume: epochs is {epochs}, expected at least {begun}, the number of epochs "
            "that the run has begun"
        )
    shape = spanning_shape(schedule)
    if shape is not None and run.has_begun:
        advice = f"to finish it: cnnx.Trainer.resume({path!r}).fit(x, y)"
        if run.is_over:
            advice = (
                "to train on with a schedule that starts again: "
                f"cnnx.Trainer.resume({path!r}).fit(x, y, epochs={max(1, epochs - total)})"
            )
        raise ValueError(
            f"Trainer.resume: epochs is {epochs}, expected {total}, over which "
            f"{type(shape).__name__} changes the learning rate; {advice}"
        )
    run.settings["epochs"] = int(epochs)
    run.stopped = False


def finished_sentence(run: Run, schedule: Schedule | None, path: str | None) -> str:
    """Sentence of a warning that a run has ended, so that `fit` without epochs trains nothing."""
    done = run.epoch - 1
    outcome = f"has finished after {_epochs(done)}"
    if run.stopped:
        outcome = f"was stopped after {done} of {_epochs(_total(run))}"
    place, line = "", f"fit(x, y, epochs={max(1, done)})"
    if path is not None:
        place = f" in {path!r}"
        if spanning_shape(schedule) is None:
            line = f"cnnx.Trainer.resume({path!r}, epochs={max(1, 2 * _total(run))}).fit(x, y)"
    return f"fit: the run{place} {outcome}, so nothing is trained; to train longer: {line}"


def abandoned_sentence(run: Run, new: Run, path: str) -> str:
    """Sentence of a warning that a `new` run leaves that of a checkpoint unfinished."""
    return (
        f"fit: epochs is {_total(new)}, which begins a new run and leaves that of {path!r} "
        f"unfinished in epoch {run.epoch} of {_total(run)}; to resume it: fit(x, y)"
    )


def interrupted_sentence(run: Run, path: str | None) -> str:
    """Sentence of a KeyboardInterrupt: the position of the run and the way to resume it."""
    step = run.position[0]
    if run.is_over:
        place = "after the last step"
    elif step > 0:
        place = f"after step {step} of epoch {run.epoch} of {_total(run)}"
    elif run.epoch > 1:
        place = f"after epoch {run.epoch - 1} of {_total(run)}"
    else:
        place = "before the first step"
    saved = "" if path is None else f" and saved in {path!r}"
    if run.is_over:
        return f"fit: interrupted {place}{saved}"
    if path is None:
        return f"fit: interrupted {place}; to resume in this process: fit(x, y)"
    return f"fit: interrupted {place}{saved}; to resume: cnnx.Trainer.resume({path!r}).fit(x, y)"


def _total(run: Run) -> int:
    return int(run.settings["epochs"])


def _epochs(count: int) -> str:
    return f"{count} epoch{'' if count == 1 else 's'}"
