"""Predictions and trainings in Python, with whose bits those of the playground are compared.

Not part of the package. The environment has CNNX_ISA=baseline:

    python tests/support/playground_baseline.py predict MODEL IMAGES.npy PROBABILITIES.npy
    python tests/support/playground_baseline.py train MODEL SAMPLES.npz SETTINGS.json TRAINED.cnnx
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cnnx
import numpy as np


def predict(model_file: str, images_file: str, out: str) -> None:
    """Save the probabilities of each image, one at a time as in the page."""
    model = cnnx.load(model_file)
    images = np.load(images_file)
    np.save(out, np.concatenate([model.predict_proba(image[None]) for image in images]))


def train(model_file: str, samples_file: str, settings_file: str, out: str) -> None:
    """Train with the settings of `engine.train`, and save the model."""
    settings = json.loads(Path(settings_file).read_text(encoding="utf-8"))
    model = cnnx.load(model_file)
    if tuple(settings["classes"]) != tuple(model.classes or ()):
        model = model.with_classes(settings["classes"])
    if settings["start"] == "new":
        model = model.with_new_weights(seed=settings["seed"])
    samples = np.load(samples_file)
    shift = cnnx.data.Augmentation(crop_padding=2) if settings["shift"] else None
    trainer = cnnx.Trainer(
        model, optimizer=cnnx.Adam(settings["learningRate"]), seed=settings["seed"]
    )
    trainer.fit(
        samples["x"],
        samples["y"],
        epochs=settings["epochs"],
        batch_size=settings["batchSize"],
        augmentation=shift,
    )
    model.save(out)


if __name__ == "__main__":
    {"predict": predict, "train": train}[sys.argv[1]](*sys.argv[2:])
