"""Imported networks in OpenVINO; a library of `imported`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from benchmarks.network_in_openvino import inference, versions

__all__ = ["prepare", "versions"]


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A run of the folder's network, and its outputs with the channels last."""
    folder, network, threads = task
    image = np.load(Path(folder) / f"{network}.npy")
    model = openvino.Core().read_model(Path(folder) / f"{network}.onnx")
    return inference(model, image, threads)
