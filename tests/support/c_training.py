"""A network and its training through the C interface, beside the same in Python."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
from c_functions import FLOAT32, STRUCTS, UINT8, CApi

NETWORK = """
# A comment, and empty lines, are passed over.
conv2d out_channels=8 kernel_size=3,5 padding=same name=stem
  batch_norm2d momentum=0.2
relu
max_pool2d kernel_size=2
conv2d out_channels=8 kernel_size=1 bias=false padding=0 inputs=max_pool2d_1
add inputs=conv2d_1,max_pool2d_1
leaky_relu negative_slope=0.125
dropout rate=0.25
flatten
dense out_features=2
"""
X, Y = cnnx.data.xo(300, seed=1)


def network() -> cnnx.Model:
    """The same trainer in Python."""
    image = cnnx.Input((32, 32, 1))
    stem = cnnx.Conv2d(8, (3, 5), padding="same", name="stem")(image)
    pooled = cnnx.MaxPool2d(2)(cnnx.ReLU()(cnnx.BatchNorm2d(momentum=0.2)(stem)))
    total = cnnx.Add()(cnnx.Conv2d(8, 1, bias=False)(pooled), pooled)
    dropped = cnnx.Dropout(0.25)(cnnx.LeakyReLU(0.125)(total))
    outputs = cnnx.Dense(2)(cnnx.Flatten()(dropped))
    how = cnnx.Preprocessing("fit", mean=0.5, std=0.25)
    return cnnx.Model.from_graph(image, outputs, classes=["X", "O"], preprocessing=how, seed=3)


def names(*classes: str) -> Any:
    return (ctypes.c_char_p * len(classes))(*[name.encode() for name in classes])


class Training:
    """A model built in C, with the steps that every test needs."""

    def __init__(self, c: CApi, folder: Path) -> None:
        self.c, self.folder = c, folder
        self.handles: list[tuple[str, ctypes.c_void_p]] = []

    def keep(self, kind: str, handle: ctypes.c_void_p) -> ctypes.c_void_p:
        self.handles.append((kind, handle))
        return handle

    def model(self, layers: str = NETWORK, options: str | None = None) -> ctypes.c_void_p:
        options = options or "resize=fit mean=0.5 std=0.25 seed=3"
        classes = names("X", "O")
        made = self.c.made(self.c.model_create, layers, 32, 32, 1, classes, 2, options)
        return self.keep("model", made)

    def trainer(self, model: ctypes.c_void_p, *texts: str | None) -> ctypes.c_void_p:
        return self.keep("trainer", self.c.made(self.c.trainer_create, model, *texts))

    def epoch(self, trainer: ctypes.c_void_p, options: str | None) -> ctypes.c_void_p:
        made = self.c.made(self.c.trainer_begin_epoch, trainer, samples(), options)
        return self.keep("epoch", made)

    def advance(self, epoch: ctypes.c_void_p, most: int = 1000) -> int:
        """The number of steps."""
        advanced = ctypes.c_int32()
        for step in range(most):
            self.c.ok(self.c.epoch_advance(epoch, ctypes.byref(advanced)))
            if not advanced.value:
                return step
        return most

    def destroy(self) -> None:
        """Destroy the models first: trainers outlive their models, and epochs outlive trainers."""
        for kind, handle in self.handles:
            getattr(self.c, f"{kind}_destroy")(handle)

    def arrays(self, model: ctypes.c_void_p) -> dict[str, bytes]:
        """Every parameter and buffer of a model, read from its file by Python."""
        self.c.ok(self.c.model_save(model, self.folder / "saved.cnnx"))
        return arrays(cnnx.load(self.folder / "saved.cnnx"))


def arrays(model: cnnx.Model) -> dict[str, bytes]:
    return {
        name: values.tobytes()
        for each in (model.parameters, model.buffers)
        for name, values in each.items()
    }


def samples(
    x: np.ndarray[Any, Any] = X, y: np.ndarray[Any, Any] = Y, rows: list[int] | None = None
) -> Any:
    pixel_type = FLOAT32 if x.dtype == np.float32 else UINT8
    view = STRUCTS["cnnx_samples"](pixels=x.ctypes.data, count=len(x), type=pixel_type)
    if y.dtype == np.int64:
        view.labels = y.ctypes.data
    else:
        view.values = y.ctypes.data
    if rows is not None:
        chosen = np.array(rows, np.int64)
        view.rows, view.row_count = chosen.ctypes.data, len(rows)
        view.chosen = chosen
    view.keep_alive = (x, y)
    return ctypes.byref(view)
