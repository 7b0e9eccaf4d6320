"""End of `cnnx train --run-dir`: the best model of the run, and the report on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnx.cli.classifier import Classifier
from cnnx.cli.report import write_report
from cnnx.cli.run_folder import RunFolder

if TYPE_CHECKING:
    from cnnx.data.dataset import Dataset
    from cnnx.model.model import Model
    from cnnx.training.trainer import Trainer


def finish_run(folder: RunFolder, trainer: Trainer, images: Dataset) -> None:
    """Write the report on the best model of a run, without a validation set on the last one.

    Layers of the best model that fine-tuning had frozen at its epoch are as in the last model.

    Args:
        folder: folder of the run.
        trainer: trainer of the run.
        images: images of the run.
    """
    classifier = Classifier(folder.best if folder.best.is_file() else folder.last)
    if _unfreeze(classifier.model, trainer.model):
        classifier.model.save(classifier.path)
    words, measured = _measured(trainer, images)
    write_report(
        folder.report,
        classifier,
        measured,
        words,
        history=trainer.history,
        folder=folder,
        commands=[],
    )


def _unfreeze(model: Model, last: Model) -> bool:
    """Give layers the `trainable` of those of another model; returns whether one changed."""
    changed = False
    for layer, other in zip(model.layers, last.layers, strict=True):
        if layer.trainable != other.trainable:
            layer.trainable, changed = other.trainable, True
    return changed


def _measured(trainer: Trainer, images: Dataset) -> tuple[str, Dataset]:
    """Images that the model was not trained on if there are any, in words and as a set."""
    from cnnx.data.dataset import Dataset

    if images.test is not None:
        return "the test set", images.test
    if images.validation is not None:
        return "the validation set", images.validation
    rows = trainer._held_out
    if not rows:
        return "the training set", images
    names = tuple(images.names[row] for row in rows) if images.names else ()
    held_out = Dataset(
        images.x[rows], images.y[rows], images.classes, skipped=images.skipped, names=names
    )
    return "the held-out images", held_out
