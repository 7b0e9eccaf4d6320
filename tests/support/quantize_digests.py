"""Print, as JSON, a hash of the predictions of quantized models at two sizes of batches.

Not part of the package. Every instruction set and number of threads must print the same hashes.

    python tests/support/quantize_digests.py THREADS FOLDER
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import cnnx
import numpy as np


def digest(path: Path, batch: int) -> str:
    """Hash of the outputs for 14 images."""
    model = cnnx.load(path)
    height, width, channels = model.input_shape
    rng = np.random.default_rng(11)
    x = rng.integers(0, 256, (14, height, width, channels), dtype=np.uint8)
    outputs = [model(x[start : start + batch]) for start in range(0, len(x), batch)]
    return hashlib.sha256(np.concatenate(outputs).tobytes()).hexdigest()


if __name__ == "__main__":
    cnnx.set_num_threads(int(sys.argv[1]))
    found = {
        f"{path.stem}, batch {batch}": digest(path, batch)
        for path in sorted(Path(sys.argv[2]).glob("*.cnnx"))
        for batch in (1, 7)
    }
    print(json.dumps({"isa": cnnx.integer_isa(), **found}))
