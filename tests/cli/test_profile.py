"""`cnnx train --profile`: its table adds up, and its rows are the network's layers."""

from __future__ import annotations

import re
from pathlib import Path

import cnnx
from cnnx.cli.profile_table import profile_table
from cnnx.training.profile import LayerTime, Profile
from command_line import Run


def test_the_table_adds_up() -> None:
    layers = (LayerTime(("a", "b"), 3.0, 1.0), LayerTime(("c",), 0.0, 2.0))
    lines = profile_table(Profile(4, 8.0, layers, 0.5, 0.5), 10.0).splitlines()
    assert lines[1].split() == ["a", "+", "b", "750,000", "250,000", "50.0%"]
    assert lines[2].split() == ["c", "0", "500,000", "25.0%"]
    assert lines[3].split() == ["loss", "and", "its", "gradient", "125,000", "6.2%"]
    assert lines[4].split() == ["update", "125,000", "6.2%"]
    assert lines[5].endswith(
        "4 steps of 2,000,000 in 10.00 s: 20.0% of the time outside the train step"
    )


def test_no_step_no_table() -> None:
    assert profile_table(Profile(0, 0.0, (), 0.0, 0.0), 1.0) == "profile: there were no steps"


def test_train_prints_the_layers(run: Run, idx: Path) -> None:
    sums = []
    for attempt in range(10):  # other processes take time between two layers, which has no row
        outcome = run("train", idx, "--epochs", 3, "--profile", "--out", f"{attempt}.cnnx")
        assert outcome.status == 0
        row = r"conv2d_1 \+ relu_1 \+ max_pool2d_1 +[\d,]+ +[\d,]+ +\d+\.\d%\n"
        assert re.search(row, outcome.out)
        percentages = [float(value) for value in re.findall(r" (\d+\.\d)%\n", outcome.out)]
        assert len(percentages) == 6  # four rows of layers, the loss and the update
        assert sum(percentages) <= 101
        assert "% of the time outside the train step" in outcome.out
        sums.append(sum(percentages))
        if sums[-1] > 85:
            break
    assert max(sums) > 85


def test_a_profile_restarts() -> None:
    x, y = cnnx.data.xo(16, seed=1)
    trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
    assert trainer.profile() == Profile(0, 0.0, (), 0.0, 0.0)
    for _ in range(2):
        trainer.start_profile()
        trainer.step(x, y)
        profile = trainer.profile()
        assert profile.steps == 1
        parts = sum(time.forward + time.backward for time in profile.layers)
        assert 0 < parts + profile.loss + profile.update <= profile.seconds
        assert [name for time in profile.layers for name in time.layers][:2] == [
            "conv2d_1",
            "relu_1",
        ]
