"""The drivers of Chromium and Firefox, on a page that does everything that they report."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import browser_tab
import pytest

pytestmark = pytest.mark.slow

PAGE = """<!doctype html><title>.</title><style>body { margin: 0 }</style>
<div id="pad" style="width:100px;height:100px;touch-action:none"></div><input id="field">
<script type="module">
const seen = [];
for (const kind of ["pointerdown", "pointermove", "pointerup"]) {
  pad.addEventListener(kind, (event) => {
    if (kind != "pointermove" || event.buttons) seen.push([kind, event.clientX, event.clientY]);
  });
}
field.addEventListener("keydown", (event) => {
  if (event.key != "Shift") seen.push([event.key, event.code, event.shiftKey]);
});
window.seen = seen;
console.warn("from the page");
const source = "console.error('from the worker');"
  + "fetch('http://example.invalid/a').catch(() => postMessage('failed'))";
const worker = new Worker(URL.createObjectURL(new Blob([source])));
window.answer = new Promise((resolve) => { worker.onmessage = (event) => resolve(event.data) });
setTimeout(() => { throw new Error("thrown later") }, 0);
</script>"""


@pytest.fixture(scope="module", params=browser_tab.BROWSERS)
def tab(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[browser_tab.Tab]:
    if not browser_tab.installed(request.param):
        pytest.skip(f"{request.param} is not installed")
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(PAGE, encoding="utf-8")
    with browser_tab.open_tab(request.param) as tab:
        tab.open(path)
        yield tab


def test_a_tab_acts_as_a_user_does_and_reports_all_that_a_page_says(tab: browser_tab.Tab) -> None:
    assert tab.evaluate("window.answer") == "failed"  # in the worker, which has no network either
    assert tab.requests == ["http://example.invalid/a"]
    for text in ("from the page", "from the worker", "thrown later"):
        assert any(text in message for message in tab.messages), text

    tab.drag([(10, 20), (30, 40), (50, 60)])
    tab.evaluate("field.focus()")
    for key in ("a", "Space", "ArrowLeft", "Enter"):
        tab.press(key)
    tab.press("Tab", shift=True)
    assert tab.evaluate("window.seen") == [
        *(["pointerdown", 10, 20], ["pointermove", 30, 40], ["pointermove", 50, 60]),
        *(["pointerup", 50, 60], ["a", "KeyA", False], [" ", "Space", False]),
        *(["ArrowLeft", "ArrowLeft", False], ["Enter", "Enter", False]),
        ["Tab", "Tab", True],
    ]
    assert tab.evaluate("field.value") == "a "


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_tab_has_a_size_and_a_colour_scheme(tab: browser_tab.Tab, scheme: str) -> None:
    tab.resize(400)
    tab.use_scheme(scheme)
    assert tab.evaluate(f"matchMedia('(prefers-color-scheme: {scheme})').matches") is True
    assert tab.evaluate("[innerWidth, innerHeight]") == [400, 900]
    assert tab.screenshot()[:4] == b"\x89PNG"


def test_values_and_errors_come_back_from_javascript(tab: browser_tab.Tab) -> None:
    values = bytes(range(256)) * 1000
    sum_of = f"{browser_tab.in_javascript(values)}.reduce((all, one) => all + one)"
    assert tab.evaluate(sum_of) == sum(values)
    assert tab.bytes_of("Float32Array.of(0, 1, 2).subarray(1)") == struct.pack("<ff", 1, 2)
    assert tab.run("const one = await 1; return {one, none: null}") == {"one": 1, "none": None}
    with pytest.raises(RuntimeError, match="refused"):
        tab.evaluate("Promise.reject(new Error('refused'))")
