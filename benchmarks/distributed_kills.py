"""The hash of a training whose processes are killed and that is resumed by other numbers of them.

    python -m benchmarks.distributed_kills --mnist FOLDER --cifar10 FOLDER
    [--processes 1,2,4,8] [--kills 10] [--images 4000] [--seed N]

The networks are those of `benchmarks.distributed_bits`. SIGKILL ends one process, drawn at random,
after a random number of steps and some milliseconds. Every resumed run has another number of
processes. Exits 1 if the last run has another hash than an uninterrupted one, if a run takes ten
seconds to end, does not say why in one sentence, or leaves a process behind. Runs on Linux.
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cnnx
import numpy as np
from cnnx.training.history import Progress

from benchmarks import distributed_bits, machine

EVERY = 2  # steps between checkpoints
MOST_STEPS = 6  # before a kill
MOST_SECONDS = 10.0  # from a kill to the end of all


class Options(distributed_bits.Data):
    """The command line."""

    kills: int
    seed: int


def print_step(progress: Progress) -> None:
    """A line for every step."""
    print(progress.epoch, progress.step, flush=True)


def train(network: str, images: Path, checkpoint: Path) -> None:
    """Train in the processes of mpiexec, or resume the checkpoint."""
    if checkpoint.exists():
        x, y = (np.load(images / name, mmap_mode="r") for name in ("x.npy", "y.npy"))
        trainer = cnnx.Trainer.resume(checkpoint, communicator=cnnx.distributed.world())
        trainer.fit(x, y, progress=print_step)
    else:
        options = {"checkpoint_every": EVERY, "progress": print_step}
        distributed_bits.train(network, images, checkpoint, **options)


def started(network: str, images: Path, checkpoint: Path, processes: int) -> subprocess.Popen[str]:
    """A training in processes of one thread."""
    command = [
        "mpiexec",
        "-n",
        str(processes),
        sys.executable,
        "-m",
        "benchmarks.distributed_kills",
    ]
    command += ["--measure", network, str(images), str(checkpoint)]
    return subprocess.Popen(
        command,
        cwd=distributed_bits.ROOT,
        env={**os.environ, "CNNX_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def processes_of(checkpoint: Path) -> dict[int, int]:
    """Numbers of the training processes by rank."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        ranks = [each for each in environment if each.startswith(b"PMI_RANK=")]
        if os.fsencode(checkpoint) in arguments and ranks:
            # Of process 0 and its watcher, the older one.
            rank = int(ranks[0].partition(b"=")[2])
            found[rank] = min(int(folder.name), found.get(rank, sys.maxsize))
    return found


def kill_one(run: subprocess.Popen[str], checkpoint: Path, draw: random.Random) -> str | None:
    """Kill one process of a run after some steps; why this does not end as it should, or None."""
    assert run.stdout is not None
    for _ in range(draw.randint(1, MOST_STEPS)):
        if not run.stdout.readline():
            return f"ended before it was killed: {run.communicate()[1][-500:]}"
    time.sleep(draw.uniform(0, 0.01))
    running = processes_of(checkpoint)
    rank = draw.choice(sorted(running))
    os.kill(running[rank], signal.SIGKILL)
    begun = time.monotonic()
    _, errors = run.communicate()
    seconds = time.monotonic() - begun
    print(f"  process {rank} of {len(running)} killed, all ended in {seconds:.1f} s", flush=True)
    if seconds > MOST_SECONDS:
        return f"ended {seconds:.0f} s after the kill"
    if left := processes_of(checkpoint):
        return f"left processes behind: {left}"
    if errors.count("cnnx: one of the processes was killed") != 1:
        return f"did not say why in one sentence: {errors[-500:]}"
    return None


def survives(network: str, folder: Path, options: Options) -> bool:
    """Kill, resume and compare; whether the hash is that of an uninterrupted run."""
    draw = random.Random(f"{options.seed} {network}")
    with tempfile.TemporaryDirectory() as temporary:
        images = Path(temporary)
        whole, killed = images / "whole.ckpt", images / "killed.ckpt"
        distributed_bits.some_of(folder, options.images, images)
        errors = started(network, images, whole, 1).communicate()[1]
        if not whole.exists():
            raise SystemExit(errors)
        processes = 0
        for _ in range(options.kills):
            processes = draw.choice([each for each in options.processes if each != processes])
            problem = kill_one(started(network, images, killed, processes), killed, draw)
            if problem:
                print(f"{network}: a run {problem}")
                return False
        started(network, images, killed, options.processes[-1]).communicate()
        hashes = {distributed_bits.hash_of(path) for path in (whole, killed)}
    verdict = "met" if len(hashes) == 1 else "MISSED"
    print(f"{network}: {len(hashes)} hashes after {options.kills} kills  goal 1  {verdict}")
    return len(hashes) == 1


def main() -> int:
    """Kill both; returns 1 if one does not survive."""
    parser = distributed_bits.data_parser(__doc__, images=4000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    options = parser.parse_args(namespace=Options())
    if options.measure:
        network, images, checkpoint = options.measure
        train(network, Path(images), Path(checkpoint))
        return 0
    print(f"{machine.headline()}, seed {options.seed}")
    verdicts = [
        survives(network, folder, options)
        for network, folder in distributed_bits.given_folders(parser, options).items()
    ]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
