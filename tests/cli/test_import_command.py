"""`cnnx import`: options, output and refusals."""

from __future__ import annotations

from pathlib import Path

import cnnx
import numpy as np
import pytest
from command_line import Run

pytest.importorskip("onnx", reason="needs onnx: install the extra onnx")
from onnx_models import OnnxModel
from small_models import small


def network(path: Path, *, open_size: bool = False) -> Path:
    """A convolution, a mean over the pixels and a softmax, in an ONNX file."""
    model = OnnxModel(1, 3, 8, 6)
    maps = model.node("Conv", "x", model.weight(2, 3, 3, 3))
    result = model.node("Softmax", model.node("Flatten", model.node("GlobalAveragePool", maps)))
    proto = model.proto(result)
    for axis in (2, 3) if open_size else ():
        proto.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = "size"
    path.write_bytes(proto.SerializeToString())
    return path


def test_import_a_file(run: Run, tmp_path: Path) -> None:
    network(tmp_path / "net.onnx")
    outcome = run("import", "net.onnx", "--out", "net.cnnx")
    assert outcome.status == 0
    assert outcome.out == (
        "3 layers, 54 parameters\nsaved net.cnnx; describe it with: cnnx info net.cnnx\n"
    )
    assert cnnx.load("net.cnnx").input_shape == (8, 6, 3)


def test_import_with_every_option(run: Run, tmp_path: Path) -> None:
    network(tmp_path / "net.onnx", open_size=True)
    run("import", "net.onnx", "--out", "net.cnnx").refused("expected sizes: give them")
    words = ["--size", "16x12", "--classes", "cat, dog", "--mean", "0.5", "--std", "0.1,0.2,0.3"]
    assert run("import", "net.onnx", "--out", "net.cnnx", *words).status == 0
    model = cnnx.load("net.cnnx")
    assert model.input_shape == (16, 12, 3)
    assert model.classes == ["cat", "dog"]
    assert np.allclose(model.preprocessing.std, [0.1, 0.2, 0.3])
    run("import", "net.onnx", "--out", "net.cnnx").refused("net.cnnx exists; add --overwrite")
    words = ["--size", "16", "--output", "Conv_0_0", "--overwrite"]
    assert run("import", "net.onnx", "--out", "net.cnnx", *words).status == 0
    assert cnnx.load("net.cnnx").output_shape == (14, 14, 2)


def test_import_a_network_of_values(run: Run, tmp_path: Path) -> None:
    network(tmp_path / "net.onnx")
    words = ("import", "net.onnx", "--out", "net.cnnx", "--task")
    assert run(*words, "regression").status == 0
    assert cnnx.load("net.cnnx").task == "regression"
    words = (*words[:-1], "--overwrite", "--task")
    run(*words, "segmentation").refused(
        "--task is 'segmentation', expected 'classification' or 'regression'"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("gone.onnx", "--out", "a.cnnx"), "gone.onnx: no such file"),
        (("net.onnx", "--out", "net.onnx"), "--out net.onnx has the extension of ONNX"),
        (("bad.onnx", "--out", "a.cnnx"), "bad.onnx: is not an ONNX file"),
        ((".", "--out", "a.cnnx"), r"import: \. is a folder, expected an ONNX file"),
        (("open.onnx", "--out", "a.cnnx"), "expected sizes: give them, --size HEIGHTxWIDTH$"),
        (
            ("open.onnx", "--out", "a.cnnx", "--size", 9, "--channels", 1),
            r"open\.onnx: .* \(1, 3, size, size\), which does not fit --size 9x9 --channels 1$",
        ),
        (("net.onnx", "--out", "a.cnnx", "--output", "b"), r"--output is b, .* --output \w+$"),
        (
            ("own.cnnx", "--out", "a.cnnx"),
            r"own\.cnnx: this is a model of cnnx, expected an ONNX model; load it: "
            r"cnnx\.load\('own\.cnnx'\)$",
        ),
        (
            ("old.pth", "--out", "a.cnnx"),
            r"this is a PyTorch file, expected an ONNX model; .* cnnx\.weights\.load_into\(",
        ),
        (("text.txt", "--out", "a.cnnx"), "this is a text file, expected an ONNX model$"),
    ],
)
def test_import_refuses_in_one_sentence(
    run: Run, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    network(tmp_path / "net.onnx")
    network(tmp_path / "open.onnx", open_size=True)
    small().save(tmp_path / "own.cnnx")
    (tmp_path / "bad.onnx").write_bytes(b"\xff\xff")
    (tmp_path / "old.pth").write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")
    (tmp_path / "text.txt").write_text("no network")
    run("import", *words).refused(sentence)


def test_other_names_of_the_classes(run: Run) -> None:
    words = ("import", "net.onnx", "--out", "a.cnnx", "--labels", "cat,dog")
    run(*words).refused("--labels is unknown; type --classes cat,dog$", status=2)


def test_means_of_pixels_from_0_to_255_are_refused(run: Run, tmp_path: Path) -> None:
    network(tmp_path / "net.onnx")
    words = ("import", "net.onnx", "--out", "a.cnnx", "--mean", "123.7,116.3,103.5")
    run(*words).refused("--mean is 123.7,116.3,103.5, expected .* for pixels from 0 to 1", status=2)


def test_other_commands_name_the_command_that_converts(run: Run, tmp_path: Path) -> None:
    network(tmp_path / "net.onnx")
    run("info", "net.onnx").refused("convert it: cnnx import net.onnx --out net.cnnx$")


def test_train_names_the_command_with_the_options_that_it_lacks(run: Run, tmp_path: Path) -> None:
    model = OnnxModel(1, 3, 8, 6)
    one = model.node("Flatten", model.node("GlobalAveragePool", "x"))
    model.save(tmp_path / "net.onnx", one, model.node("Softmax", one))
    np.savez("data.npz", x=np.zeros((9, 8, 6, 3), np.uint8), y=np.arange(9) % 3)
    run("train", "data.npz", "--from", "net.onnx").refused(
        r"train: --from net\.onnx: has 2 outputs, .* --output \w+; cnnx import has this option: "
        r"cnnx import net\.onnx --out net\.cnnx$"
    )


def test_several_outputs_become_those_of_a_model(run: Run, tmp_path: Path) -> None:
    model = OnnxModel(1, 3, 8, 6)
    one = model.node("Flatten", model.node("GlobalAveragePool", "x"))
    model.save(tmp_path / "net.onnx", one, model.node("Softmax", one))
    assert run("import", "net.onnx", "--out", "both.cnnx").status == 0
    assert [head.shape for head in cnnx.load("both.cnnx").heads] == [(3,), (3,)]
    assert run("import", "net.onnx", "--output", one, "--out", "one.cnnx").status == 0
    assert not cnnx.load("one.cnnx").heads


def test_import_names_every_operator_without_a_layer(run: Run, tmp_path: Path) -> None:
    model = OnnxModel(1, 3, 8, 6)
    model.save(tmp_path / "net.onnx", model.node("Cos", model.node("Sin", "x")))
    run("import", "net.onnx", "--out", "a.cnnx").refused(
        r"net.onnx: cnnx cannot express these nodes: Sin \(node_0\): cnnx has no layer for this "
        r"operator; Cos \(node_1\)"
    )
