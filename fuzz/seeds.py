"""Seeds of the fuzzers: small valid files of every kind, and a dictionary of their words."""

from __future__ import annotations

import functools
import gzip
import json
import struct
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cnnx
import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
import layer_kinds
import quantized_networks
import weight_files

# Words of a model file's texts except those of its layers, for libFuzzer's dictionary.
WORDS = (
    "averages beta1_product classes cnnx.checksums cnnx.classes cnnx.format cnnx.graph cnnx.notes "
    "cnnx.preprocessing cnnx.temperature cnnx.trainer crop data_offsets dtype epochs fit "
    "gradients_computed input input_shape inputs kind mean name nodes optimizer_step output "
    "outputs preprocessing probabilities resize same schedule shape shards slots std step stretch "
    "trainable true valid F32 F64 I64 I8 U8 1048576 16777216 1099511627776 4611686018427387904 "
    "9223372036854775807 -1"
)


def layer_words() -> set[str]:
    """Names of all kinds of layers, and of their settings and arrays."""
    words = set()
    for kind in layer_kinds.KINDS.values():
        arrays = [name for name, _ in (*kind["parameters"], *kind["buffers"])]
        settings = [(setting["name"], *setting["choices"]) for setting in kind["settings"]]
        words.update([kind["name"], *arrays, *(word for each in settings for word in each)])
    return words


def models() -> dict[str, cnnx.Model]:
    """Small models: each kind of layer with its defaults and with other settings, a few typical
    networks, and a model with classes.
    """
    before = cnnx.Conv2d(4, (3, 2), padding=((1, 1), (0, 1)), name="first.conv")
    made = {
        f"{kind}{'_changed' if changed else ''}": layer_kinds.model(kind, before, changed=changed)
        for kind in layer_kinds.KINDS
        for changed in (False, True)
    }
    image = cnnx.Input((6, 5, 3))
    maps = cnnx.ReLU()(cnnx.BatchNorm2d()(cnnx.Conv2d(4, 3, padding="same")(image)))
    gates = cnnx.Sigmoid()(cnnx.Conv2d(4, 1)(cnnx.AvgPool2d((6, 5))(maps)))
    branches = cnnx.Parallel([cnnx.Conv2d(4, 1), cnnx.Upsample2d(1)])
    sums = cnnx.Residual(cnnx.Conv2d(8, 1))(branches(cnnx.Multiply()(maps, gates)))
    made["graph"] = cnnx.Model.from_graph(image, cnnx.Dense(3)(cnnx.Flatten()(sums)))
    made["classes"] = cnnx.Model(
        [cnnx.Flatten(), cnnx.Dense(3)],
        input_shape=(2, 2, 1),
        classes=["X", "O", "naïve ☃"],
        preprocessing=cnnx.Preprocessing(resize="fit", mean=0.1, std=0.3),
    )
    made["classes"].temperature = 1.5
    made |= {f"quantized_{name}": make() for name, make in quantized_networks.NETWORKS.items()}
    return made


def write_models(folder: Path) -> None:
    """File of every model."""
    for name, model in models().items():
        model.save(folder / name)


def write_onnx(folder: Path) -> None:
    """ONNX file of every model."""
    for name, model in models().items():
        cnnx.onnx.save(model, folder / name, opset=21)


# Settings of a trainer: two slots, one slot with every option of a trainer, and shards.
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
    "shards": {"shards": 3},
}


