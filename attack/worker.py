"""The process of one attack: `python -m attack.worker NAME`, run by `python -m attack`.

Runs cases until the time is over or the number of findings is reached. The program of the current
case is in the file program.py of the folder, which survives a crash of this process. Prints one
line of JSON per finding, and the number of cases at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
import zlib
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from attack.attacks import ATTACKS
from attack.case import Case, Draw, run
from attack.torch_peer import TorchPeer

PROGRAM = "program.py"


def drawn(attack: str, seed: int, number: int, *, in_torch: bool) -> Case:
    """Case of this number of an attack; equal seeds give equal cases."""
    rng = np.random.default_rng([seed, zlib.crc32(attack.encode()), number])
    return ATTACKS[attack](Draw(rng, int(rng.integers(2**31)), in_torch))


def message(error: BaseException) -> str:
    """The place in the program and the error, in one line."""
    places = [each for each in traceback.extract_tb(error.__traceback__) if PROGRAM in each[0]]
    where = f"line {places[-1].lineno} of {places[-1].filename.rsplit(':')[-1]}, " if places else ""
    return where + " ".join(f"{type(error).__name__}: {error}".split())


def main() -> int:
    """Run one attack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("attack", choices=ATTACKS)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--findings", type=int, default=1, help="number after which it ends")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--peer-python")
    given = parser.parse_args()
    path = given.folder.resolve() / PROGRAM
    os.chdir(given.folder)  # where programs may write
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # redirects whatever a program prints
    end, number, findings = time.monotonic() + given.seconds, given.first, 0
    with TorchPeer(given.peer_python) if given.peer_python else nullcontext() as peer:
        while time.monotonic() < end and findings < given.findings:
            case = drawn(given.attack, given.seed, number, in_torch=peer is not None)
            program = case.program()
            path.write_text(f"# Case {number}.\n{program}", encoding="utf-8")
            number += 1
            try:
                run(case, path, peer)
            except Exception as error:
                findings += 1
                finding = {"error": message(error), "program": program}
                print(json.dumps(finding), file=replies, flush=True)
    print(json.dumps({"cases": number}), file=replies, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
