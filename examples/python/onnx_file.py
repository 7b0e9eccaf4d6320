"""
Export to ONNX
==============

A trained network becomes an ONNX file, which other programs run and cnnx reads back.

The file takes pixels and returns probabilities and class names: preprocessing, softmax and names
are inside. Needs the package onnx: ``pip install 'cnnx[plot,onnx]'``.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np
from onnx.reference import ReferenceEvaluator

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)

x, y = cnnx.data.xo(2000, seed=1)
model = cnnx.models.small((32, 32, 1), ["X", "O"])
cnnx.Trainer(model, optimizer=cnnx.Adam(2e-3)).fit(x, y, epochs=5)
cnnx.onnx.save(model, out / "model.onnx")

# %%
# ``ReferenceEvaluator`` is the ONNX project's own implementation in NumPy. ONNX Runtime is far
# faster and is called in the same way:
# ``onnxruntime.InferenceSession("model.onnx").run(["probabilities", "label"], {"images": x})``.

test_x, _ = cnnx.data.xo(100, seed=2)
session = ReferenceEvaluator(str(out / "model.onnx"))
probabilities, names = session.run(["probabilities", "label"], {"images": test_x})

expected = model.predict_proba(test_x)
difference = np.abs(probabilities - expected).max(axis=1)
print(f"equal names: {(names == model.predict(test_x)).mean():.0%}")
print(f"largest difference of probabilities: {difference.max():.1e}")

# %%
# ``cnnx.onnx.load`` makes a model of the file again, which can also be trained further. It reads
# files of other frameworks in the same way.

loaded = cnnx.onnx.load(out / "model.onnx")
print(f"loaded again: {loaded.input_shape} -> {loaded.classes}")
print(f"equal bits: {(loaded.predict_proba(test_x) == expected).mean():.0%}")

# %%
# Left: probabilities of O by both programs. Right: they differ by the rounding of float32, because
# the sums are added in another order.

figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
left.plot(expected[:, 1], probabilities[:, 1], "o", alpha=0.5)
left.set(xlabel="probability of O by cnnx", ylabel="by the ONNX evaluator")
right.plot(expected[:, 1], difference, "o", alpha=0.5)
right.set(xlabel="probability of O by cnnx", ylabel="difference")

figure.savefig(out / "onnx_file.png", dpi=72)
