"""
Explain a prediction
====================

Grad-CAM, occlusion, saliency and integrated gradients show which pixels decide for a class.

A network learns to tell X from O. Four methods of ``cnnx.explain`` then explain its predictions of
one image of each class.
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

test_x, test_y = cnnx.data.xo(500, seed=2)
print(f"test accuracy: {trainer.evaluate(test_x, test_y)['accuracy']:.1%}")

# %%
# Each method returns one number per pixel. Occlusion covers a patch and measures how much the
# output falls. The other three use gradients: Grad-CAM those of the last convolution, saliency and
# integrated gradients those of the pixels.

images = test_x[[np.flatnonzero(test_y == label)[0] for label in (0, 1)]]
names = model.predict(images)
maps = {
    "Grad-CAM": cnnx.explain.grad_cam(model, images),
    "occlusion": cnnx.explain.occlusion(model, images, patch=6),
    "saliency": cnnx.explain.saliency(model, images),
    "integrated\ngradients": cnnx.explain.integrated_gradients(model, images, baseline=0.5),
}

# %%
# Integrated gradients can be checked: they add up to the difference between the output for the
# image and the output for the baseline, here a grey image.

rows = np.arange(2)
predicted = model(images).argmax(axis=1)
grey = np.full(images.shape, 0.5)
differences = model(images)[rows, predicted] - model(grey)[rows, predicted]
sums = maps["integrated\ngradients"].sum(axis=(1, 2))
for name, total, difference in zip(names, sums, differences, strict=True):
    print(f"{name}: attributions add up to {total:.2f}, the outputs differ by {difference:.2f}")

# %%
# Red pixels raise the output of the predicted class, blue pixels lower it. Grad-CAM and occlusion
# find regions, the gradients find single pixels. The maps differ in places, so look at several
# before you trust one.

figure, axes = plt.subplots(2, 5, figsize=(5.4, 2.5), layout="constrained")
for row, (image, name) in enumerate(zip(images, names, strict=True)):
    axes[row, 0].imshow(image[:, :, 0], cmap="gray")
    axes[row, 0].set_title(f"image of {name}", fontsize=9)
    for axis, (method, values) in zip(axes[row, 1:], maps.items(), strict=True):
        most = np.abs(values[row]).max()
        axis.imshow(values[row], cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest")
        if row == 0:
            axis.set_title(method, fontsize=9)
for axis in axes.flat:
    axis.axis("off")

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "explain.png", dpi=72)
