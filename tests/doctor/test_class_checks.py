"""Checks of the numbers of images in the classes of every set."""

from __future__ import annotations

from cnnx.doctor.class_checks import ClassCounts, check_classes


def found(counts: ClassCounts) -> dict[str, tuple[str, ...]]:
    return {each.check: each.examples for each in check_classes(counts)}


def test_equal_classes_give_no_finding() -> None:
    assert found({"train": {"cat": 10, "dog": 99}, "test": {"cat": 1, "dog": 2}}) == {}


def test_defects() -> None:
    assert found({"train": {"cat": 10, "dog": 100}}) == {"class-imbalance": ("cat",)}
    assert found({"train": {"cat": 9, "dog": 12}}) == {"few-images": ("cat",)}
    assert found({"train": {"cat": 0, "dog": 12}}) == {"empty-class": ("cat",)}
    assert found({"train": {"dog": 12}}) == {"single-class": ("dog",)}
    train = {"cat": 12, "dog": 12}
    assert found({"train": train, "test": {"cat": 3}}) == {"class-in-one-split": ("dog",)}
    assert found({"train": train, "test": {**train, "cow": 1}}) == {"unknown-class": ("cow",)}
    assert found({"train": train, "test": {**train, "cat": 0}}) == {"empty-class": ("test: cat",)}
