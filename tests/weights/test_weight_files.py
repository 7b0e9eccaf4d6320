"""Readers of safetensors and PyTorch files: types, views, nested dictionaries, hostile files."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
import weight_files as files
from cnnx.weights import load_into
from numpy.typing import NDArray

WEIGHT = np.arange(12, dtype=np.float32).reshape(3, 4, 1, 1) / 3
EXPECTED = WEIGHT.transpose(2, 3, 1, 0)


def model() -> cnnx.Model:
    """A convolution with 12 weights and without a bias."""
    return cnnx.Model([cnnx.Conv2d(3, 1, bias=False)], input_shape=(2, 2, 4))


def loaded(content: bytes, folder: Path, **settings: Any) -> NDArray[np.float32]:
    """The weights of the model after loading a file."""
    path, network = folder / "weights", model()
    path.write_bytes(content)
    load_into(network, path, **settings)
    return network.parameters["conv2d_1.weight"]


FORMS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "safetensors": files.safetensors,
    "archive": files.pth,
    "older": lambda arrays: files.older_file(files.state_dict(arrays), arrays),
}
every_form = pytest.mark.parametrize("form", FORMS)


@every_form
@pytest.mark.parametrize("dtype", ["<f4", "<f8", "<f2"])
def test_floats_of_any_width_become_float32(form: str, dtype: str, tmp_path: Path) -> None:
    stored = WEIGHT.astype(dtype)
    found = loaded(FORMS[form]({"conv.weight": stored}), tmp_path)
    np.testing.assert_array_equal(found, stored.astype(np.float32).transpose(2, 3, 1, 0))


@every_form
def test_bfloat16_is_the_upper_half_of_a_float32(form: str, tmp_path: Path) -> None:
    bits = WEIGHT.view(np.uint32)
    found = loaded(FORMS[form]({"conv.weight": (bits >> 16).astype("<u2")}), tmp_path)
    expected = (bits & np.uint32(0xFFFF0000)).view(np.float32)
    np.testing.assert_array_equal(found, expected.transpose(2, 3, 1, 0))


@every_form
def test_integers_are_no_weights_but_may_count_batches(form: str, tmp_path: Path) -> None:
    count = np.array(7, dtype="<i8")
    content = FORMS[form]({"conv.weight": WEIGHT, "conv.num_batches_tracked": count})
    np.testing.assert_array_equal(loaded(content, tmp_path), EXPECTED)
    with pytest.raises(ValueError, match="dtype I64, expected one of F64, F32, F16, BF16"):
        loaded(FORMS[form]({"conv.weight": WEIGHT.astype("<i8")}), tmp_path)


def test_tensors_are_views_of_storages(tmp_path: Path) -> None:
    store = np.arange(40, dtype=np.float32)
    view = files.View(store, 5, (3, 4, 1, 1), (1, 8, 3, 3))
    expected = np.array([[5 + o + 8 * i for o in range(3)] for i in range(4)], np.float32)
    for write in (FORMS["archive"], FORMS["older"]):
        found = loaded(write({"conv.weight": view}), tmp_path)
        np.testing.assert_array_equal(found[0, 0], expected)


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "net", "module"])
def test_a_state_dict_may_be_part_of_a_checkpoint(key: str, tmp_path: Path) -> None:
    arrays = {"conv.weight": WEIGHT}
    program = files.under(key, files.state_dict(arrays))
    np.testing.assert_array_equal(
        loaded(files.archive(program, files.storages(arrays)), tmp_path), EXPECTED
    )
    np.testing.assert_array_equal(loaded(files.older_file(program, arrays), tmp_path), EXPECTED)


def test_prefixes_of_wrappers_are_removed(tmp_path: Path) -> None:
    for name in ("module.conv.weight", "module._orig_mod.conv.weight"):
        content = files.pth({name: WEIGHT})
        found = loaded(content, tmp_path, names={"conv2d_1.weight": "conv.weight"})
        np.testing.assert_array_equal(found, EXPECTED)


def test_a_parameter_is_its_tensor(tmp_path: Path) -> None:
    parameter = (
        b"ctorch._utils\n_rebuild_parameter\n"
        + files.tensor("0", WEIGHT)
        + b"\x88"
        + files.ORDERED_DICT
        + b"\x87R"
    )
    program = b"}" + files.text("conv.weight") + parameter + b"s"
    found = loaded(files.archive(program, {"0": WEIGHT.tobytes()}), tmp_path)
    np.testing.assert_array_equal(found, EXPECTED)


class Hostile:
    """Object whose pickle opens a file for writing."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self._path, "w")


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("form", ["archive", "older"])
def test_code_in_a_file_is_refused_and_does_not_run(
    form: str, nested: bool, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    hostile = Hostile(trace)
    pickled = pickle.dumps({"more": hostile} if nested else hostile, protocol=2)
    run = pickle.loads(pickled)
    (run["more"] if nested else run).close()
    assert trace.exists()  # Python's own unpickler runs it
    trace.unlink()
    program = pickled[len(files.PROTOCOL) : -len(files.STOP)]
    content = files.archive(program, {}) if form == "archive" else files.older_file(program, {})
    with pytest.raises(cnnx.FormatError, match=r"names '\w+\.open', which could run") as caught:
        loaded(content, tmp_path)
    assert "torch.save(model.state_dict()" in str(caught.value)
    assert not trace.exists()


NO_TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x01K\x01K\x01tR"
# Instructions, and words of the error.
PROGRAMS = {
    "text beyond the end": (b"X\xff\xff\xff\x7fabc", "is cut off"),
    "an instruction for objects": (b")\x81", "has the instruction 0x81, which no tensor needs"),
    "a name without an end": (b"ccollections", "has a name without an end"),
    "a call of a number": (b"K\x01)R", "calls what is no function"),
    "no tuple": (b"ccollections\nOrderedDict\nK\x01R", "calls what is no function"),
    "arguments": (b"ccollections\nOrderedDict\nK\x01\x85R", "an OrderedDict with arguments"),
    "too much taken": (b"\x85", "takes more from its stack than it put there"),
    "no beginning": (b"t", "ends a container that never began"),
    "no object": (b"h\x05", "recalls object 5, which it never stored"),
    "items of a number": (b"K\x01(K\x02K\x03u", "into what is no dictionary"),
    "a key without a value": (b"}(K\x01u", "into what is no dictionary"),
    "a list as a key": (b"}]K\x01s", "has a key of type list, expected text"),
    "an append to a dictionary": (b"}K\x01a", "appends to what is no list"),
    "attributes of a number": (b"K\x01}b", "sets attributes of what is no dictionary"),
    "no storage type": (b"(" + files.text("storage") + b"K\x01K\x01K\x01K\x01tQ", "is no storage"),
    "no storage": (NO_TENSOR, "has a tensor without storage"),
    "no tensor": (b"ctorch._utils\n_rebuild_parameter\n)R", "a parameter without a tensor"),
    "another protocol": (b"\x80\x09", "has protocol 9, expected 2 to 5"),
    "no UTF-8": (b"X\x01\x00\x00\x00\xff", "has text that is no UTF-8"),
    "nested containers": (b"(" * 2000, "nests more than 1000 containers"),
    "no dictionary": (b"K\x01", "has no state dict"),
    "an empty dictionary": (b"}", "has no state dict"),
}


@pytest.mark.parametrize(("program", "words"), PROGRAMS.values(), ids=PROGRAMS)
def test_damaged_pickles_are_refused_in_one_sentence(
    program: bytes, words: str, tmp_path: Path
) -> None:
    for content in (files.archive(program, {}), files.older_file(program, {})):
        with pytest.raises(cnnx.FormatError, match=words) as caught:
            loaded(content, tmp_path)
        assert "\n" not in str(caught.value)


def test_a_pickle_of_millions_of_instructions_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnx.weights.unpickler._MOST_INSTRUCTIONS", 1000)
    with pytest.raises(cnnx.FormatError, match="its pickle has more than 1,000 instructions"):
        loaded(files.archive(b"}" * 1001, {}), tmp_path)


@pytest.mark.parametrize(
    "view",
    [
        files.View(WEIGHT, 1, (3, 4, 1, 1), (4, 1, 1, 1)),
        files.View(WEIGHT, 0, (3, 4, 1, 1), (5, 1, 1, 1)),
        files.View(WEIGHT, -1, (3, 4, 1, 1), (4, 1, 1, 1)),
        files.View(WEIGHT, 0, (3, 4, 1, 1), (-4, 1, 1, 1)),
        files.View(WEIGHT, 0, (3, 4), (4, 1, 1)),
        files.View(WEIGHT, 0, (1,) * 9, (1,) * 9),
    ],
)
def test_views_beyond_their_storage_are_refused(view: files.View, tmp_path: Path) -> None:
    with pytest.raises(cnnx.FormatError, match="its pickle has a tensor"):
        loaded(files.pth({"conv.weight": view}), tmp_path)


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    arrays = {"conv.weight": WEIGHT}
    good, program = files.pth(arrays), files.state_dict(arrays)
    place = good.index(WEIGHT.tobytes())
    two = files.archive(program, files.storages(arrays)).replace(b"net/version", b"n/data.pkl\0")
    damaged = {
        "differs from its checksum": good[:place] + b"\x7f" + good[place + 1 :],
        "damaged zip archive": good[:-10],
        "big-endian": files.archive(program, files.storages(arrays), byteorder="big"),
        "lacks the numbers of storage": files.archive(program, {}),
        "expected 12 numbers of 4": files.archive(program, {"0": bytes(44)}),
        "compressed": files.archive(
            program, files.storages(arrays), compression=zipfile.ZIP_DEFLATED
        ),
        "entries data.pkl": two,
    }
    for sentence, content in damaged.items():
        with pytest.raises(cnnx.FormatError, match=sentence) as caught:
            loaded(content, tmp_path)
        assert "\n" not in str(caught.value)


def test_every_shorter_file_is_refused(tmp_path: Path) -> None:
    for write in FORMS.values():
        content = write({"conv.weight": WEIGHT})
        for length in range(0, len(content) - 1, 7):
            with pytest.raises(cnnx.FormatError):
                loaded(content[:length], tmp_path)


def header_with(**changes: Any) -> bytes:
    entry = {"dtype": "F32", "shape": [3, 4, 1, 1], "data_offsets": [0, 48], **changes}
    text = json.dumps({"conv.weight": entry}).encode()
    return struct.pack("<Q", len(text)) + text + WEIGHT.tobytes()


HEADERS = {
    "a longer header than the file": struct.pack("<Q", 99) + b"{}",
    "a header of gigabytes": struct.pack("<Q", 2**40) + b"{}",
    "a header that is no JSON": struct.pack("<Q", 2) + b"{]",
    "a header that is no object": struct.pack("<Q", 2) + b"[]",
    "a deeply nested header": struct.pack("<Q", 99_999) + b"[" * 99_999,
    "a tensor that is a number": struct.pack("<Q", 7) + b'{"a":1}',
    "an unknown type": header_with(dtype="F8_E4M3"),
    "a type that is a list": header_with(dtype=["F32"]),
    "a negative size": header_with(shape=[3, -4, 1, 1]),
    "a size that is a fraction": header_with(shape=[3, 4.0, 1, 1]),
    "a size that is a boolean": header_with(shape=[3, 4, True, 1]),
    "nine axes": header_with(shape=[12] + [1] * 8),
    "another size": header_with(shape=[3, 5, 1, 1]),
    "a product beyond 64 bits": header_with(shape=[2**40, 2**40]),
    "an end before the beginning": header_with(data_offsets=[48, 0]),
    "an end beyond the file": header_with(data_offsets=[8, 56]),
    "three offsets": header_with(data_offsets=[0, 48, 96]),
}


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS)
def test_damaged_safetensors_are_refused_in_one_sentence(content: bytes, tmp_path: Path) -> None:
    np.testing.assert_array_equal(loaded(header_with(), tmp_path), EXPECTED)
    with pytest.raises(cnnx.FormatError) as caught:
        loaded(content, tmp_path)
    assert "\n" not in str(caught.value)


