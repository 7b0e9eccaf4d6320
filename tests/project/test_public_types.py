"""Types that users see: exact signatures, public names, and typos that mypy reports."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cnnx
import pytest

X, Y = cnnx.data.xo(8, size=16, seed=1)


@pytest.mark.parametrize(
    "target", [cnnx.Adam, cnnx.Conv2d, cnnx.Trainer, cnnx.Trainer.fit, cnnx.models.small]
)
def test_signatures_have_no_catch_all(target: Any) -> None:
    kinds = {each.kind for each in inspect.signature(target).parameters.values()}
    assert not kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    assert len(inspect.signature(target).parameters) > 2


def test_an_error_within_a_call_keeps_its_own_sentence() -> None:
    def look(progress: Any) -> None:
        raise TypeError("a fault of the caller's function")

    with pytest.raises(TypeError, match=r"^a fault of the caller's function$"):
        cnnx.Trainer(cnnx.models.small((16, 16, 1))).fit(X, Y, epochs=1, progress=look)


def test_subclasses_may_have_attributes_and_arguments_of_their_own() -> None:
    class Same(cnnx.Conv2d):
        def __init__(self, channels: int, note: str) -> None:
            super().__init__(channels, 3, padding="same")
            self.note = note

    layer: Any = Same(8, "first")
    assert (layer.note, layer.kind) == ("first", "conv2d")

    class Loud(cnnx.callbacks.Callback):
        def __init__(self, *words: str, **settings: object) -> None:
            raise TypeError(f"{len(words)} words and {len(settings)} settings")

    with pytest.raises(TypeError, match=r"^1 words and 1 settings$"):
        Loud("epoch", volume=11)
    with pytest.raises(TypeError, match=r"^Same: has no argument notes, expected note='b'$"):
        Same(8, notes="b")  # type: ignore[call-arg]


MODULES = (
    *("cnnx", "cnnx.callbacks", "cnnx.data", "cnnx.metrics", "cnnx.models", "cnnx.ops"),
    "cnnx.distributed",
    "cnnx.doctor",
    "cnnx.evaluation",
    "cnnx.layers",
    "cnnx.losses",
    "cnnx.explain",
    "cnnx.plot",
    "cnnx.report",
    "cnnx.weights",
)


def public_objects() -> dict[str, object]:
    """Public objects by name, with those of the public modules."""
    found = {}
    for name in MODULES:
        module = importlib.import_module(name)
        names = getattr(module, "__all__", None) or [each for each in dir(module) if each[0] != "_"]
        found.update({f"{name}.{each}": getattr(module, each) for each in names})
    return {name: value for name, value in found.items() if not isinstance(value, types.ModuleType)}


def signatures(value: object) -> Iterator[Callable[..., object]]:
    """The functions of a public object that a user calls, properties included."""
    if inspect.isfunction(value):
        yield value
    for name, member in vars(value).items() if inspect.isclass(value) else ():
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        if inspect.isfunction(function) and (name[0] != "_" or name in ("__init__", "__call__")):
            yield function


def classes_in(annotation: str, names: dict[str, object]) -> Iterator[type]:
    """Classes of this package whose names are in an annotation, within aliases too."""
    for word in re.findall(r"[A-Za-z_]\w*", annotation):
        value = names.get(word)
        for each in (value, *typing.get_args(value)):
            if inspect.isclass(each) and each.__module__.startswith("cnnx."):
                yield each


def test_every_type_in_a_public_signature_has_a_public_name() -> None:
    objects = public_objects()
    public = {id(value) for value in objects.values()}
    nameless = {
        f"{each.__module__}.{each.__qualname__}, in {name}"
        for name, value in objects.items()
        for function in map(inspect.unwrap, signatures(value))
        for annotation in function.__annotations__.values()
        for each in classes_in(str(annotation), function.__globals__)
        if id(each) not in public
    }
    assert nameless == set()
    for name in ("Optimizer", "Loss", "Schedule", "ModelLayer", "Progress", "LearningRateRange"):
        assert f"cnnx.{name}" in objects


TYPOS = (
    "cnnx.Conv2D",
    "cnnx.Linear",
    "cnnx.Relu",
    "cnnx.Traner",
    "cnnx.data.Augmentaton",
    "cnnx.models.resnet19",
    "cnnx.callbacks.EarlyStoping",
    "cnnx.Conv2d(8, 3, strides=2)",
    "cnnx.Conv2d(3, 16, 3)",
    "cnnx.Trainer(cnnx.models.small(), optimizer='adam')",
    "cnnx.models.small().fit",
    "cnnx.models.small().layers[0].trainble",
    "cnnx.Residual(cnnx.Conv2d(8, 3), cnnx.BatchNorm2d())",
)


def test_type_checkers_report_every_typo(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    script = tmp_path / "typos.py"
    script.write_text(
        "import cnnx\n\n" + "\n".join(TYPOS) + "\ncnnx.models.small().layers[0].x = 1\n"
    )
    run = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(script)]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    reported = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line}
    assert reported == set(range(3, len(TYPOS) + 4)), done.stdout


def test_every_public_function_answers_surplus_arguments() -> None:
    python_sentences = []
    for name, value in public_objects().items():
        if not inspect.isfunction(value) or not inspect.signature(value).parameters:
            continue
        with pytest.raises(TypeError) as caught:
            value(*[object()] * 40)
        if not re.search(r": got .*, expected ", str(caught.value)):
            python_sentences.append(f"{name}: {caught.value}")
    assert python_sentences == []
