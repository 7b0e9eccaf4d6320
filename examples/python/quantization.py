"""
Quantize a network to int8
==========================

Weights and activations in bytes: a quarter of the size, and the same predictions on any CPU.

``cnnx.quantize`` chooses the scales on a few images, and compares the accuracies on labelled ones.
Where the accuracy would fall too far, layers stay in float32.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt

x, y = cnnx.data.xo(2000, seed=1)
check = cnnx.data.xo(1000, seed=2)
test_x, test_y = cnnx.data.xo(2000, seed=3)

model = cnnx.models.small((32, 32, 1), ["X", "O"])
cnnx.Trainer(model, optimizer=cnnx.Adam(2e-3)).fit(x, y, epochs=4)

# %%
# The report has the layers and accuracies. The quantized model is a model like any other.

report = cnnx.quantization.quantize_with_report(model, x, check=check)
print(report)
small = report.model

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
for name, each in {"float32": model, "int8": small}.items():
    each.save(out / f"{name}.cnnx")
    accuracy = cnnx.evaluation.evaluate(each, test_x, test_y).accuracy
    size = (out / f"{name}.cnnx").stat().st_size
    print(f"{name}: {size:,} bytes, test accuracy {accuracy:.1%}")

# %%
# The outputs of the two models differ a little, because every value is rounded to one of 256.

before, after = model(test_x), small(test_x)
same = (before.argmax(axis=1) == after.argmax(axis=1)).mean()
print(f"same class: {same:.1%}")

figure, axis = plt.subplots(figsize=(3.6, 3.2), layout="constrained")
for label, name in enumerate(model.classes):
    chosen = test_y == label
    axis.plot(before[chosen, 1], after[chosen, 1], ".", markersize=2, label=name)
axis.axline((0, 0), slope=1, color="grey", linewidth=0.5)
axis.set(xlabel="output for O in float32", ylabel="output for O in int8")
axis.legend()
figure.savefig(out / "quantization.png", dpi=72)