@functools.cache
def checkpoint(trainer: str) -> bytes:
    """Checkpoint of a trainer after one epoch."""
    x, y = cnnx.data.xo(8, size=16, seed=0)
    layers = [cnnx.Conv2d(2, 3), cnnx.BatchNorm2d(), cnnx.GlobalAvgPool2d(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=(16, 16, 1))
    changes = cnnx.data.Augmentation(flip="random", crop_padding=1)
    weights = np.arange(8) if trainer == "sgd" else None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.ckpt"
        cnnx.Trainer(model, **TRAINERS[trainer]).fit(
            *(x, y),
            sample_weight=weights,
            epochs=2,
            batch_size=4,
            augmentation=changes,
            checkpoint=path,
        )
        return path.read_bytes()


def write_checkpoints(folder: Path) -> None:
    """Checkpoints of every trainer."""
    for name in TRAINERS:
        (folder / name).write_bytes(checkpoint(name))


def with_metadata(file: bytes, text: str) -> bytes:
    """Checkpoint with another text as its metadata, without checksums."""
    (length,) = struct.unpack("<Q", file[:8])
    header = json.loads(file[8 : 8 + length])
    header["__metadata__"].pop("cnnx.checksums")
    header["__metadata__"]["cnnx.notes"] = text
    changed = json.dumps(header).encode()
    return struct.pack("<Q", len(changed)) + changed + file[8 + length :]


def write_metadata(folder: Path) -> None:
    """Metadata of a checkpoint with many settings."""
    file = checkpoint("sgd")
    (length,) = struct.unpack("<Q", file[:8])
    text = json.loads(file[8 : 8 + length])["__metadata__"]["cnnx.notes"]
    (folder / "sgd").write_text(text, encoding="utf-8")


def write_texts(folder: Path) -> None:
    """JSON texts with every kind of value."""
    texts = {
        "values": r'{"a":[1,-2,true,false,null,"\u00e9\ud83d\ude00\n\"\\"],"b":{"c":[]},"":{}}',
        "numbers": "[0,-0,9223372036854775807,-9223372036854775808,12]",
        "nested": "[" * 32 + "]" * 32,
        "real": '{"a": 1.5e3 }',
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def write_noise(folder: Path) -> None:
    """Unstructured bytes, for targets that derive numbers from them."""
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
    """Record after the length of the class names and the names, as the target splits them."""
    record = bytes([3]) + bytes(3072)
    names = b"airplane automobile bird cat deer dog frog horse ship truck\n"
    for number, (text, records) in enumerate(((names, record), (b"", 2 * record), (b"a b", b""))):
        (folder / str(number)).write_bytes(struct.pack("<H", len(text)) + text + records)


def weight_model() -> cnnx.Model:
    """A model with a convolution, a batch norm and a dense layer after a flatten."""
    layers = [cnnx.Conv2d(3, 1), cnnx.BatchNorm2d(), cnnx.Flatten(), cnnx.Dense(2, bias=False)]
    return cnnx.Model(layers, input_shape=(2, 2, 4))


def weight_arrays() -> dict[str, Any]:
    """Arrays of the same network in PyTorch."""
    names = ("weight", "bias", "running_mean", "running_var")
    arrays = {f"bn.{name}": np.ones(3, np.float32) for name in names}
    arrays |= {"conv.weight": np.ones((3, 4, 1, 1), np.float32), "conv.bias": arrays["bn.bias"]}
    return {**arrays, "fc.weight": np.ones((2, 12), np.float32)}


def write_weights(folder: Path) -> None:
    """Files of weights of every form, and with other types of numbers."""
    arrays = weight_arrays()
    program = weight_files.state_dict(arrays)
    files = {
        "safetensors": weight_files.safetensors(arrays),
        "half": weight_files.safetensors({k: each.astype("<f2") for k, each in arrays.items()}),
        "archive": weight_files.pth(arrays),
        "nested": weight_files.archive(
            weight_files.under("state_dict", program), weight_files.storages(arrays)
        ),
        "older": weight_files.older_file(program, arrays),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)


def write_pickles(folder: Path) -> None:
    """Instructions of pickles: a state dict, by itself and in a checkpoint, and names."""
    program = weight_files.state_dict(weight_arrays())
    (folder / "state_dict").write_bytes(program)
    (folder / "nested").write_bytes(weight_files.under("model", program))
    parameter = b"ctorch._utils\n_rebuild_parameter\n" + weight_files.tensor("0", np.ones(3, "<f4"))
    (folder / "parameter").write_bytes(parameter + b"\x88" + weight_files.ORDERED_DICT + b"\x87R")
    (folder / "code").write_bytes(b"cos\nsystem\n" + weight_files.text("exit") + b"\x85R")


WRITERS: dict[str, Callable[[Path], None]] = {
    "model_file": write_models,
    "checkpoint": write_checkpoints,
    "graph": write_noise,
    "json": write_texts,
    "image": write_noise,
    "idx": write_idx,
    "cifar10": write_cifar10,
    "metadata": write_metadata,
    "weights": write_weights,
    "pickle": write_pickles,
    **({"onnx": write_onnx} if find_spec("onnx") else {}),
}


def write_seeds(target: str, folder: Path) -> None:
    """Create `folder` and write the seeds of a target to it."""
    folder.mkdir(parents=True, exist_ok=True)
    WRITERS[target](folder)


def write_dictionary(path: Path) -> None:
    """Dictionary in libFuzzer's form."""
    words = sorted({*WORDS.split(), *layer_words()})
    path.write_text("".join(f'"{word}"\n' for word in words), encoding="ascii")
