"""Makes what the fuzzers begin with: small valid files of every kind, and the words in them."""

from __future__ import annotations

import functools
import gzip
import json
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cnnx
import numpy as np

# What a model file's texts are made of, for libFuzzer's dictionary.
WORDS = (
    "adaptive_avg_pool2d add affine avg_pool2d averages batch_norm2d beta1_product bias classes "
    "cnnx.classes cnnx.format cnnx.graph cnnx.notes cnnx.preprocessing cnnx.trainer concat conv2d "
    "conv_transpose2d count_include_pad crop data_offsets dense dilation dropout dtype epochs "
    "epsilon fit flatten gelu global_avg_pool2d gradients_computed group_norm groups hard_swish "
    "input input_shape inputs kernel_size kind layer_norm leaky_relu max_pool2d mean momentum "
    "multiply name negative_slope nodes optimizer_step out_channels out_features output "
    "output_padding outputs padding preprocessing prelu probabilities rate relu relu6 resize "
    "running_mean running_variance same scale_factor schedule shape sigmoid silu slots softmax std "
    "step stretch stride tanh trainable true upsample2d valid weight zero_pad2d F32 F64 I64 U8 "
    "1048576 16777216 1099511627776 4611686018427387904 9223372036854775807 -1"
)


def models() -> dict[str, cnnx.Model]:
    """Small models that between them have every kind of layer and of setting."""
    image = cnnx.Input((6, 5, 3))
    maps = cnnx.Conv2d(4, 3, padding="same", groups=1)(image)
    gates = cnnx.Sigmoid()(cnnx.Conv2d(4, 1)(cnnx.AvgPool2d((6, 5))(maps)))
    chains: dict[str, list[cnnx.Layer]] = {
        "convolutions": [
            cnnx.Conv2d(4, (3, 2), stride=(2, 1), padding=((1, 0), (2, 1)), name="first.conv"),
            cnnx.LeakyReLU(0.1),
            cnnx.MaxPool2d(2, padding="same"),
            cnnx.Conv2d(6, 3, padding="same", dilation=2, groups=2, bias=False),
            cnnx.Tanh(),
            cnnx.AvgPool2d(2, stride=1, count_include_pad=False, padding=1),
            cnnx.Flatten(),
            cnnx.Dense(3),
        ],
        "norms": [
            cnnx.Conv2d(4, 3),
            cnnx.BatchNorm2d(),
            cnnx.ReLU(),
            cnnx.GroupNorm(2),
            cnnx.GELU(),
            cnnx.LayerNorm(),
            cnnx.SiLU(),
            cnnx.PReLU(),
            cnnx.Dropout(0.25),
            cnnx.GlobalAvgPool2d(),
            cnnx.Dense(2),
            cnnx.Softmax(),
        ],
        "maps": [
            cnnx.ZeroPad2d(1),
            cnnx.ConvTranspose2d(2, 2, stride=2),
            cnnx.HardSwish(),
            cnnx.Upsample2d(2, mode="bilinear"),
            cnnx.ReLU6(),
            cnnx.AdaptiveAvgPool2d((2, 3)),
            cnnx.Residual(cnnx.Conv2d(2, 1)),
            cnnx.Parallel([cnnx.Conv2d(1, 1), cnnx.Upsample2d(1)]),
        ],
    }
    made = {name: cnnx.Model(layers, input_shape=(6, 5, 2)) for name, layers in chains.items()}
    made["gates"] = cnnx.Model.from_graph(image, cnnx.Multiply()(maps, gates))
    made["classes"] = cnnx.Model(
        [cnnx.Flatten(), cnnx.Dense(3)],
        input_shape=(2, 2, 1),
        classes=["X", "O", "naïve ☃"],
        preprocessing=cnnx.Preprocessing(resize="fit", mean=0.1, std=0.3),
    )
    return made


def write_models(folder: Path) -> None:
    """Every model as its file."""
    for name, model in models().items():
        model.save(folder / name)


