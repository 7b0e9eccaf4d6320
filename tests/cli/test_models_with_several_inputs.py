"""Models with several inputs on the command line, whose images are files of one."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Run
from input_graphs import scene

COMMANDS = {
    "predict": "predict several.cnnx {images}/test/X",
    "evaluate": "evaluate several.cnnx {images}",
    "compare": "compare {model} several.cnnx {images}",
    "calibrate": "calibrate several.cnnx {images} --out out.cnnx",
    "quantize": "quantize several.cnnx {images} --out out.cnnx",
    "report": "report several.cnnx {images}",
    "explain": "explain several.cnnx {images}/test/X",
    "doctor": "doctor several.cnnx {images}",
    "playground": "playground several.cnnx",
    "train --init": "train {images} --init several.cnnx --out out.cnnx",
    "train --from": "train {images} --from several.cnnx --out out.cnnx",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_image_files_are_refused(command: str, run: Run, classes: Path, model: Path) -> None:
    scene(classes=["a", "b", "c"]).save("several.cnnx")
    words = COMMANDS[command].format(images=classes, model=model).split()
    run(*words).refused("several.cnnx: has the inputs image, depth, place, expected a single one")


def test_the_inputs_are_described(run: Run) -> None:
    scene().save("several.cnnx")
    printed = run("info", "several.cnnx").out.splitlines()
    assert [line.split(None, 1)[1] for line in printed if line.startswith("input ")] == [
        "image 8 x 6, 3 channels",
        "depth 4 x 3, 1 channel",
        "place 1 x 1, 5 channels",
    ]


def test_an_onnx_file_is_written(run: Run) -> None:
    scene().save("several.cnnx")
    assert run("export", "several.cnnx", "--out", "several.onnx").status == 0
    assert Path("several.onnx").is_file()
