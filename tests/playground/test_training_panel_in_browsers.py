"""The training panel in Chromium and Firefox: classes, images drawn by hand, curves, reset."""

from __future__ import annotations

from pathlib import Path

import cnnx
import playground_tab
import pytest
from browser_tab import Tab
from playground_models import Playgrounds

pytestmark = pytest.mark.slow

STATUS = "document.querySelector('.training-status').textContent"
PREDICTED = "document.querySelector('#prediction strong')?.textContent"
MOVES = ((0, 0), (0.08, 0.05), (-0.06, 0.07), (0.05, -0.08), (-0.07, -0.05))


def test_images_drawn_by_hand_train_classes_of_ones_own(
    tab: Tab, playground: Playgrounds, tmp_path: Path
) -> None:
    playground_tab.open_playground(tab, playground("demo_model").page)
    bar = (((0.2, 0.5), (0.8, 0.5)),)
    rename(tab, 0, "bar")
    rename(tab, 1, "ring")
    for name, strokes in (("bar", bar), ("ring", playground_tab.RING)):
        for k, move in enumerate(MOVES):
            playground_tab.draw(tab, strokes, move, scale=0.7 + 0.05 * k)
            playground_tab.press_button(tab, f"Add to {name}")
    playground_tab.press_button(tab, "Train")
    tab.wait_until(f"{STATUS}.startsWith('Trained')")
    assert tab.evaluate(STATUS).endswith("accuracy 100 %.")
    for name, strokes in (("bar", bar), ("ring", playground_tab.RING)):
        playground_tab.draw(tab, strokes, move=(0.02, -0.03), scale=0.85)
        tab.wait_until(f"{PREDICTED} === '{name}'")

    saved = tmp_path / "model.cnnx"
    saved.write_bytes(playground_tab.saved_model(tab))
    assert cnnx.load(saved).classes == ["bar", "ring"]
    playground_tab.press_button(tab, "Reset to the original model")
    tab.wait_until(f"['X', 'O'].includes({PREDICTED})")


def test_a_model_of_ten_classes_is_trained_for_two(tab: Tab, playground: Playgrounds) -> None:
    playground_tab.open_playground(tab, playground("lenet5").page)
    buttons = "[...document.querySelectorAll('#training button')]"
    for digit in range(2, 10):
        remove = f"{buttons}.find((each) => each.ariaLabel === 'Remove class {digit}')"
        tab.run(f"{remove}.click()")
    for name, strokes in (("0", playground_tab.RING), ("1", playground_tab.CROSS)):
        for move in MOVES[:2]:
            playground_tab.draw(tab, strokes, move, scale=0.8)
            playground_tab.press_button(tab, f"Add to {name}")
    playground_tab.press_button(tab, "Train")
    tab.wait_until(f"{STATUS}.startsWith('Trained')")
    shown = "[...document.querySelectorAll('#prediction th')].map((each) => each.textContent)"
    tab.wait_until(f"String({shown}) === '0,1'")


def test_a_training_without_images_is_refused_in_a_sentence(
    tab: Tab, playground: Playgrounds
) -> None:
    playground_tab.open_playground(tab, playground("demo_model").page)
    playground_tab.press_button(tab, "Train")
    error = "document.querySelector('#training .error').textContent"
    tab.wait_until(error)
    assert tab.evaluate(error).endswith(".")


def rename(tab: Tab, number: int, name: str) -> None:
    """Type another name of a class."""
    field = f"document.querySelectorAll('.sample-class input[type=text]')[{number}]"
    tab.click(field)
    tab.run(f"{field}.select()")
    for letter in name:
        tab.press(letter)
    tab.press("Enter")