# Settings of a trainer: two slots, and one slot with all that a trainer can be told.
TRAINERS: dict[str, dict[str, Any]] = {
    "adam": {"optimizer": cnnx.Adam(0.01)},
    "sgd": {
        "optimizer": cnnx.SGD(0.01, momentum=0.9),
        "loss": cnnx.CrossEntropy(label_smoothing=0.1, class_weights=(1.0, 2.0)),
        "rules": [cnnx.ParameterRule("*.bias", weight_decay_factor=0)],
        "clip_norm": 0.5,
        "averaging": cnnx.WeightAverage(0.9),
        "schedule": cnnx.Warmup(1, cnnx.CosineDecay()),
    },
}


@functools.cache
def checkpoint(trainer: str) -> bytes:
    """The file of a trainer that has trained for an epoch."""
    x, y = cnnx.data.xo(8, size=16, seed=0)
    layers = [cnnx.Conv2d(2, 3), cnnx.BatchNorm2d(), cnnx.GlobalAvgPool2d(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=(16, 16, 1))
    changes = cnnx.data.Augmentation(flip="random", crop_padding=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.ckpt"
        cnnx.Trainer(model, **TRAINERS[trainer]).fit(
            x, y, epochs=2, batch_size=4, augmentation=changes, checkpoint=path
        )
        return path.read_bytes()


def write_checkpoints(folder: Path) -> None:
    """Of every trainer."""
    for name in TRAINERS:
        (folder / name).write_bytes(checkpoint(name))


def with_metadata(file: bytes, text: str) -> bytes:
    """A checkpoint with another text as its metadata."""
    (length,) = struct.unpack("<Q", file[:8])
    header = json.loads(file[8 : 8 + length])
    header["__metadata__"]["cnnx.notes"] = text
    changed = json.dumps(header).encode()
    return struct.pack("<Q", len(changed)) + changed + file[8 + length :]


def write_metadata(folder: Path) -> None:
    """Those of a checkpoint that has much to note."""
    file = checkpoint("sgd")
    (length,) = struct.unpack("<Q", file[:8])
    text = json.loads(file[8 : 8 + length])["__metadata__"]["cnnx.notes"]
    (folder / "sgd").write_text(text, encoding="utf-8")


def write_texts(folder: Path) -> None:
    """JSON of every kind of value."""
    texts = {
        "values": r'{"a":[1,-2,true,false,null,"\u00e9\ud83d\ude00\n\"\\"],"b":{"c":[]},"":{}}',
        "numbers": "[0,-0,9223372036854775807,-9223372036854775808,12]",
        "nested": "[" * 32 + "]" * 32,
        "real": '{"a": 1.5e3 }',
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def write_noise(folder: Path) -> None:
    """Bytes without a form, for targets that draw their numbers from them."""
    random = np.random.default_rng(0)
    for number in range(8):
        (folder / str(number)).write_bytes(random.bytes(64 << number % 4))


def write_idx(folder: Path) -> None:
    """IDX files of every dtype, with values and without any, plain and compressed."""
    files = {}
    for code, dtype in ((8, ">u1"), (9, ">i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")):
        for shape in ((5,), (2, 3, 4), (0, 2, 3, 4, 5)):
            array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
            header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *shape)
            files[f"{code}-{array.ndim}"] = header + array.tobytes()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "compressed").write_bytes(gzip.compress(files["8-3"], mtime=0))


def write_cifar10(folder: Path) -> None:
    """Records behind the length of the class names and the names, as the target splits them."""
    record = bytes([3]) + bytes(3072)
    names = b"airplane automobile bird cat deer dog frog horse ship truck\n"
    for number, (text, records) in enumerate(((names, record), (b"", 2 * record), (b"a b", b""))):
        (folder / str(number)).write_bytes(struct.pack("<H", len(text)) + text + records)


WRITERS: dict[str, Callable[[Path], None]] = {
    "model_file": write_models,
    "checkpoint": write_checkpoints,
    "graph": write_noise,
    "json": write_texts,
    "image": write_noise,
    "idx": write_idx,
    "cifar10": write_cifar10,
    "metadata": write_metadata,
}


def write_seeds(target: str, folder: Path) -> None:
    """Fills `folder`, which is made, with a target's seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    WRITERS[target](folder)


def write_dictionary(path: Path) -> None:
    """The words in libFuzzer's form."""
    path.write_text("".join(f'"{word}"\n' for word in WORDS.split()), encoding="ascii")
