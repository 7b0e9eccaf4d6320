"""Checks of the numbers of images: empty, small and missing classes, and imbalance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cnnx.doctor.finding import Finding, images_of, number_of

# Images of every class, by the name of the set: "train", "validation" and "test".
ClassCounts = Mapping[str, Mapping[str, int]]

_FEW_IMAGES = 10
_LARGEST_RATIO = 10  # of the largest class to the smallest


def check_classes(counts: ClassCounts) -> Iterator[Finding]:
    """Findings on the numbers of images of the classes of every set."""
    train = counts["train"]
    images = images_of(len(counts))
    yield from _single_class(train, images)
    yield from _empty_classes(counts)
    yield from _small_classes(train, images)
    yield from _imbalance(train)
    for name, others in counts.items():
        if name != "train":
            yield from _different_classes(train, name, others)


def _single_class(train: Mapping[str, int], images: str) -> Iterator[Finding]:
    if len(train) == 1:
        yield Finding(
            "error",
            "single-class",
            f"all {images} have one class",
            1,
            tuple(train),
            "put the images of every class into a subfolder of its own",
        )


def _empty_classes(counts: ClassCounts) -> Iterator[Finding]:
    names = [
        f"{name}: {each}" if len(counts) > 1 else each
        for name, classes in counts.items()
        for each, count in classes.items()
        if count == 0
    ]
    if names:
        yield Finding(
            "error",
            "empty-class",
            f"{_classes(names)} no images",
            len(names),
            tuple(names),
            "add images or remove the class",
        )


def _small_classes(train: Mapping[str, int], images: str) -> Iterator[Finding]:
    names = [name for name, count in train.items() if 0 < count < _FEW_IMAGES]
    if names:
        yield Finding(
            "warning",
            "few-images",
            f"{_classes(names)} fewer than {_FEW_IMAGES} {images}",
            len(names),
            tuple(names),
            "add images",
        )


def _imbalance(train: Mapping[str, int]) -> Iterator[Finding]:
    most = max(train.values(), default=0)
    names = [name for name, count in train.items() if 0 < count * _LARGEST_RATIO <= most]
    if names:
        largest = max(train, key=train.__getitem__)
        yield Finding(
            "warning",
            "class-imbalance",
            f"{_classes(names)} at most a tenth of the {most:,} images of {largest}",
            len(names),
            tuple(names),
            "add images, or train with balanced class weights",
        )


def _different_classes(
    train: Mapping[str, int], name: str, others: Mapping[str, int]
) -> Iterator[Finding]:
    unknown = [each for each in others if each not in train]
    missing = [each for each in train if each not in others]
    if unknown:
        yield Finding(
            "error",
            "unknown-class",
            f"{_classes(unknown)} images in the {name} set but not in the training set",
            len(unknown),
            tuple(unknown),
            "add training images of it or remove it",
        )
    if missing:
        yield Finding(
            "warning",
            "class-in-one-split",
            f"{_classes(missing)} training images but none in the {name} set",
            len(missing),
            tuple(missing),
            f"add some to the {name} set, which cannot measure it otherwise",
        )


def _classes(names: list[str]) -> str:
    return number_of(len(names), "class has", "classes have")
