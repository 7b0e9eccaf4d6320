"""Images and network of `cnnx train` and `cnnx lr-find`: opened, matched, described, loaded."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cnnx.cli.errors import UserError, caution, require_file
from cnnx.cli.processes import communicator, is_first
from cnnx.wording import counted

if TYPE_CHECKING:
    from cnnx.data.dataset import Classes, Dataset
    from cnnx.data.image_file_set import ImageFileSet
    from cnnx.data.source import Source
    from cnnx.model.model import Model

_MOST_CLASSES = 20  # more than these are not listed one by one


def prepare(arguments: argparse.Namespace) -> tuple[Model, Dataset]:
    """Build the untrained model or load the trained one, load the images, and print both.

    Raises:
        UserError: if the images have a single class, or the network does not fit them.
    """
    if arguments.init is not None:
        return _prepare_saved(arguments)
    from cnnx.cli.architectures import build_model, initialise_from_images
    from cnnx.cli.base_model import base_for
    from cnnx.cli.task import check_model_outputs, checked_task, default_network, default_shape
    from cnnx.data.dataset import count_classes

    source = open_images(arguments)
    train = source.train
    task = checked_task(source, arguments)
    if count_classes(train.classes) < 2:
        raise UserError(f"{train.name}: has a single class, expected at least two")
    if arguments.from_file is not None:
        model = base_for(train.classes, arguments)
        check_model_outputs(model, task, f"--from {arguments.from_file}")
        _choose_compute_dtype(model, arguments)
        images = load_described(source, model, arguments, str(arguments.from_file))
        return _normalised(model, images, arguments), images
    shape = train.input_shape
    if arguments.size is not None:
        shape = (*arguments.size, shape[2])
    elif arguments.model is None:
        shape = default_shape(task, shape)
    arguments.model = arguments.model or default_network(task)
    model = build_model(arguments.model, shape, train.classes, arguments.seed)
    if arguments.size is not None and model.input_shape != shape:
        raise UserError(
            f"--size is {shape[0]} {shape[1]}, but --model {arguments.model} returned a model of "
            f"{model.input_shape[0]} x {model.input_shape[1]}, expected one of its first argument"
        )
    check_model_outputs(model, task, f"--model {arguments.model}")
    _choose_compute_dtype(model, arguments)
    images = load_described(source, model, arguments, arguments.model)
    model = _normalised(model, images, arguments)
    initialise_from_images(arguments.model, model, images.x)
    return model, images


def load_for(model: Model, arguments: argparse.Namespace, network: str) -> Dataset:
    """Load the images of a model's classes in its size, and print a description of both."""
    return load_described(open_images(arguments, _classes_of(model)), model, arguments, network)


def load_described(
    source: Source, model: Model, arguments: argparse.Namespace, network: str
) -> Dataset:
    """Load the images in the model's size, and print a description of both."""
    from cnnx.data.dataset import count_classes

    train = source.train
    sets = [counted(len(train), "image")]
    if source.validation is not None:
        sets.append(f"{len(source.validation):,} for validation")
    if source.test is not None:
        sets.append(f"{len(source.test):,} for the test")
    height, width, channels = model.input_shape
    colour = {1: "grey", 3: "RGB"}.get(channels, f"{channels} channels")
    count = sum(array.size for array in model.parameters.values())
    computes = "" if model.compute_dtype == "float32" else f", computes in {model.compute_dtype}"
    print(
        f"{arguments.path}: {', '.join(sets)}; "
        f"{counted(count_classes(train.classes), 'class')}\n"
        f"{network}: {count:,} parameters, input {height} x {width} {colour}{computes}",
        flush=True,
    )
    images = source.load(model.input_shape, model.preprocessing.resize)
    for loaded in (images, images.validation, images.test):
        if loaded is not None:
            report_skipped(loaded.skipped)
    print(f"images per class: {_counts_text(images.class_counts)}", flush=True)
    if is_first():
        report_findings(source, images, arguments)
    return images


def open_images(arguments: argparse.Namespace, classes: Classes | None = None) -> Source:
    """Find the images of PATH, of these classes if a model fixes them."""
    from cnnx.data.decoding import Decoding
    from cnnx.data.source import open_source

    skips = arguments.skip_unreadable
    decoding = Decoding(skip_unreadable=skips, communicator=communicator())
    return open_source(arguments.path, classes, decoding)


def report_findings(source: Source, images: Dataset, arguments: argparse.Namespace) -> None:
    """Print a line for each finding of the doctor's quick checks."""
    from cnnx.doctor.quick_checks import quick_findings

    loaded = {"train": images, "validation": images.validation, "test": images.test}
    sets = {name: each for name, each in loaded.items() if each is not None}
    for finding in quick_findings(sets, image_names(source, sets, arguments.path)):
        caution(arguments.command, f"{finding.check}: {finding.sentence}")


def image_names(source: Source, sets: Mapping[str, Dataset], root: str) -> Sequence[str]:
    """Names of images in findings: files below PATH, or indices of arrays.

    Args:
        source: image sets of PATH.
        sets: loaded sets by name: train, validation, test, or some of them.
        root: PATH.
    """
    from cnnx.data.image_file_set import ImageFileSet
    from cnnx.doctor.image_table import ArrayNames

    found = {"train": source.train, "validation": source.validation, "test": source.test}
    if isinstance(source.train, ImageFileSet):
        names: list[str] = []
        for name, loaded in sets.items():
            files = found[name]
            if isinstance(files, ImageFileSet):
                names += _file_names(files, loaded, root)
        return names
    only = source.validation is None and source.test is None
    return ArrayNames(
        [("" if only else f"{name}[", range(len(each.y))) for name, each in sets.items()]
    )


