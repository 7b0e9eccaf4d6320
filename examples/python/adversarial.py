"""
Adversarial images
==================

A change of every pixel that hardly shows can make a network wrong, if its gradient chooses it.

The gradient of the loss tells for each pixel whether the loss grows if the pixel becomes brighter
or darker. The fast gradient sign method moves every pixel by the same small step in that direction
(Goodfellow, Shlens, Szegedy: Explaining and harnessing adversarial examples, 2015).
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np

x, y = cnnx.data.xo(4000, seed=1)
model = cnnx.models.small((32, 32, 1), ["X", "O"])
trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(2e-3), schedule=cnnx.CosineDecay())
trainer.fit(x, y, epochs=6)

# %%
# The gradient of the cross-entropy with respect to the outputs is softmax - onehot.
# ``model.gradients`` takes it back to the pixels, floats from 0 to 1.

test_x, test_y = cnnx.data.xo(500, seed=2)
test_x = (test_x / 255).astype(np.float32)
of_outputs = model.predict_proba(test_x) - np.eye(2, dtype=np.float32)[test_y]
direction = np.sign(model.gradients(test_x, of_outputs))
random = np.random.default_rng(0).choice([-1.0, 1.0], test_x.shape)

# %%
# The comparison: steps of the same size with random signs.

STEPS = np.array([0, 2, 4, 8, 12, 16, 24, 32]) / 255
accuracies = {"sign of the gradient": [], "random sign": []}
for name, signs in {"sign of the gradient": direction, "random sign": random}.items():
    for step in STEPS:
        changed = (test_x + step * signs).clip(0, 1)
        accuracies[name].append(trainer.evaluate(changed, test_y)["accuracy"])
    print(f"{name}, step of 16 / 255: {accuracies[name][5]:.1%}")
print(f"unchanged: {accuracies['random sign'][0]:.1%}")

# %%
# Left: the accuracy falls with the step along the gradient and hardly with random steps. Right:
# images before and after a step of 16 / 255.

changed = (test_x + 16 / 255 * direction).clip(0, 1)
names, changed_names = model.predict(test_x), model.predict(changed)
was_correct = names == np.array(["X", "O"])[test_y]
fooled = np.flatnonzero(was_correct & (changed_names != names))[:3]

figure = plt.figure(figsize=(7.4, 2.8), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1.3, 1))
axis = left.subplots()
for name, values in accuracies.items():
    axis.plot(STEPS * 255, values, marker=".", label=name)
axis.set(xlabel="step, of 255 grey values", ylabel="test accuracy", ylim=(0, 1))
axis.legend()
for line, images, predictions in zip(
    right.subplots(2, 3), (test_x, changed), (names, changed_names), strict=True
):
    for axis, image, name in zip(line, images[fooled], predictions[fooled], strict=True):
        axis.imshow(image[:, :, 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_title(f"predicted {name}", fontsize=8)
        axis.axis("off")

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "adversarial.png", dpi=72)
