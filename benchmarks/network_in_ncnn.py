"""The benchmarks' networks in ncnn, converted by pnnx from their ONNX graphs; one image only."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ncnn
import numpy as np
import onnx

from benchmarks.network_as_onnx import build, draw_images, logits_check
from benchmarks.network_description import Network, NetworkTask
from benchmarks.networks import network_named


def versions() -> dict[str, str]:
    """The library's version."""
    return {"ncnn": ncnn.__version__}


def _convert(network: Network, folder: Path) -> None:
    """Write `network.ncnn.param` and `network.ncnn.bin` with weights of float32."""
    onnx.save(build(network, batch=1), folder / "network.onnx")
    command = [str(Path(sys.executable).with_name("pnnx")), "network.onnx", "fp16=0"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A run of the network, and its logits."""
    network_name, batch, training, threads, _ = NetworkTask(*task)
    assert (training, batch) == (False, 1), "ncnn infers one image at a time"
    network = network_named(network_name)
    net = ncnn.Net()
    net.opt.num_threads = threads
    # The precision of every library.
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    with tempfile.TemporaryDirectory() as folder:
        _convert(network, Path(folder))
        net.load_param(f"{folder}/network.ncnn.param")
        net.load_model(f"{folder}/network.ncnn.bin")
    pixels = draw_images(network, 1)[0]
    image = ncnn.Mat(pixels).clone()  # the first one refers to `pixels`

    def run() -> Any:
        extractor = net.create_extractor()
        extractor.input("in0", image)
        return np.array(extractor.extract("out0")[1])  # which does not outlive the extractor

    return run, logits_check(run()[None])