def _file_names(found: ImageFileSet, loaded: Dataset, root: str) -> list[str]:
    """Names below PATH of the image files that were read."""
    begin = os.path.relpath(found.folder, root)
    prefix = "" if begin == os.curdir else f"{begin}{os.sep}"
    skipped = set(loaded.skipped)
    return [prefix + name for name in found.file_names if name not in skipped]


def report_skipped(names: Sequence[str]) -> None:
    """Print the names of files that were skipped as unreadable."""
    if names:
        print(f"skipped as unreadable: {', '.join(names)}", file=sys.stderr)


def class_names(images: Dataset) -> list[str]:
    """Names of the classes, which are numbers if they have none."""
    return list(images.class_counts)


def warn_of_small_classes(images: Dataset, path: str) -> None:
    """Warn of classes with one image, none of which a validation split holds out."""
    from cnnx.arguments import listed

    if images.y.ndim > 1:
        return  # held out are images, not classes
    single = [name for name, count in images.class_counts.items() if count == 1]
    if not single:
        return
    names = listed(single, _MOST_CLASSES)
    verb = "class {} has a single image" if len(single) == 1 else "classes {} have a single image"
    caution(
        "train",
        f"{path}: {verb.format(names)}, so the validation set has none; add images, or "
        "type --validation 0",
    )


def _prepare_saved(arguments: argparse.Namespace) -> tuple[Model, Dataset]:
    """Load the model of --init and the images of its classes.

    Raises:
        UserError: if the model is no classifier, the images have other classes, or --freeze leaves
            no layer to train.
    """
    import cnnx
    from cnnx.cli.base_model import freeze, print_frozen
    from cnnx.cli.classifier import require_single_input
    from cnnx.cli.task import check_model_outputs, checked_task, own_task
    from cnnx.training.config import is_frozen

    require_file(arguments.init)
    model = cnnx.load(arguments.init)
    require_single_input(model, f"--init {arguments.init}")
    freeze(model, arguments)
    if arguments.freeze and is_frozen(model):
        raise UserError(
            "--freeze leaves no layer to train, expected patterns that leave the last one; --from "
            f"{arguments.init} begins with a new last layer"
        )
    print_frozen(model, arguments)
    check_model_outputs(model, own_task(model), f"--init {arguments.init}")
    source = open_images(arguments, _classes_of(model))
    check_model_outputs(model, checked_task(source, arguments), f"--init {arguments.init}")
    _choose_compute_dtype(model, arguments)
    images = load_described(source, model, arguments, str(arguments.init))
    missing = [name for name, count in images.class_counts.items() if count == 0]
    if missing:
        raise UserError(
            f"{arguments.path}: has no images of class {missing[0]}, expected some of every class "
            f"of --init {arguments.init}; for other classes type --from {arguments.init}"
        )
    return model, images


def _choose_compute_dtype(model: Model, arguments: argparse.Namespace) -> None:
    """Set what the model computes with to --compute-dtype, whose default is the model's own."""
    import cnnx

    if arguments.compute_dtype is None:
        arguments.compute_dtype = model.compute_dtype
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cnnx.Warning)  # it names a line of Python
        model.compute_dtype = arguments.compute_dtype
    if model.compute_dtype == "bfloat16" and not cnnx.has_native_bfloat16():
        caution(
            arguments.command,
            "--compute-dtype is bfloat16, but this CPU has no instructions for it: the model gets "
            "the same bits as on other CPUs, and its training takes longer than in float32; for "
            "speed type --compute-dtype float32",
        )


def _normalised(model: Model, images: Dataset, arguments: argparse.Namespace) -> Model:
    """The model with the preprocessing of --mean and --std.

    Raises:
        UserError: if there are neither one number nor one per channel.
    """
    from cnnx.cli.normalisation import pixel_deviation, pixel_mean
    from cnnx.cli.option_types import AUTO

    settings: dict[str, Any] = {}
    for name, measure in (("mean", pixel_mean), ("std", pixel_deviation)):
        value = getattr(arguments, name)
        if value is None:
            continue
        settings[name] = measure(images.x) if value == AUTO else value
        channels = model.input_shape[2]
        if len(settings[name]) not in (1, channels):
            raise UserError(
                f"--{name} has {counted(len(settings[name]), 'number')}, expected one per channel "
                f"of the images, {channels}, or a single one"
            )
        shown = ", ".join(f"{each:.4f}" for each in settings[name])
        print(f"{name}: {shown}", flush=True)
    if not settings:
        return model
    return model.with_preprocessing(replace(model.preprocessing, **settings))


def _classes_of(model: Model) -> Classes:
    return tuple(model.classes) if model.classes else model.output_shape[-1]


def _counts_text(counts: dict[str, int]) -> str:
    """Number of images of every class, or of the smallest and the largest of many."""
    if len(counts) <= _MOST_CLASSES:
        return ", ".join(f"{name} {count:,}" for name, count in counts.items())
    least, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    return f"from {counts[least]:,} ({least}) to {counts[most]:,} ({most})"
