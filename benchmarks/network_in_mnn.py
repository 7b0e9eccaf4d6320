"""The benchmarks' networks in MNN, converted from their ONNX graphs; one image only."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import MNN
import numpy as np
import onnx

from benchmarks.network_as_onnx import build, draw_images, logits_check
from benchmarks.network_description import Network, NetworkTask
from benchmarks.networks import network_named


def versions() -> dict[str, str]:
    """The library's version."""
    return {"mnn": MNN.version()}


def _convert(network: Network, folder: Path) -> Path:
    onnx.save(build(network, batch=1), folder / "network.onnx")
    files = ("--modelFile", "network.onnx", "--MNNModel", "network.mnn")
    # Without the wrapper `mnnconvert`, which reports its use and installs packages.
    arguments = ["mnnconvert", "-f", "ONNX", *files, "--bizCode", "MNN"]
    command = [sys.executable, "-c", f"import MNN, _tools; _tools.mnnconvert({arguments})"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder / "network.mnn"


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A run of the network, and its logits."""
    network_name, batch, training, threads, _ = NetworkTask(*task)
    assert (training, batch) == (False, 1), "MNN is measured with one image"
    network = network_named(network_name)
    with tempfile.TemporaryDirectory() as folder:
        interpreter = MNN.Interpreter(str(_convert(network, Path(folder))))
    settings = {"backend": "CPU", "numThread": threads, "precision": "high"}
    session = interpreter.createSession(settings)
    image = draw_images(network, 1)
    tensor = MNN.Tensor(image.shape, MNN.Halide_Type_Float, image, MNN.Tensor_DimensionType_Caffe)
    entry, last = (
        interpreter.getSessionInput(session),
        interpreter.getSessionOutput(session),
    )
    shape = last.getShape()
    result = MNN.Tensor(
        shape,
        MNN.Halide_Type_Float,
        np.empty(shape, np.float32),
        MNN.Tensor_DimensionType_Caffe,
    )

    def run() -> Any:
        entry.copyFrom(tensor)
        interpreter.runSession(session)
        last.copyToHostTensor(result)
        return result

    return run, logits_check(np.array(run().getData(), np.float32).reshape(shape))
