"""
Calibrate the probabilities
===========================

Of the predictions with a probability of 80 %, are 80 % correct? One number can make it so.

A network that overfits is too sure of itself. A reliability diagram shows that, and
``cnnx.evaluation.calibrate`` divides the outputs by a temperature that it fits to held-out images.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt

x, y = cnnx.data.xo(400, seed=1)
held_out = cnnx.data.xo(1000, seed=2)
test = cnnx.data.xo(4000, seed=3)

model = cnnx.models.small((32, 32, 1), ["X", "O"])
cnnx.Trainer(model, optimizer=cnnx.Adam(2e-3)).fit(x, y, epochs=30)

# %%
# The expected calibration error is the mean difference between confidence, the probability of the
# predicted class, and accuracy.

before = cnnx.evaluation.evaluate(model, *test)
temperature = cnnx.evaluation.calibrate(model, *held_out)
after = cnnx.evaluation.evaluate(model, *test)
print(f"temperature: {temperature:.2f}")
for name, each in {"before": before, "after": after}.items():
    error = each.calibration().expected_error
    print(f"{name}: accuracy {each.accuracy:.1%}, calibration error {error:.2%}")

# %%
# The temperature does not change which class is predicted, so the accuracy stays. Each bar is the
# accuracy of the predictions in an interval of the confidence. Those of a calibrated model end on
# the diagonal.

figure, axes = plt.subplots(1, 2, figsize=(7, 3.2), layout="constrained")
for axis, (name, each) in zip(axes, {"before": before, "after": after}.items(), strict=True):
    cnnx.plot.reliability(each, bins=20, ax=axis)
    axis.set(title=f"{name} calibration", xlim=(0.5, 1), ylim=(0.4, 1))

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "calibration.png", dpi=72)
