"""Fuzz the readers written in Python, guided by line coverage.

    python -m fuzz.readers TARGET CORPUS... [--seconds 60] [--findings FOLDER] [--seed N]

New inputs are saved in the first folder; a file instead of a folder is run alone. The output at the
end is that of a libFuzzer target, which `python -m fuzz` reads. The exit code is 1 after a finding:
an exception other than FormatError, or more than a gibibyte of memory.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import resource
import struct
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import cnnx
import numpy as np
from cnnx import data
from cnnx.data import arrays, cifar10, idx
from cnnx.onnx import folding, importer, patterns, reader, tensors
from cnnx.onnx.operators import OPERATORS
from cnnx.training import checkpoint, checkpoint_metadata, config, run_state
from cnnx.weights import loading, pytorch, safetensors, unpickler, weight_file

from fuzz.seeds import checkpoint as checkpoint_file
from fuzz.seeds import weight_arrays, weight_files, weight_model, with_metadata

MOST_BYTES = 16384
MOST_PIXELS = 1 << 20
MOST_MEMORY = 1 << 30  # in addition to the memory of the process at the start
READERS = (
    *(arrays, cifar10, idx, checkpoint, checkpoint_metadata, run_state, config),
    *(loading, pytorch, safetensors, unpickler, weight_file),
)
ONNX_READERS = (reader, tensors, folding, importer, patterns)
FILES = {module.__file__ for module in (*READERS, *ONNX_READERS)}
FILES |= {operator.__code__.co_filename for operator in OPERATORS.values()}
# Wrong lengths and counts.
NUMBERS = (0, 1, 2, 255, 256, 3073, 65535, 1 << 24, 1 << 31, (1 << 32) - 1)
# Wrong values in metadata.
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63), 10**400, 0.5, 1e308, float("inf")),
    *(float("nan"), "", "x", "validation_loss", [], [1], [[1]], ["x"], {}, {"x": 1}),
    *({"@real": "recipe.optimizer.learning_rate"}, {"@real": "history.loss"}, {"@real": "x"}),
    *({"@reals": "history.loss"}, {"@reals": "recipe.optimizer.learning_rate"}),
    *({"@array": "history.loss"}, {"@real": []}, {"@recipe": "SGD", "settings": {}}),
    *({"@recipe": "CrossEntropy", "settings": {"class_weights": [1]}}, {"@recipe": "x"}),
    *({"@recipe": "MSE", "settings": {}}, {"@recipe": "Augmentation", "settings": {}}),
    *({"@recipe": "Plateau", "settings": {}}, {"@recipe": "WeightAverage", "settings": {}}),
)


def read_idx(content: bytes, folder: Path) -> None:
    """Read the input as one file of any kind, as images of a set, and as labels."""
    images, labels = folder / "train-images-idx3-ubyte", folder / "train-labels-idx1-ubyte"
    for path, other, good in (
        (images, labels, struct.pack(">HBBI", 0, 8, 1, 2) + b"\0\1"),
        (labels, images, struct.pack(">HBB3I", 0, 8, 3, 2, 3, 4) + bytes(24)),
    ):
        path.write_bytes(content)
        other.write_bytes(good)
        try:
            array = data.read_idx(path)
            is_compressed = content[:2] == b"\x1f\x8b"
            assert is_compressed or array.nbytes < len(content), "more data than the file has"
        except cnnx.FormatError:
            pass
        try:
            loaded = data.load(folder)
            assert len(loaded.x) == len(loaded.y)
            assert loaded.y.min() >= 0
        except cnnx.FormatError:
            pass


def read_cifar10(content: bytes, folder: Path) -> None:
    """Read the input as class names, whose length is in its first two bytes, and records."""
    (length,) = struct.unpack("<H", content[:2].ljust(2, b"\0"))
    (folder / "batches.meta.txt").write_bytes(content[2 : 2 + length])
    (folder / "data_batch_1.bin").write_bytes(content[2 + length :])
    try:
        loaded = data.load(folder)
        assert loaded.x.shape[1:] == (32, 32, 3)
        assert 0 <= loaded.y.min() <= loaded.y.max() < 10
    except cnnx.FormatError:
        pass


def read_metadata(content: bytes, folder: Path) -> None:
    """Read the input as the metadata of an otherwise valid checkpoint."""
    path = folder / "run.ckpt"
    path.write_bytes(with_metadata(checkpoint_file("sgd"), content.decode("utf-8", "replace")))
    try:
        trainer = cnnx.Trainer.resume(path)
        assert len(trainer.history) >= 0
    except cnnx.FormatError as error:
        if "\n" in str(error):
            raise AssertionError("a sentence of several lines") from error


def read_weights(content: bytes, folder: Path) -> None:
    """Read the input as a file of weights."""
    path = folder / "weights"
    path.write_bytes(content)
    model = weight_model()
    before = {name: array.tobytes() for name, array in model.parameters.items()}
    try:
        report = cnnx.weights.load_into(model, path, strict=False)
        changed = {name for name, old in before.items() if old != model.parameters[name].tobytes()}
        assert changed <= report.pairs.keys(), "an array changed that the report does not have"
    except ValueError as error:
        if "\n" in str(error):
            raise AssertionError("a sentence of several lines") from error


def read_pickle(content: bytes, folder: Path) -> None:
    """Read the input as the instructions of a PyTorch file with valid storages."""
    parts = weight_files.storages(weight_arrays())
    read_weights(weight_files.archive(content, parts), folder)


def read_onnx(content: bytes, folder: Path) -> None:
    """Read the input as an ONNX file, and run the model."""
    path = folder / "net.onnx"
    path.write_bytes(content)
    try:
        model = cnnx.onnx.load(path)
    except ValueError:  # FormatError, UnsupportedError, or an input or output that is not clear
        return
    if np.prod(model.input_shape) < MOST_PIXELS:
        model(np.zeros((1, *model.input_shape), np.float32))


TARGETS: dict[str, Callable[[bytes, Path], None]] = {
    "idx": read_idx,
    "cifar10": read_cifar10,
    "metadata": read_metadata,
    "weights": read_weights,
    "pickle": read_pickle,
    **({"onnx": read_onnx} if find_spec("onnx") else {}),
}


class Tracer:
    """Coverage of the readers: transitions between two lines of one file."""

    def __init__(self) -> None:
        self.seen: set[tuple[CodeType, int, int]] = set()
        self._last: dict[FrameType, int] = {}

    def run(self, target: Callable[[bytes, Path], None], content: bytes, folder: Path) -> bool:
        """Whether the input reached a new transition."""
        before = len(self.seen)
        sys.settrace(self._enter)
        try:
            target(content, folder)
        finally:
            sys.settrace(None)
            self._last.clear()
        return len(self.seen) > before

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if frame.f_code.co_filename in FILES else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        self.seen.add((frame.f_code, self._last.get(frame, 0), frame.f_lineno))
        self._last[frame] = frame.f_lineno
        return self._line


def changed_value(value: Any, numbers: random.Random) -> Any:
    """JSON value with one of its values replaced, removed or renamed."""
    if not isinstance(value, (dict, list)) or not value or numbers.random() < 0.1:
        return numbers.choice(VALUES)
    if isinstance(value, list):
        place = numbers.randrange(len(value))
        return [*value[:place], changed_value(value[place], numbers), *value[place + 1 :]]
    key = numbers.choice(list(value))
    kind = numbers.random()
    if kind < 0.05:
        return {name: each for name, each in value.items() if name != key}
    if kind < 0.1:
        return {(key + "x" if name == key else name): each for name, each in value.items()}
    return {**value, key: changed_value(value[key], numbers)}


def mutated(content: bytes, others: list[bytes], numbers: random.Random) -> bytes:
    """Input with one to four mutations."""
    if content[:1] == b"{" and numbers.random() < 0.9:
        try:
            return json.dumps(changed_value(json.loads(content), numbers)).encode()
        except ValueError:
            pass  # no longer JSON
    changed = bytearray(content)
    for _ in range(numbers.randint(1, 4)):
        place, end = sorted(numbers.randrange(len(changed) + 1) for _ in range(2))
        kind = numbers.randrange(8)
        if kind == 0 and changed:
            changed[place % len(changed)] ^= 1 << numbers.randrange(8)
        elif kind == 1:
            form = numbers.choice((">I", "<I", ">H", "<H"))
            if numbers.random() < 0.5:  # headers have lengths at the front
                place = 4 * numbers.randrange(min(9, len(changed) // 4 + 1))
            number = numbers.choice(NUMBERS) % (1 << 8 * struct.calcsize(form))
            changed[place : place + struct.calcsize(form)] = struct.pack(form, number)
        elif kind == 2:
            del changed[place:end]
        elif kind == 3:
            changed[place:place] = numbers.randbytes(numbers.randint(1, 16))
        elif kind == 4:
            changed[place:place] = changed[place:end]
        elif kind == 5:
            other = numbers.choice(others)
            changed[place:] = other[numbers.randrange(len(other) + 1) :]
        elif kind == 6 and changed[:2] == b"\x1f\x8b":
            try:
                changed[:] = gzip.decompress(changed)[:MOST_BYTES]
            except (OSError, EOFError, zlib.error):
                changed[:] = gzip.compress(changed)
        elif kind == 7:
            changed[place:end] = numbers.randbytes(end - place)
    return bytes(changed[:MOST_BYTES])


def limit_memory() -> None:
    """Limit the memory, so that a larger allocation raises MemoryError, a finding."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def main() -> int:
    """Run one target; return 1 after a finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("corpus", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--findings", type=Path, default=Path())
    parser.add_argument("--seed", type=int, help="of the mutations; different each time")
    given = parser.parse_args()
    target, tracer, numbers = TARGETS[given.target], Tracer(), random.Random(given.seed)
    files = [
        path for each in given.corpus for path in (each.iterdir() if each.is_dir() else [each])
    ]
    started, runs, corpus, queue = time.monotonic(), 0, list[bytes](), []
    queue = [path.read_bytes()[:MOST_BYTES] for path in sorted(files)]
    if not queue:
        raise SystemExit(f"fuzz: {given.corpus[0]} is empty, expected inputs to begin with")
    limit_memory()
    with tempfile.TemporaryDirectory() as folder:
        while queue or (time.monotonic() - started < given.seconds and given.corpus[0].is_dir()):
            is_seed = bool(queue)
            content = queue.pop() if is_seed else mutated(numbers.choice(corpus), corpus, numbers)
            runs += 1
            try:
                is_new = tracer.run(target, content, Path(folder))
            except Exception:
                name = hashlib.sha1(content).hexdigest()
                (given.findings / f"finding-{name}").write_bytes(content)
                traceback.print_exc()
                print(f"SUMMARY: {given.target}: {given.findings / f'finding-{name}'}")
                return 1
            if is_new:
                corpus.append(content)
                if not is_seed and given.corpus[0].is_dir():
                    (given.corpus[0] / hashlib.sha1(content).hexdigest()).write_bytes(content)
    print(f"#{runs} DONE cov: {len(tracer.seen)} corp: {len(corpus)}")
    print(f"stat::number_of_executed_units: {runs}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
