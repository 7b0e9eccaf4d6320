"""
Train on your own images
========================

Train on a folder of image files, one subfolder per class, save the model, and classify files.

``python own_images.py OUT IMAGES`` trains on your folder: ``IMAGES/cat/1.jpg``,
``IMAGES/dog/2.png`` and so on, images of any size. Without it, the script writes 1,000 images of
the letters X and O first. Needs Pillow: ``pip install 'cnnx[cli]'``.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
from PIL import Image

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)

if len(sys.argv) > 2:
    folder = Path(sys.argv[2])
else:
    folder = out / "images"
    x, y = cnnx.data.xo(1000, seed=1)
    for number, (pixels, label) in enumerate(zip(x, y, strict=True)):
        file = folder / "XO"[label] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[:, :, 0]).save(file)

# %%
# ``load`` reads every image. With ``input_shape=(64, 64, 3)`` it would resize all to 64 x 64 pixels
# and convert them to colour.

data = cnnx.data.load(folder)
print(f"{len(data.x)} images: {data.class_counts}")

# %%
# The model gets the class names, so that it predicts names. A fifth of the images of every class is
# held out and measured after each epoch.

model = cnnx.models.small(data.x.shape[1:], data.classes)
trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(2e-3))
history = trainer.fit(data.x, data.y, epochs=12, validation=0.2)
print(f"accuracy on held-out images: {history.validation_accuracy[-1]:.1%}")

model.save(out / "model.cnnx")

# %%
# The saved model classifies arrays and image files, which it resizes.

files = sorted(folder.glob("*/*"))[:: max(1, len(data.x) // 8)][:8]
model = cnnx.load(out / "model.cnnx")
probabilities = model.predict_proba(files)
names = model.predict(files)

# %%
# Above each image: its subfolder, the prediction and its probability.

figure, axes = plt.subplots(2, 4, figsize=(6, 3.6), layout="constrained")
for axis, file, name, row in zip(axes.flat, files, names, probabilities, strict=True):
    axis.imshow(Image.open(file), cmap="gray")
    axis.set_title(f"{file.parent.name}: {name} ({row.max():.0%})", fontsize=9)
    axis.axis("off")
figure.savefig(out / "own_images.png", dpi=72)
