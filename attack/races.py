"""Cases in which threads use one model while another changes it."""

from __future__ import annotations

from attack import race_snippets
from attack.case import Case, Draw, lines, paste
from attack.trainings import drawn_training

READS = tuple(race_snippets.READS)


def change(draw: Draw) -> tuple[str, list[str]]:
    """Source of a change of `model` and `trainer`, and of its parts that other threads see.

    A step changes the running statistics of batch norms before the parameters.
    """
    kind = draw.one_of("step", "step", "step", "parameter", "learning_rate", "trainable")
    if kind == "step":
        first = draw.integer(0, 4)
        rows = f"{first}:{first + draw.integer(1, 7)}"
        batch = f"x[{rows}], y[{rows}]"
        parts = [f"trainer.compute_gradients({batch})", "trainer.apply_gradients()"]
        return f"trainer.step({batch})", parts
    if kind == "parameter":
        source = f"scale_parameter(model, {draw.integer(0, 99)}, {draw.one_of(0.5, 1.5)})"
    elif kind == "learning_rate":
        source = f"setattr(trainer, 'learning_rate', {draw.exponent(-5, -3)})"
    else:
        source = f"set_trainable(model, {draw.integer(0, 99)}, {draw.chance(0.7)})"
    return source, [source]


def functions(sources: list[str]) -> str:
    """Source of a list of functions of a model and its trainer."""
    return "[\n" + lines((f"lambda model, trainer: {each}," for each in sources), "    ") + "\n]"


def threads(draw: Draw) -> Case:
    """One thread changes a model; others predict, evaluate, copy and save it."""
    training = drawn_training(draw)
    changes = [change(draw) for _ in range(draw.integer(2, 8))]
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
        f"CHANGES = {functions([source for source, _ in changes])}",
        f"PARTS = {functions([part for _, parts in changes for part in parts])}",
        f"READERS = {readers}",
        race_snippets.read,
        race_snippets.states_of,
        race_snippets.read_while,
    )
    check = paste(
        f"cnnx.set_num_threads({draw.integer(1, 4)})",
        "def begun():\n    trainer = make_trainer()\n"
        "    trainer.begin_schedule(epochs=3, steps_per_epoch=2)\n    return trainer",
        f"states = states_of(begun(), PARTS, {READS}, (x[:3], y[:3]))\n"
        "read_while(begun(), CHANGES, READERS, states, (x[:3], y[:3]))",
    )
    return Case(setup, "", check)
