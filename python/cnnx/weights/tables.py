"""Names of the modules of well-known networks, in the order of `layers_in_order`.

A table of names does not depend on the order of the arrays in a file, which safetensors sorts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

Table: TypeAlias = "tuple[str, ...]"  # names of the modules of a network


def tables() -> dict[str, Table]:
    """The names of every known network, by its libraries and name as reports show them."""
    known = {
        f"torchvision and timm {name}": _resnet(blocks, convolutions)
        for name, blocks, convolutions in (
            ("resnet18", (2, 2, 2, 2), 2),
            ("resnet34", (3, 4, 6, 3), 2),
            ("resnet50", (3, 4, 6, 3), 3),
        )
    }
    known["torchvision mobilenet_v2"] = _mobilenet_v2()
    known["torchvision mobilenet_v3_small"] = _mobilenet_v3(_SMALL)
    known["torchvision mobilenet_v3_large"] = _mobilenet_v3(_LARGE)
    known["torchvision squeezenet1_1"] = _squeezenet()
    known["torchvision convnext_tiny"] = _convnext((3, 3, 9, 3))
    known["timm mobilenetv2_100"] = _timm((1, 2, 3, 4, 3, 3, 1))
    known["timm efficientnet_lite0"] = _timm((1, 2, 2, 3, 3, 4, 1))
    known["efficientnet_lite_pytorch efficientnet-lite0"] = _efficientnet(16)
    return {name: tuple(modules) for name, modules in known.items()}


def _resnet(blocks: Sequence[int], convolutions: int) -> Iterator[str]:
    yield from ("conv1", "bn1")
    for stage, count in enumerate(blocks, 1):
        for block in range(count):
            place = f"layer{stage}.{block}"
            for number in range(1, convolutions + 1):
                yield from (f"{place}.conv{number}", f"{place}.bn{number}")
            # The first block of a stage changes the number of channels, except the first of basic
            # blocks.
            if block == 0 and (stage > 1 or convolutions == 3):
                yield from (f"{place}.downsample.0", f"{place}.downsample.1")
    yield "fc"


def _mobilenet_v2() -> Iterator[str]:
    yield from ("features.0.0", "features.0.1")
    for block in range(1, 18):
        place = f"features.{block}.conv"
        expansions = 1 if block > 1 else 0
        for number in range(expansions + 1):  # the expansion and the depthwise convolution
            yield from (f"{place}.{number}.0", f"{place}.{number}.1")
        yield from (f"{place}.{expansions + 1}", f"{place}.{expansions + 2}")
    yield from ("features.18.0", "features.18.1", "classifier.1")


# Blocks of MobileNetV3: whether they expand, and whether they have gates.
_SMALL = ((False, True), (True, False), (True, False), *[(True, True)] * 8)
_LARGE = (
    *((False, False), (True, False), (True, False)),
    *[(True, True)] * 3,
    *[(True, False)] * 4,
    *[(True, True)] * 5,
)


def _mobilenet_v3(blocks: Sequence[tuple[bool, bool]]) -> Iterator[str]:
    yield from ("features.0.0", "features.0.1")
    for block, (expands, has_gates) in enumerate(blocks, 1):
        place = f"features.{block}.block"
        number = 0
        for _ in range(1 + expands):
            yield from (f"{place}.{number}.0", f"{place}.{number}.1")
            number += 1
        if has_gates:
            yield from (f"{place}.{number}.fc1", f"{place}.{number}.fc2")
            number += 1
        yield from (f"{place}.{number}.0", f"{place}.{number}.1")
    last = len(blocks) + 1
    yield from (f"features.{last}.0", f"features.{last}.1", "classifier.0", "classifier.3")


def _squeezenet() -> Iterator[str]:
    yield "features.0"
    for block in (3, 4, 6, 7, 9, 10, 11, 12):
        for module in ("squeeze", "expand1x1", "expand3x3"):
            yield f"features.{block}.{module}"
    yield "classifier.1"


def _convnext(blocks: Sequence[int]) -> Iterator[str]:
    yield from ("features.0.0", "features.0.1")
    for stage, count in enumerate(blocks):
        if stage > 0:
            yield from (f"features.{2 * stage}.0", f"features.{2 * stage}.1")
        for block in range(count):
            place = f"features.{2 * stage + 1}.{block}"
            for module in ("block.0", "block.2", "block.3", "block.5", "layer_scale"):
                yield f"{place}.{module}"
    yield from ("classifier.0", "classifier.2")


def _timm(blocks: Sequence[int]) -> Iterator[str]:
    """Inverted residuals in timm's form; those of the first stage do not expand."""
    yield from ("conv_stem", "bn1")
    for stage, count in enumerate(blocks):
        modules = "conv_pw bn1 conv_dw bn2 conv_pwl bn3" if stage > 0 else "conv_dw bn1 conv_pw bn2"
        for block in range(count):
            yield from (f"blocks.{stage}.{block}.{module}" for module in modules.split())
    yield from ("conv_head", "bn2", "classifier")


def _efficientnet(blocks: int) -> Iterator[str]:
    yield from ("_conv_stem", "_bn0")
    for block in range(blocks):
        if block > 0:
            yield from (f"_blocks.{block}._expand_conv", f"_blocks.{block}._bn0")
        for module in ("_depthwise_conv", "_bn1", "_project_conv", "_bn2"):
            yield f"_blocks.{block}.{module}"
    yield from ("_conv_head", "_bn1", "_fc")
