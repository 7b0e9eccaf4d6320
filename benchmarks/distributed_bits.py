"""One hash for any number of processes and threads and any instruction set.

    python -m benchmarks.distributed_bits --mnist FOLDER --cifar10 FOLDER
    [--processes 1,2,4,8] [--threads 1,2] [--images 2000]

LeNet on MNIST, and ResNet-20 with batch norm, dropout and augmentation on CIFAR-10, are trained in
8 shards for two epochs. The hash covers weights, buffers, the optimizer's state, averaged weights
and the history, as the checkpoint has them. Exits 1 if two runs of a network differ. MPICH or Open
MPI, and mpi4py are needed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import cnnx
import numpy as np

from benchmarks import machine
from benchmarks.options import numbers

ROOT = Path(__file__).parents[1]
SHARDS, BATCH, EPOCHS, CLASSES = 8, 64, 2, 10
ISAS = ("avx2", "avx512", "neon")


class Data(argparse.Namespace):
    """The options of `data_parser`."""

    mnist: Path | None
    cifar10: Path | None
    processes: list[int]
    images: int
    measure: list[str] | None


class Options(Data):
    """The command line."""

    threads: list[int]


def resnet20_with_dropout() -> cnnx.Model:
    """ResNet-20 with dropout before its dense layer."""
    *body, dense = cnnx.models.resnet20((32, 32, 3), CLASSES).layers
    return cnnx.Model([*body, cnnx.Dropout(0.2), dense], input_shape=(32, 32, 3))


def train(network: str, images: Path, checkpoint: Path, **options: Any) -> None:
    """Train in the processes of mpiexec, with more options of fit."""
    is_lenet = network == "lenet5"
    x, y = (np.load(images / name, mmap_mode="r") for name in ("x.npy", "y.npy"))
    trainer = cnnx.Trainer(
        cnnx.models.lenet5() if is_lenet else resnet20_with_dropout(),
        optimizer=cnnx.Adam(1e-3) if is_lenet else cnnx.SGD(0.05, momentum=0.9, nesterov=True),
        averaging=None if is_lenet else cnnx.WeightAverage(0.99),
        schedule=cnnx.CosineDecay(),
        shards=SHARDS,
        communicator=cnnx.distributed.world(),
    )
    augmentation = cnnx.data.Augmentation(flip="random", crop_padding=4, cutout=8)
    trainer.fit(
        x,
        y,
        epochs=EPOCHS,
        batch_size=BATCH,
        augmentation=None if is_lenet else augmentation,
        validation=0.1,
        checkpoint=checkpoint,
        **options,
    )


def hash_of(checkpoint: Path) -> str:
    """The hash of all arrays of a checkpoint but the seconds of its epochs."""
    content = checkpoint.read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:begin])
    found = hashlib.sha256()
    for name in sorted(header):
        if name == "__metadata__" or name.endswith("history.seconds"):
            continue
        first, end = header[name]["data_offsets"]
        found.update(name.encode() + content[begin + first : begin + end])
    return found.hexdigest()


def is_supported(isa: str) -> bool:
    """Whether this CPU has the instruction set."""
    command = [sys.executable, "-c", "import cnnx; cnnx.isa()"]
    done = subprocess.run(
        command, env={**os.environ, "CNNX_ISA": isa}, capture_output=True, check=False
    )
    return done.returncode == 0


def some_of(folder: Path, count: int, target: Path) -> None:
    """Write the pixels and labels of images from all parts of a data set."""
    data = cnnx.data.load(folder)
    rows = np.linspace(0, len(data.x) - 1, count).astype(np.int64)
    np.save(target / "x.npy", np.asarray(data.x)[rows])
    np.save(target / "y.npy", np.asarray(data.y)[rows])


def run(network: str, images: Path, isa: str, processes: int, threads: int) -> str:
    """The hash of one training."""
    checkpoint = images / "run.ckpt"
    command = ["mpiexec", "-n", str(processes), sys.executable, "-m", "benchmarks.distributed_bits"]
    command += ["--measure", network, str(images), str(checkpoint)]
    environment = {**os.environ, "CNNX_ISA": isa, "CNNX_NUM_THREADS": str(threads)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return hash_of(checkpoint)


def compare(network: str, folder: Path, options: Options) -> bool:
    """Print the hash of every run; returns whether all are equal."""
    isas = [isa for isa in ISAS if is_supported(isa)]
    with tempfile.TemporaryDirectory() as temporary:
        images = Path(temporary)
        some_of(folder, options.images, images)
        hashes = set()
        for isa, processes, threads in product(isas, options.processes, options.threads):
            hashes.add(run(network, images, isa, processes, threads))
            print(f"  {network}, {isa}, {processes} processes of {threads} threads: ", end="")
            print("one hash so far" if len(hashes) == 1 else "ANOTHER HASH", flush=True)
    print(f"{network}: {len(hashes)} hashes  goal 1  {'met' if len(hashes) == 1 else 'MISSED'}")
    return len(hashes) == 1


def data_parser(text: str, images: int) -> argparse.ArgumentParser:
    """A parser for benchmarks that train these networks in several processes."""
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    parser.add_argument("--mnist", type=Path, help="folder of MNIST's files")
    parser.add_argument("--cifar10", type=Path, help="folder of CIFAR-10 with one folder per class")
    parser.add_argument("--processes", type=numbers, default=[1, 2, 4, 8])
    parser.add_argument("--images", type=int, default=images)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    return parser


def given_folders(parser: argparse.ArgumentParser, options: Data) -> dict[str, Path]:
    """Each network whose images the command line names, and their folder."""
    folders = {"lenet5": options.mnist, "resnet20": options.cifar10}
    given = {network: folder for network, folder in folders.items() if folder}
    if not given:
        parser.error("expected --mnist FOLDER, --cifar10 FOLDER or both")
    return given


def main() -> int:
    """Train all; returns 1 if a network has several hashes."""
    parser = data_parser(__doc__, images=2000)
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    options = parser.parse_args(namespace=Options())
    if options.measure:
        network, images, checkpoint = options.measure
        train(network, Path(images), Path(checkpoint))
        return 0
    print(machine.headline())
    verdicts = [
        compare(network, folder, options)
        for network, folder in given_folders(parser, options).items()
    ]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
