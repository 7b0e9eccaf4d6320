"""Print, as JSON, one hash per kind of layer of its outputs on arrays of bytes.

Not part of the package. Every instruction set must print the same hashes.

    python tests/support/quantized_digests.py THREADS
"""

from __future__ import annotations

import hashlib
import json
import sys

import cnnx
from quantized_cases import CASES, cases

COUNT = 12


def digest(kind: str) -> str:
    found = hashlib.sha256()
    for case in cases(kind, COUNT):
        found.update(case.model(case.x).tobytes())
    return found.hexdigest()


if __name__ == "__main__":
    cnnx.set_num_threads(int(sys.argv[1]))
    print(json.dumps({"isa": cnnx.integer_isa(), **{kind: digest(kind) for kind in CASES}}))
