"""Which pixels decide? Grad-CAM, occlusion, saliency and integrated gradients side by side.

    python explain.py [OUT]

A network learns to tell X from O. Four methods explain its predictions of one image of each class
into OUT/explain.png. Integrated gradients can be checked: they add up to the difference between the
output for the image and the output for a grey one. The script prints both sums.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)

x, y = cnnx.data.xo(4000, seed=1)
model = cnnx.models.small((32, 32, 1), ["X", "O"])
trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(2e-3), schedule=cnnx.CosineDecay())
trainer.fit(x, y, epochs=6)

test_x, test_y = cnnx.data.xo(500, seed=2)
print(f"test accuracy: {trainer.evaluate(test_x, test_y)['accuracy']:.1%}")

images = test_x[[np.flatnonzero(test_y == label)[0] for label in (0, 1)]]
names = model.predict(images)
maps = {
    "Grad-CAM": cnnx.explain.grad_cam(model, images),
    "occlusion": cnnx.explain.occlusion(model, images, patch=6),
    "saliency": cnnx.explain.saliency(model, images),
    "integrated\ngradients": cnnx.explain.integrated_gradients(model, images, baseline=0.5),
}

# The sum of the attributions is the difference of the outputs of the predicted class.
rows = np.arange(2)
predicted = model(images).argmax(axis=1)
grey = np.full(images.shape, 0.5)
difference = model(images)[rows, predicted] - model(grey)[rows, predicted]
for name, total, expected in zip(
    names, maps["integrated\ngradients"].sum(axis=(1, 2)), difference, strict=True
):
    print(f"{name}: attributions add up to {total:.2f}, the outputs differ by {expected:.2f}")

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
figure.savefig(out / "explain.png", dpi=72)
