"""A report in headless Chromium, with network and scripts off, narrow and wide, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import chromium
import cnnx
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium.executable() is None, reason="needs Chromium or Chrome"),
]

SECTIONS = [
    *("totals", "curves", "classes", "confusion-matrix", "confusions", "calibration"),
    *("thresholds", "mistakes", "certain-errors", "network", "findings", "reproduce"),
]
PAPERS = {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 30)"}


@pytest.fixture(scope="module")
def tab() -> Iterator[chromium.Browser]:
    with chromium.browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    x, y = cnnx.data.xo(600, size=16, seed=1)
    model = cnnx.models.small((16, 16, 1), ["X", "O"])
    trainer = cnnx.Trainer(model)
    history = trainer.fit(x[:300], y[:300], epochs=1, validation=0.2)
    path = tmp_path_factory.mktemp("page") / "report.html"
    wrong = y[300:].copy()
    wrong[::5] = 1 - wrong[::5]  # some mistakes for certain
    cnnx.report.write(path, model, (x[300:], wrong), history=history)
    return path


def sections_of(tab: chromium.Browser, page: Path, scheme: str, width: int) -> list[str]:
    """Sections of a page that is shown whole, without requests and messages."""
    seen = chromium.view(tab, page, width=width, scheme=scheme)
    assert seen.requests == []
    assert seen.messages == []
    assert seen.width == width  # the page does not scroll sideways
    assert seen.background == PAPERS[scheme]
    return seen.sections


@pytest.mark.parametrize("width", chromium.WIDTHS)
@pytest.mark.parametrize("scheme", chromium.SCHEMES)
def test_a_report_is_shown_whole(
    tab: chromium.Browser, page: Path, scheme: str, width: int
) -> None:
    assert sections_of(tab, page, scheme, width) == SECTIONS


@pytest.fixture(scope="module")
def page_of_masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    x, y = cnnx.data.shapes(40, seed=1, size=(32, 32))
    model = cnnx.models.unet((32, 32, 3), cnnx.data.SHAPE_CLASSES, depth=2, width=4)
    history = cnnx.Trainer(model).fit(x[:30], y[:30], epochs=1, validation=0.2)
    path = tmp_path_factory.mktemp("masks") / "report.html"
    cnnx.report.write(path, model, (x[30:], y[30:]), history=history)
    return path


@pytest.mark.parametrize("width", chromium.WIDTHS)
@pytest.mark.parametrize("scheme", chromium.SCHEMES)
def test_a_report_of_masks_is_shown_whole(
    tab: chromium.Browser, page_of_masks: Path, scheme: str, width: int
) -> None:
    assert "worst-images" in sections_of(tab, page_of_masks, scheme, width)


def test_requests_errors_and_wide_pages_are_seen(tab: chromium.Browser, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<body style='background:red'><script>document.body.id = 'ran'</script>"
        "<div style='width:900px'>.</div><section id='empty'></section>"
        "<img src='http://example.invalid/a.png'></body>",
        encoding="utf-8",
    )
    seen = chromium.view(tab, page, width=400, scheme="light")
    assert seen.requests == ["http://example.invalid/a.png"]
    assert any("ERR_INTERNET_DISCONNECTED" in message for message in seen.messages)
    assert seen.width == 908
    assert seen.sections == []
