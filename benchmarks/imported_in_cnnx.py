"""Imported networks in cnnx; a library of `imported`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cnnx
import numpy as np

from benchmarks.network_in_cnnx import versions

__all__ = ["prepare", "versions"]


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A run of the folder's network, and its outputs with the channels last."""
    folder, network, threads = task
    cnnx.set_num_threads(threads)
    model = cnnx.onnx.load(Path(folder) / f"{network}.onnx")
    image = np.ascontiguousarray(np.moveaxis(np.load(Path(folder) / f"{network}.npy"), 1, -1))
    return lambda: model(image), {"logits": model(image).ravel().tolist()}
