"""Imported networks in ONNX Runtime; a library of `imported`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from benchmarks.network_in_onnxruntime import inference, versions

__all__ = ["prepare", "versions"]


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A run of the folder's network, and its outputs with the channels last."""
    folder, network, threads = task
    image = np.load(Path(folder) / f"{network}.npy")
    return inference(onnx.load(Path(folder) / f"{network}.onnx"), image, threads)
