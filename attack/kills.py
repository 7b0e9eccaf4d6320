"""Cases that kill a training or a save at random moments and resume it."""

from __future__ import annotations

import killed_saves
from checkpoint_runs import contents
from model_file_parts import read_parts

from attack import SUPPORT
from attack.case import HEADER, Case, Draw, lines, paste
from attack.trainings import drawn_training

RUN = '''
import json
import os
import signal
import struct
import subprocess
import tempfile
import time
from pathlib import Path


def run(path):
    """Train, or resume the checkpoint; print a line for every step."""
    validation = {validation}

    def tell(progress):
        print(progress.step, flush=True)

    if path.exists():
        trainer = cnnx.Trainer.resume(path)
        trainer.fit(x, y, sample_weight=w, validation=validation, progress=tell)
    else:
        make_trainer().fit(
            x, y, sample_weight=w, epochs={epochs}, validation=validation, {fit},
            checkpoint=path, checkpoint_every={every}, progress=tell,
        )


def started(path, threads):
    """A process that runs the training."""
    environment = {{**os.environ, "CNNX_NUM_THREADS": str(threads)}}
    command = [sys.executable, __file__, "run", str(path)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
'''
CHECK = """
if sys.argv[1:2] == ["run"]:
    try:
        run(Path(sys.argv[2]))
    except FloatingPointError:
        sys.exit(3)
    sys.exit()
with tempfile.TemporaryDirectory() as folder:
    whole, killed = Path(folder, "whole.ckpt"), Path(folder, "killed.ckpt")
    with started(whole, 1) as process:
        process.communicate()
    expected = process.returncode
    assert expected in (0, 3), f"the run ended by {{expected}}"
    for steps, seconds, threads in {kills}:
        with started(killed, threads) as process:
            for _ in range(steps):
                process.stdout.readline()
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
        left = [path.name for path in Path(folder).iterdir() if path.suffix != ".ckpt"]
        assert all(name.startswith(".cnnx-") for name in left), left
    with started(killed, 2) as process:
        process.communicate()
    assert process.returncode == expected, f"the resumed run ended by {{process.returncode}}"
    if expected == 0:
        assert contents(killed) == contents(whole), "the resumed run ends with other bits"
"""


def kills(draw: Draw) -> Case:
    """A training or a save that is killed."""
    if draw.chance(0.15):
        return killed_save(draw)
    training = drawn_training(draw)
    fit = training._asdict()
    fit.pop("setup")
    moments = [
        (draw.integer(0, 12), round(float(draw.rng.uniform(0, 0.02)), 4), draw.integer(1, 3))
        for _ in range(draw.integer(1, 4))
    ]
    every = draw.one_of(None, 1, draw.integer(2, 7))
    title = '"""A training that is killed at random moments and resumed."""'
    return Case(
        paste(
            title,
            training.setup,
            RUN.format(**fit, every=every),
            'SECONDS = "cnnx.trainer.notes.history.seconds"',
            read_parts,
            contents,
        ),
        "",
        CHECK.format(kills=moments),
    )


def killed_save(draw: Draw) -> Case:
    """Processes that are killed while they save a model or a checkpoint."""
    kind = draw.one_of(*killed_saves.KINDS)
    check = lines(
        (
            "import os, subprocess, tempfile",
            "one = {'CNNX_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1'}",
            "with tempfile.TemporaryDirectory() as folder:",
            f"    program = [sys.executable, {str(SUPPORT / 'killed_saves.py')!r}, {kind!r}]",
            f"    program += [folder, '{draw.integer(3, 9)}']",
            "    finished = subprocess.run(program, env={**os.environ, **one}, text=True,",
            "        capture_output=True)",
            "assert finished.returncode == 0, finished.stderr[-1000:]",
        )
    )
    title = '"""Processes that are killed while they save: the file is the old or the new one."""'
    return Case(paste(title, HEADER), "", check)
