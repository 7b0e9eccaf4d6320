"""Results of training as tables: profiles in notebooks and histories for pandas."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from cnnx.training.history import History
from cnnx.training.profile import LayerTime, Profile

PROFILE = Profile(
    steps=10,
    seconds=0.010,
    layers=(LayerTime(("conv2d_1", "relu_1"), 0.003, 0.004), LayerTime(("dense_1",), 0.001, 0)),
    loss=0.0005,
    update=0.001,
)


def test_a_profile_has_a_bar_for_every_layer_in_proportion() -> None:
    page = PROFILE._repr_html_()
    assert "Profile of 10 steps of 1,000 \N{MICRO SIGN}s" in page
    rows = re.findall(r"<tr>(.*?)</tr>", page)[1:]
    cells = [re.findall(r">([^<>]+)</td>", row) for row in rows]
    assert cells == [
        ["conv2d_1 + relu_1", "300", "400", "70.0%"],
        ["dense_1", "100", "10.0%"],
        ["loss and its gradient", "50", "5.0%"],
        ["update", "100", "10.0%"],
    ]
    widths = [re.findall(r'<rect x="([\d.]+)" width="([\d.]+)"', row) for row in rows]
    full = 200
    assert [float(width) for _, width in widths[0]] == pytest.approx(
        [full * 3 / 7, full * 4 / 7], abs=0.01
    )
    assert float(widths[0][1][0]) == pytest.approx(full * 3 / 7, abs=0.01)
    assert float(widths[1][0][1]) == pytest.approx(full / 7, abs=0.01)


def test_a_profile_of_no_steps_says_so() -> None:
    assert "Profile of no steps" in Profile(0, 0.0, (), 0.0, 0.0)._repr_html_()


def history() -> History:
    found = History()
    for epoch in (1, 2):
        found.add((1 / epoch, 0.5), {"accuracy": 0.25 * epoch}, 0.1)
    return found


def test_a_history_is_short_at_the_prompt() -> None:
    shown = "History(2 epochs, loss=0.5, accuracy=0.5, validation_accuracy=0.5, seconds=0.1)"
    assert repr(history()) == shown
    assert repr(History()) == "History(0 epochs)"


def test_a_history_becomes_a_table_of_pandas() -> None:
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    table = history().to_pandas()
    assert isinstance(table, pandas.DataFrame)
    assert list(table.columns) == list(vars(History()))
    assert table.index.name == "epoch"
    assert table.loc[2, "loss"] == 0.5
    assert len(History().to_pandas()) == 0


def test_pandas_gets_the_lists_with_the_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    def frame(data: Any, index: Any) -> tuple[Any, Any]:
        return data, index

    package = SimpleNamespace(RangeIndex=lambda *each, name: (*each, name), DataFrame=frame)
    monkeypatch.setitem(sys.modules, "pandas", package)  # type: ignore[arg-type]
    data, index = history().to_pandas()
    assert data["loss"] == [1.0, 0.5]
    assert index == (1, 3, "epoch")


def test_without_pandas_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"to_pandas: needs the package pandas.*pip install"):
        history().to_pandas()
