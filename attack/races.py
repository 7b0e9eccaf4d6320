"""Cases in which threads use one model while another changes it."""

from __future__ import annotations

from attack import race_snippets
from attack.case import Case, Draw, lines, paste
from attack.trainings import drawn_training

READS = tuple(race_snippets.READS)


def change(draw: Draw) -> str:
    """Source of a change of `model` and `trainer`."""
    kind = draw.one_of("step", "step", "step", "parameter", "learning_rate", "trainable")
    if kind == "step":
        first = draw.integer(0, 4)
        rows = f"{first}:{first + draw.integer(1, 7)}"
        return f"trainer.step(x[{rows}], y[{rows}])"
    if kind == "parameter":
        return f"scale_parameter(model, {draw.integer(0, 99)}, {draw.one_of(0.5, 1.5)})"
    if kind == "learning_rate":
        return f"setattr(trainer, 'learning_rate', {draw.exponent(-5, -3)})"
    return f"set_trainable(model, {draw.integer(0, 99)}, {draw.chance(0.7)})"


def threads(draw: Draw) -> Case:
    """One thread changes a model; others predict, evaluate, copy and save it."""
    training = drawn_training(draw)
    changes = [change(draw) for _ in range(draw.integer(2, 8))]
    functions = lines((f"lambda model, trainer: {each}," for each in changes), "    ")
    readers = [
        [draw.one_of(*READS) for _ in range(draw.integer(1, 6))] for _ in range(draw.integer(1, 5))
    ]
    title = '"""Threads that use a model while another changes it: each finds a whole state."""'
    setup = paste(
        title,
        training.setup,
        "import copy\nimport pickle\nimport tempfile\nimport threading\nfrom pathlib import Path",
        race_snippets.scale_parameter,
        race_snippets.set_trainable,
        f"CHANGES = [\n{functions}\n]",
        f"READERS = {readers}",
        race_snippets.read,
        race_snippets.states_of,
        race_snippets.read_while,
    )
    check = paste(
        f"cnnx.set_num_threads({draw.integer(1, 4)})",
        "def begun():\n    trainer = make_trainer()\n"
        "    trainer.begin_schedule(epochs=3, steps_per_epoch=2)\n    return trainer",
        f"states = states_of(begun(), CHANGES, {READS}, (x[:3], y[:3]))\n"
        "read_while(begun(), CHANGES, READERS, states, (x[:3], y[:3]))",
    )
    return Case(setup, "", check)
