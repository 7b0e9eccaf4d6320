"""Networks of cnnx.models equal torchvision's, timm's and others, given their weights.

The committed logits are those of PyTorch, for weights that follow from the names of the arrays.
"""

from __future__ import annotations

import json
from pathlib import Path

import cnnx
import numpy as np
import original_networks as originals
import pytest
import weight_files as files
from cnnx import models
from cnnx.weights import load_into
from cnnx.weights.layer_arrays import layers_in_order
from cnnx.weights.tables import tables

LOGITS: dict[str, list[float]] = json.loads(
    Path(__file__).with_name("original_networks.json").read_text(encoding="ascii")
)
LARGE = {"resnet18", "resnet34", "resnet50", "mobilenet_v3_large", "convnext_tiny"}
TABLES = tables()
OF_PYTORCH = {"running_variance": "running_var"}


def names_of(original: str) -> tuple[str, ...]:
    """Names of the modules of an original, in order of definition."""
    library, name = original.split()
    known = (table for table in TABLES if library in table and table.endswith(f" {name}"))
    return TABLES[next(known)]


def built(original: originals.Original, shape: tuple[int, ...]) -> cnnx.Model:
    """The network of cnnx.models."""
    model: cnnx.Model = getattr(models, original.function)(shape, originals.CLASSES)
    return model


def cases() -> list[object]:
    return [
        pytest.param(name, marks=[pytest.mark.slow] if each.function in LARGE else [])
        for name, each in originals.ORIGINALS.items()
    ]


@pytest.mark.parametrize("name", cases())
def test_it_computes_the_logits_of_the_original(name: str, tmp_path: Path) -> None:
    original = originals.ORIGINALS[name]
    x = originals.image(original.side)
    model = built(original, x.shape)
    arrays = {}
    for module, layer in zip(names_of(name), layers_in_order(model._core), strict=True):
        for array in layer.shapes:
            lone = module.endswith("layer_scale")
            stored = module if lone else f"{module}.{OF_PYTORCH.get(array, array)}"
            shape = layer.pytorch_shape(array)
            if lone:
                shape = (*shape, 1, 1)
            elif module.endswith(("block.3", "block.5")):  # dense layers of every pixel
                shape = shape[:2]
            arrays[stored] = originals.array_of(stored, shape)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(files.safetensors(arrays))
    report = load_into(model, path)
    assert report.rule.startswith("the names of")
    assert report.missing == report.unused == []
    expected = np.array(LOGITS[name])
    assert np.abs(model(x) - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("strict", [True, False])
def test_the_names_of_another_network_do_not_apply(strict: bool, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    small = {
        f"{module}.weight": np.ones(3, np.float32) for module in TABLES["timm mobilenetv2_100"]
    }
    path.write_bytes(files.safetensors(small))
    model = models.efficientnet_lite0((32, 32, 3), 2)
    with pytest.raises(ValueError, match=r"^load_into: by kind, shape and order, "):
        load_into(model, path, strict=strict)


def test_every_table_has_an_original() -> None:
    assert {names_of(name) for name in originals.ORIGINALS} == set(TABLES.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", originals.ORIGINALS)
def test_the_committed_logits_are_those_of_pytorch(name: str) -> None:
    for module in ("torch", "torchvision", "timm"):
        pytest.importorskip(module)
    if name.startswith("efficientnet_lite_pytorch"):
        pytest.importorskip("efficientnet_lite_pytorch")
    expected = np.array(originals.logits_of(originals.ORIGINALS[name]))
    assert np.abs(np.array(LOGITS[name]) - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.slow
@pytest.mark.parametrize("name", originals.ORIGINALS)
def test_a_file_of_torch_save_is_loaded(name: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    pytest.importorskip("timm")
    pytest.importorskip("efficientnet_lite_pytorch")
    original = originals.ORIGINALS[name]
    network = original.make(original.side).eval()
    x = originals.image(original.side)
    model = built(original, x.shape)
    with torch.no_grad():
        expected = network(torch.from_numpy(x.transpose(2, 0, 1)[None].copy()))[0].numpy()
    for older in (False, True):
        path = tmp_path / "network.pth"
        torch.save(network.state_dict(), path, _use_new_zipfile_serialization=not older)
        load_into(model, path)
        assert np.abs(model(x) - expected).max() <= 1e-4 * np.abs(expected).max()
