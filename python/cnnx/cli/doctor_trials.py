"""Parts of `cnnx doctor` that run networks: checks of a model, a trial training, suspect labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cnnx.cli.classifier import require_single_input
from cnnx.cli.errors import UserError, require_file
from cnnx.wording import counted

if TYPE_CHECKING:
    from cnnx.data.dataset import Classes, Dataset, ImageSet
    from cnnx.data.source import Source
    from cnnx.doctor import Finding
    from cnnx.model.model import Model
    from cnnx.training.loss import Loss

_NETWORK = "small"  # the default of `cnnx train`
_IMAGES = 1024  # of a folder that are decoded for a model or a trial


def model_findings(
    file: Path, path: str, *, train: bool, compute_dtype: str | None
) -> list[Finding]:
    """Findings on a saved model and the images that it is for.

    Args:
        file: file that cnnx saved.
        path: images as for `cnnx train`.
        train: whether to try a training of a copy, too.
        compute_dtype: what the model is to compute with, or None for its own.

    Raises:
        UserError: if the file is a folder, or with `train` the model is no classifier.
    """
    import cnnx
    from cnnx.doctor import check_model

    require_file(file)
    model = cnnx.load(file)
    require_single_input(model, str(file))
    if compute_dtype is not None:
        model._core.compute_dtype = compute_dtype  # a trial, which needs no warning of a slow CPU
    loss = _loss(model)
    if train and loss is None:
        raise UserError(f"{file}: predicts no single class per image, which --train needs")
    own = _open(path).train.classes
    findings = [*_class_findings(model, own)] if loss is not None else []
    classes_fit = loss is not None and not any(each.severity == "error" for each in findings)
    names = tuple(model.classes) if model.classes else None
    source = _open(path, names) if classes_fit else _open(path)
    images = _sample(source.train).load(model.input_shape, model.preprocessing.resize)
    findings += check_model(model, images.x, images.y if classes_fit else None)
    if train and classes_fit and loss is not None:
        findings += _training_findings(_without_probabilities(model), images, loss)
    return findings


def new_network_findings(path: str) -> list[Finding]:
    """Findings of a trial training of the network that `cnnx train` uses by default."""
    import cnnx
    from cnnx.cli.architectures import build_model

    train_set = _sample(_open(path).train)
    images = train_set.load()
    model = build_model(_NETWORK, train_set.input_shape, images.classes, 0)
    return _training_findings(model, images, cnnx.CrossEntropy())


def label_findings(path: str) -> list[Finding]:
    """The finding on suspect labels of the training set, if there are any."""
    from cnnx.cli.training_images import image_names
    from cnnx.data.progress import DecodingProgress
    from cnnx.doctor import Finding, suspect_labels

    source = _open(path)
    images = source.train.load()
    bar = DecodingProgress(task="training")
    try:
        found = suspect_labels(images.x, images.y, progress=bar)
    except ValueError as error:
        raise UserError(f"--labels: {error}") from error
    finally:
        bar.close()
    if not len(found):
        return []
    names, classes = image_names(source, {"train": images}, path), list(images.class_counts)
    rate = len(found) / len(images.y)
    return [
        Finding(
            "warning",
            "suspect-labels",
            f"{counted(len(found), 'label')} ({rate:.1%}) contradict the predictions of networks "
            "that were trained on other images",
            len(found),
            tuple(names[row] for row in found.rows),
            "look at them, the most suspect first, and move or remove those that are wrong",
            details=tuple(f"{classes[label]}?" for label in found.suggested),
        )
    ]


def _training_findings(model: Model, images: Dataset, loss: Loss) -> list[Finding]:
    from cnnx.data.progress import DecodingProgress
    from cnnx.doctor import check_training

    bar = DecodingProgress(task="training")
    try:
        return check_training(model, images.x, images.y, loss=loss, progress=bar)
    finally:
        bar.close()


def _without_probabilities(model: Model) -> Model:
    """The model without the softmax or sigmoid at its end, which the losses apply themselves."""
    from cnnx.model.last_layer import PROBABILITY_LAYERS

    while len(model.layers) > 1 and model.layers[-1].kind in PROBABILITY_LAYERS:
        model = model.until(model.layers[-2].name)
    return model


def _loss(model: Model) -> Loss | None:
    """The loss of a classifier of one class per image, else None."""
    import cnnx
    from cnnx.model.predictions import outputs_are_independent, outputs_are_values

    if len(model.output_shape) != 1 or outputs_are_values(model._core):
        return None
    if model.output_shape[0] == 1:
        return cnnx.BinaryCrossEntropy()
    return None if outputs_are_independent(model._core) else cnnx.CrossEntropy()


def _open(path: str, classes: Classes | None = None) -> Source:
    from cnnx.data.decoding import Decoding
    from cnnx.data.source import open_source

    return open_source(path, classes, Decoding(skip_unreadable=True))


def _sample(images: ImageSet) -> ImageSet:
    """Some images of a folder, or all of an array file, which is read as a whole."""
    from cnnx.data.folder import FolderSet
    from cnnx.doctor.sample import spread

    if not isinstance(images, FolderSet):
        return images
    return images.subset(spread(len(images), _IMAGES))


def _class_findings(model: Model, own: Classes) -> Iterator[Finding]:
    from cnnx.data.dataset import count_classes
    from cnnx.doctor import Finding

    outputs = max(model.output_shape[0], 2)
    if not model.classes or isinstance(own, int):
        count = count_classes(own)
        if count > outputs:
            yield Finding(
                "error",
                "class-count",
                f"the images have {count} classes, the model {outputs}",
                count,
                advice="use the model's own images, or model.with_classes(...) and train",
            )
        return
    unknown = [name for name in own if name not in model.classes]
    if unknown:
        yield Finding(
            "error",
            "class-unknown-to-model",
            f"the images have {counted(len(unknown), 'class')} that the model does not have",
            len(unknown),
            tuple(unknown),
            f"the model has {', '.join(model.classes)}",
        )
    missing = [name for name in model.classes if name not in own]
    if missing:
        yield Finding(
            "warning",
            "class-without-images",
            f"the model has {counted(len(missing), 'class')} of which there are no images",
            len(missing),
            tuple(missing),
        )