@every_form
@pytest.mark.parametrize("name", ["conv\nweight", "w" * 501, "\x00"])
def test_names_that_no_error_could_show_are_refused(form: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(cnnx.FormatError, match="expected at most 500 printable char") as caught:
        loaded(FORMS[form]({name: WEIGHT}), tmp_path)
    assert "\n" not in str(caught.value)


def test_an_axis_of_one_element_may_have_any_stride(tmp_path: Path) -> None:
    huge = files.View(WEIGHT, 0, (3, 4, 1, 1), (4, 1, 2**61, 2**61))
    np.testing.assert_array_equal(loaded(files.pth({"conv.weight": huge}), tmp_path), EXPECTED)


def test_a_model_of_cnnx_is_loaded_by_load(tmp_path: Path) -> None:
    model().save(tmp_path / "own")
    with pytest.raises(cnnx.FormatError, match=r"load it with cnnx\.load\('.*own'\)$"):
        load_into(model(), tmp_path / "own")


def test_files_of_safetensors_itself_are_read(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.numpy")
    library.save_file({"conv.weight": WEIGHT}, tmp_path / "weights.safetensors")
    content = (tmp_path / "weights.safetensors").read_bytes()
    np.testing.assert_array_equal(loaded(content, tmp_path), EXPECTED)


@pytest.mark.slow
@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_files_of_pytorch_itself_are_read(dtype: str, older: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    stored = torch.from_numpy(WEIGHT).to(getattr(torch, dtype))
    path = tmp_path / "network.pth"

    def read(value: object) -> NDArray[np.float32]:
        torch.save(value, path, _use_new_zipfile_serialization=not older)
        return loaded(path.read_bytes(), tmp_path)

    expected = stored.float().numpy().transpose(2, 3, 1, 0)
    for value in (
        {"conv.weight": stored},
        {"conv.weight": torch.nn.Parameter(stored)},
        {"conv.weight": stored.transpose(0, 1).contiguous().transpose(0, 1)},
        {"model": {"conv.weight": stored}, "epoch": 3, "loss": 0.5, "sizes": [1, (2, "a", None)]},
    ):
        np.testing.assert_array_equal(read(value), expected)
    with pytest.raises(cnnx.FormatError, match=r"names 'torch\.nn\.modules\.conv\.Conv2d'"):
        read(torch.nn.Conv2d(4, 3, 1))
