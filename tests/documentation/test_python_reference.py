"""The Python reference of the site: a page for every public name, with its members and types."""

from __future__ import annotations

import inspect
import re
import sys
import types
from pathlib import Path

import cnnx
import pytest
from layer_kinds import CLASSES, KINDS

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from docs.generators import python_reference  # noqa: E402
from docs.generators.annotations import comment_above, type_text  # noqa: E402
from docs.generators.docstrings import linked, with_result_text, with_types  # noqa: E402
from docs.generators.layer_tables import onnx_operators  # noqa: E402
from docs.generators.public_names import attributes_in, members  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def estimators() -> None:
    """The pages of cnnx.sklearn import scikit-learn."""
    pytest.importorskip("sklearn", reason="needs scikit-learn: install the extra docs")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Texts of the pages by file name."""
    folder = tmp_path_factory.mktemp("reference")
    python_reference.write(folder)
    return {path.name: path.read_text("utf-8") for path in (folder / "python").iterdir()}


def public_names() -> list[str]:
    """Full names of everything public, modules excepted."""
    found = []
    for name in cnnx.__all__:
        value = getattr(cnnx, name)
        if isinstance(value, types.ModuleType):
            for each in getattr(value, "__all__", None) or functions(value):
                if getattr(cnnx, each, None) is not getattr(value, each):
                    found.append(f"cnnx.{name}.{each}")
        else:
            found.append(f"cnnx.{name}")
    return found


def functions(module: types.ModuleType) -> list[str]:
    return [name for name, value in vars(module).items() if inspect.isfunction(value)]


def test_every_public_name_is_described_once(pages: dict[str, str]) -> None:
    directives = r"^\.\. (?:auto\w+|py:data):: (.*)$"
    described = re.findall(directives, "\n".join(pages.values()), re.MULTILINE)
    assert sorted(described) == sorted(public_names())
    assert len(described) > 250


def test_names_of_pages_differ_in_more_than_case(pages: dict[str, str]) -> None:
    """File systems of macOS and Windows do not tell them apart otherwise."""
    assert len({name.lower() for name in pages}) == len(pages)


def test_every_page_is_in_the_table_of_contents(pages: dict[str, str]) -> None:
    listed = re.findall(r"^   ([\w.-]+)$", "\n".join(pages.values()), re.MULTILINE)
    assert sorted([*listed, "index"]) == sorted(name.removesuffix(".rst") for name in pages)


def test_every_name_has_a_summary(pages: dict[str, str]) -> None:
    row = r"^   \* - :py:obj:`~(cnnx[\w.]*)`\n     - (.*)$"
    rows = re.findall(row, "\n".join(pages.values()), re.MULTILINE)
    without_gradients = [name for name in public_names() if not name.endswith("_backward")]
    assert sorted(name for name, _ in rows) == sorted(without_gradients)
    assert [name for name, words in rows if len(words) < 10] == []


def test_members_are_those_that_users_see() -> None:
    names = {*members(cnnx.Trainer), *attributes_in(cnnx.Trainer)}
    seen = {name for name in dir(cnnx.Trainer) if not name.startswith("_")}
    assert names >= seen
    assert {"fit", "resume", "step", "evaluate", "history"} <= names
    assert "__call__" in members(cnnx.Model)
    assert "trainable" not in members(cnnx.Conv2d)  # on the page of Layer


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_a_layer_has_its_settings_and_counterparts(
    kind: str, pages: dict[str, str]
) -> None:
    page = pages[f"cnnx.{CLASSES[kind].__name__}.rst"]
    for setting in KINDS[kind]["settings"]:
        assert f"   * - ``{setting['name']}``" in page
    for array, _ in [*KINDS[kind]["parameters"], *KINDS[kind]["buffers"]]:
        assert f"   * - ``{array}``" in page
    assert f":cpp:class:`cnnx::{CLASSES[kind].__name__}`" in page
    assert (f":py:func:`cnnx.ops.{kind}`" in page) == hasattr(cnnx.ops, kind)
    assert "   * - In ONNX\n     - " in page


@pytest.mark.parametrize(
    ("kind", "operators"),
    [
        ("conv2d", ["Conv"]),
        ("dense", ["Gemm"]),
        ("upsample2d", ["Shape", "Concat", "Resize"]),
        ("dropout", []),
    ],
)
def test_the_operators_of_onnx_are_those_of_the_layer_alone(
    kind: str, operators: list[str]
) -> None:
    assert [each for each in onnx_operators(kind) if each != "Flatten"] == operators


def test_limits_are_in_the_table_of_settings(pages: dict[str, str]) -> None:
    assert "     - a number >= 0 and < 1\n     - ``0.5``" in pages["cnnx.Dropout.rst"]
    assert '     - ``"auto"``, ``"direct"``\n     - ``"auto"``' in pages["cnnx.Conv2d.rst"]


@pytest.mark.parametrize(
    ("annotation", "module", "text"),
    [
        ("FloatArray | None", "cnnx.ops.conv2d", "NDArray[float32] | None"),
        ("PairLike", "cnnx.ops.conv2d", "int | Sequence[int]"),
        ("ConvolutionAlgorithm", "cnnx.ops.conv2d", 'Literal["auto", "direct"]'),
        ("Sequence[Callback]", "cnnx.training.trainer", "Sequence[~cnnx.callbacks.Callback]"),
        ("_Model", "cnnx.model.variants", "Self"),
        ("NDArray[np.bool_]", "cnnx.evaluation.evaluation", "NDArray[bool]"),
        ("str | os.PathLike[str]", "cnnx.training.trainer", "str | PathLike[str]"),
    ],
)
def test_types_are_written_as_a_reader_knows_them(annotation: str, module: str, text: str) -> None:
    assert type_text(annotation, module) == text


def test_names_in_backticks_are_links_relative_to_their_owner() -> None:
    text = "`fit` of `Trainer`, `data.load`, `EarlyStopping`, `x` and `cnnx.Trainer.step`"
    assert linked(text, "cnnx.Trainer.fit") == (
        "``fit`` of :py:obj:`Trainer <cnnx.Trainer>`, :py:obj:`data.load <cnnx.data.load>`, "
        ":py:obj:`EarlyStopping <cnnx.callbacks.EarlyStopping>`, ``x`` and "
        ":py:obj:`cnnx.Trainer.step <cnnx.Trainer.step>`"
    )
    assert linked(">>> `fit`", "cnnx.Trainer") == ">>> `fit`"


def test_arguments_and_results_get_their_types() -> None:
    lines = with_types([":param x: images.", "   more", ":returns: all"], "function", cnnx.load)
    assert ":rtype: ~cnnx.Model" in lines
    lines = with_types([], "function", cnnx.set_num_threads)
    assert lines[1:3] == [":param count:", ":type count: int"]
    lines = with_types([".. attribute:: kind", "", "   Kind."], "class", cnnx.Layer)
    assert lines[:2] == [".. attribute:: kind", "   :type: str"]


def test_the_section_of_results_becomes_a_field() -> None:
    text = ["Words.", "", "Returns:", "    (a, b): two arrays.", ""]
    assert with_result_text(text) == ["Words.", "", ":returns: (a, b): two arrays."]


def test_a_name_without_words_is_refused() -> None:
    assert comment_above("cnnx.training.optimizers", "Optimizer") == "Optimizer of a `Trainer`."
    with pytest.raises(ValueError, match="PairLike has no comment"):
        comment_above("cnnx.arguments", "PairLike")
