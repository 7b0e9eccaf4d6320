"""A small model that uses every kind of setting, and the parts of its file."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

import cnnx


def make_model(seed: int = 0) -> cnnx.Model:
    """A small model with every kind of setting that a file must hold."""
    return cnnx.Model(
        [
            cnnx.Conv2d(4, (3, 2), stride=(2, 1), padding=((1, 0), (2, 1)), name="first.conv"),
            cnnx.LeakyReLU(0.1),
            cnnx.MaxPool2d(2, padding="same"),
            cnnx.Conv2d(6, 3, padding="same", dilation=2, groups=2, bias=False),
            cnnx.Tanh(),
            cnnx.AvgPool2d(2, stride=1, count_include_pad=False, padding=1),
            cnnx.ReLU(),
            cnnx.Flatten(),
            cnnx.Dense(3),
        ],
        input_shape=(9, 8, 2),
        classes=["X", "O", "naïve ☃"],
        preprocessing=cnnx.Preprocessing(resize="fit", mean=(0.1, 0.7), std=0.3),
        seed=seed,
    )


def make_graph_model() -> cnnx.Model:
    """A model with features beyond chains: two inputs, buffers, a frozen layer."""
    stem = cnnx.Conv2d(4, 3, padding="same", name="stem")
    stem.trainable = False
    return cnnx.Model(
        [
            stem,
            cnnx.BatchNorm2d(),
            cnnx.Residual(cnnx.Conv2d(4, 1)),
            cnnx.Dropout(0.25),
            cnnx.Flatten(),
            cnnx.Dense(3),
        ],
        input_shape=(6, 5, 3),
    )


def read_parts(path: Path) -> tuple[dict[str, Any], bytes]:
    """The header as Python values, and the data."""
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def write_parts(path: Path, header: dict[str, Any], data: bytes) -> None:
    """Write the parts without checksums, so that a change meets the other checks of a reader."""
    header.get("__metadata__", {}).pop("cnnx.checksums", None)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def without_checksums(content: bytes) -> bytes:
    """The bytes of a file as versions without checksums write them."""
    (size,) = struct.unpack("<Q", content[:8])
    header = re.sub(rb'"cnnx\.checksums":"(?:[^"\\]|\\.)*",', b"", content[8 : 8 + size])
    text = header.rstrip(b" ")
    padded = text + b" " * (-len(text) % 8)
    return struct.pack("<Q", len(padded)) + padded + content[8 + size :]
