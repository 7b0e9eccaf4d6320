"""One hash of a training in bfloat16 for any instruction set and any number of threads.

    python -m benchmarks.bfloat16_bits [--networks lenet5,resnet20] [--isas amx,avx2]
    [--threads 1,2,3] [--epochs 2] [--quick]

LeNet and ResNet-20 with batch norm are trained in bfloat16 on drawn images, in a process per
instruction set and number of threads: all instruction sets of the CPU that have fused multiply-add.
The hash covers weights, buffers, the optimizer's state and the history, as the checkpoint has them.
A second one covers the predictions of a batch, which must be those of its images one by one. One
training in float32 must have another hash, or nothing was computed in bfloat16. Exits 1 if two runs
of a network differ.
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
from typing import NamedTuple

import cnnx
import numpy as np

from benchmarks import machine
from benchmarks.distributed_bits import hash_of, is_supported
from benchmarks.libraries import ROOT
from benchmarks.network_description import BFLOAT16, FLOAT32, FloatArray
from benchmarks.options import names_from, numbers

NETWORKS = ("lenet5", "resnet20")
ISAS = ("amx", "avx512_bf16", "avx512_vnni", "avx512", "avx2_vnni", "avx2", "neon")
CLASSES, BATCH, STEPS, QUICK_STEPS = 10, 32, 150, 10  # steps of an epoch
PREDICTED = 7  # images


class Options(argparse.Namespace):
    """The command line."""

    networks: list[str]
    isas: list[str]
    threads: list[int]
    epochs: int
    quick: bool
    measure: list[str] | None


class Hashes(NamedTuple):
    """The hashes of a training, and of the predictions of its model."""

    checkpoint: str
    predictions: str
    alone: str  # image by image


def new_model(network: str) -> cnnx.Model:
    """The network with its initial weights."""
    if network == "lenet5":
        return cnnx.models.lenet5()
    return cnnx.models.resnet20((32, 32, 3), CLASSES)


def digest(outputs: FloatArray) -> str:
    """A hash of an array."""
    return hashlib.sha256(outputs.tobytes()).hexdigest()


def train_here(network: str, compute_dtype: str, epochs: int, steps: int) -> Hashes:
    """Train in this process."""
    model = new_model(network)
    model.compute_dtype = compute_dtype
    random = np.random.default_rng(0)
    x = random.random((BATCH * steps, *model.input_shape), np.float32)
    y = random.integers(0, CLASSES, len(x))
    x += 0.05 * y[:, None, None, None].astype(np.float32)  # which a network can learn
    trainer = cnnx.Trainer(
        model,
        optimizer=cnnx.SGD(0.02, momentum=0.9, weight_decay=1e-4),
        schedule=cnnx.CosineDecay(),
    )
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "run.ckpt"
        trainer.fit(x, y, epochs=epochs, batch_size=BATCH, checkpoint=checkpoint)
        trained = hash_of(checkpoint)
    some = x[:PREDICTED]
    alone = np.concatenate([model(some[k : k + 1]) for k in range(PREDICTED)])
    return Hashes(trained, digest(model(some)), digest(alone))


def train(network: str, compute_dtype: str, isa: str, threads: int, options: Options) -> Hashes:
    """Train in a process with this instruction set and number of threads."""
    steps = QUICK_STEPS if options.quick else STEPS
    settings = (network, compute_dtype, str(options.epochs), str(steps))
    quietly = ("-W", "ignore")  # bfloat16 is slow with most instruction sets, which cnnx warns of
    done = subprocess.run(
        [sys.executable, *quietly, "-m", "benchmarks.bfloat16_bits", "--measure", *settings],
        cwd=ROOT,
        env={**os.environ, "CNNX_ISA": isa, "CNNX_NUM_THREADS": str(threads)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Hashes(*json.loads(done.stdout.splitlines()[-1]))


def compare(network: str, options: Options) -> bool:
    """Print whether every run has one hash; returns whether all are equal."""
    expected: Hashes | None = None
    differing = 0
    for isa, threads in product(options.isas, options.threads):
        found = train(network, BFLOAT16, isa, threads, options)
        expected = expected or found
        wrong = [
            what
            for what, equal in (
                ("ANOTHER CHECKPOINT", found.checkpoint == expected.checkpoint),
                ("OTHER PREDICTIONS", found.predictions == expected.predictions),
                ("OTHER PREDICTIONS OF SINGLE IMAGES", found.alone == expected.predictions),
            )
            if not equal
        ]
        differing += bool(wrong)
        print(f"  {network}, {isa}, {threads} threads: ", end="")
        print(", ".join(wrong) or f"one hash, {found.checkpoint[:16]}", flush=True)
    assert expected is not None
    full = train(network, FLOAT32, options.isas[0], options.threads[0], options)
    if full.checkpoint == expected.checkpoint:
        print(f"  {network}: THE SAME HASH AS IN FLOAT32")
        differing += 1
    print(f"{network}: {differing} runs differ  goal 0  {'MISSED' if differing else 'met'}")
    return not differing


def parse() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=names_from(NETWORKS), default=list(NETWORKS))
    parser.add_argument(
        "--isas", type=lambda text: text.split(","), help="default: those of the CPU"
    )
    parser.add_argument("--threads", type=numbers, default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=2, help=f"of {STEPS} steps")
    parser.add_argument("--quick", action="store_true", help="few steps: does it run?")
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args(namespace=Options())
    if options.quick:
        options.epochs = 1
    return options


def main() -> int:
    """Train all; returns 1 if a network has several hashes."""
    options = parse()
    if options.measure:
        network, compute_dtype, epochs, steps = options.measure
        print(json.dumps(train_here(network, compute_dtype, int(epochs), int(steps))))
        return 0
    options.isas = options.isas or [isa for isa in ISAS if is_supported(isa)]
    print(machine.headline())
    print(f"instruction sets: {', '.join(options.isas)}", flush=True)
    verdicts = [compare(network, options) for network in options.networks]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
