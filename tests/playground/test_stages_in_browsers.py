"""The stages of a playground in Chromium and Firefox: marked cells, filters by hand, Grad-CAM."""

from __future__ import annotations

import cnnx
import numpy as np
import playground_tab
import pytest
from browser_tab import Tab
from playground_models import Playgrounds

pytestmark = pytest.mark.slow

NAME = "document.querySelector('#stage-1 .cell-name').textContent"
WEIGHTS = "playground.engine.array('conv2d_1.weight')"
MAPS = "#stage-1 .layer canvas"


def press_cell(tab: Tab, canvas: str, row: int, column: int) -> None:
    """Press a cell of a map as a pointer does."""
    tab.run(
        f"""const canvas = {canvas};
        const box = canvas.getBoundingClientRect();
        const at = {{
          clientX: box.left + (box.width * ({column} + 0.5)) / canvas.width,
          clientY: box.top + (box.height * ({row} + 0.5)) / canvas.height,
        }};
        for (const kind of ["pointermove", "click"]) {{
          canvas.dispatchEvent(new PointerEvent(kind, {{...at, bubbles: true}}));
        }}"""
    )


def test_a_pressed_cell_shows_pythons_number_and_its_window(
    tab: Tab, playground: Playgrounds
) -> None:
    files = playground("lenet5")
    playground_tab.open_playground(tab, files.page)
    image = cnnx.data.xo(1, size=28, seed=3)[0]
    playground_tab.set_pixels(tab, image)
    tab.run("document.querySelector('#stage-1').scrollIntoView({behavior: 'instant'})")
    tab.wait_until("document.querySelector('#stage-1 .by-hand .result')")
    press_cell(tab, f"document.querySelectorAll('{MAPS}')[4]", 7, 12)
    assert tab.evaluate(NAME).startswith("By hand: map 4, row 7, column 12 in conv2d_1")
    assert "kept" in tab.evaluate(NAME)
    shown = float(tab.evaluate("document.querySelector('#stage-1 .by-hand .result').textContent"))
    expected = cnnx.load(files.model).layer_outputs(image, ["conv2d_1"])["conv2d_1"][0, 7, 12, 4]
    assert shown == pytest.approx(float(expected), abs=0.002)
    frame = "document.querySelector('#stage-0 .tile .frame').style"
    assert tab.evaluate(f"[{frame}.top, {frame}.left].map(parseFloat)") == pytest.approx(
        [100 * 5 / 28, 100 * 10 / 28], abs=0.01
    )
    # Until it is pressed again, the pointer moves over other cells in vain.
    press_cell(tab, f"document.querySelectorAll('{MAPS}')[4]", 7, 12)
    assert "kept" not in tab.evaluate(NAME)


def test_filters_are_changed_by_hand_and_reset(tab: Tab, playground: Playgrounds) -> None:
    playground_tab.open_playground(tab, playground("lenet5").page)
    tab.run("document.querySelector('#stage-1').scrollIntoView({behavior: 'instant'})")
    tab.run("document.querySelector('#stage-1 .editor').open = true")
    tab.wait_until("document.querySelector('#stage-1 .weights input')")
    before = np.frombuffer(tab.bytes_of(WEIGHTS), np.float32).reshape(5, 5, 1, 6)
    filter_text = tab.evaluate("document.querySelector('#stage-1 .editor .controls').textContent")
    chosen = int(filter_text.split()[1])
    result = "document.querySelector('#stage-1 .by-hand').textContent"
    shown = tab.evaluate(result)
    tab.run(
        """const field = document.querySelectorAll('#stage-1 .weights input')[7];
        field.focus();
        field.value = '1.5';
        field.dispatchEvent(new Event('input', {bubbles: true}));"""
    )
    tab.wait_until(f"{result} !== {shown!r}")
    changed = np.frombuffer(tab.bytes_of(WEIGHTS), np.float32).reshape(5, 5, 1, 6)
    assert changed[1, 2, 0, chosen] == 1.5
    assert (changed != before).sum() == 1

    playground_tab.press_button(tab, "Identity")
    tab.wait_until(f"(async () => (await {WEIGHTS})[{12 * 6 + chosen}] === 1)()")
    identity = np.frombuffer(tab.bytes_of(WEIGHTS), np.float32).reshape(5, 5, 1, 6)
    assert np.count_nonzero(identity[..., chosen]) == 1
    others = [k for k in range(6) if k != chosen]
    assert (identity[..., others] == before[..., others]).all()

    playground_tab.press_button(tab, "Reset all filters")
    tab.wait_until(f"(async () => (await {WEIGHTS})[{12 * 6 + chosen}] !== 1)()")
    assert tab.bytes_of(WEIGHTS) == before.tobytes()
    tab.wait_until(f"{result} === {shown!r}")


def test_another_class_is_explained_by_the_vote_and_grad_cam(
    tab: Tab, playground: Playgrounds
) -> None:
    playground_tab.open_playground(tab, playground("demo_model").page)
    predicted = tab.evaluate("document.querySelector('#prediction strong').textContent")
    other = "O" if predicted == "X" else "X"
    tab.run("document.querySelector('#attention').scrollIntoView({behavior: 'instant'})")
    caption = "document.querySelector('#attention-caption').textContent"
    tab.wait_until(f"{caption}.startsWith('Grad-CAM for {predicted},')")
    drawn = "document.querySelector('#attention-overlay').toDataURL()"
    overlay = tab.evaluate(drawn)
    tab.run(
        f"""const select = document.querySelector('#prediction select');
        select.value = [...select.options].find((each) => each.text === '{other}').value;
        select.dispatchEvent(new Event('change', {{bubbles: true}}));"""
    )
    tab.wait_until(f"{caption}.startsWith('Grad-CAM for {other},')")
    assert tab.evaluate(drawn) != overlay
    vote = "[...document.querySelectorAll('.stage')].at(-1)"
    tab.run(f"{vote}.scrollIntoView({{behavior: 'instant'}})")
    tab.wait_until(f"{vote}.textContent.includes('By hand: score of {other}')")


def test_all_maps_of_a_layer_are_shown_on_demand(tab: Tab, playground: Playgrounds) -> None:
    playground_tab.open_playground(tab, playground("demo_model").page)
    maps = "document.querySelector('#stage-2 .layer')"
    count = f"{maps}.querySelectorAll('canvas').length"
    assert tab.evaluate(count) == 16
    tab.click(f"{maps}.querySelector('.more')")
    assert tab.evaluate(count) == 32
    assert tab.evaluate(f"{maps}.querySelector('.more')") is None
    last = f"[...{maps}.querySelectorAll('canvas')].at(-1)"
    data = f"{last}.getContext('2d').getImageData(0, 0, 16, 16).data"
    assert tab.evaluate(f"new Set({data}).size > 8") is True
