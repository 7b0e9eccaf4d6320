"""Accessibility of a playground, checked by axe-core: two widths, both schemes, three states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import npm_packages
import playground_tab
import pytest
from browser_tab import Tab
from playground_models import Playgrounds

pytestmark = pytest.mark.slow


LOOKS = ((400, "light"), (400, "dark"), (1400, "light"), (1400, "dark"))


def violations(tab: Tab, looks: Sequence[tuple[int, str]] = LOOKS) -> list[str]:
    """What axe-core finds in widths and schemes: rule, element and reason."""
    found: set[str] = set()
    for width, scheme in looks:
        tab.resize(width)
        tab.use_scheme(scheme)
        # The page draws anew in the next frame.
        tab.run("await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));")
        result: list[dict[str, Any]] = tab.run(
            "const {violations} = await axe.run(document, {resultTypes: ['violations']});"
            "return violations.flatMap(({id, nodes}) => nodes.map("
            "  ({target, failureSummary}) => ({id, target, failureSummary})));"
        )
        for each in result:
            reason = each["failureSummary"].replace("\n", " ")
            found.add(f"{width} {scheme} {each['id']}: {each['target']}: {reason}")
    return sorted(found)


def open_with_axe(tab: Tab, playground: Playgrounds, name: str) -> None:
    playground_tab.open_playground(tab, playground(name).page)
    axe = npm_packages.npm_package("axe-core") / "axe.min.js"
    tab.run(axe.read_text(encoding="utf-8"))
    tab.run("for (const each of document.querySelectorAll('details')) each.open = true;")


@pytest.mark.parametrize("name", ["lenet5", "batch_norm", "colours", "resnet20"])
def test_axe_finds_no_violation(tab: Tab, playground: Playgrounds, name: str) -> None:
    open_with_axe(tab, playground, name)
    assert violations(tab, ((400, "dark"), (1400, "light"))) == []


def test_axe_finds_no_violation_with_a_marked_cell_and_while_and_after_a_training_runs(
    tab: Tab, playground: Playgrounds
) -> None:
    open_with_axe(tab, playground, "demo_model")
    assert violations(tab) == []
    tab.click("document.querySelectorAll('.maps canvas')[3]")
    assert violations(tab) == []
    for name, strokes in (("X", playground_tab.CROSS), ("O", playground_tab.RING)):
        for scale in (0.8, 1):
            playground_tab.draw(tab, strokes, scale=scale)
            for _ in range(4):
                playground_tab.press_button(tab, f"Add to {name}")
    status = "document.querySelector('.training-status').textContent"
    for setting, value in (("epochs", 10000), ("batchSize", 1)):  # longer than axe takes
        tab.run(f"document.getElementById('training-{setting}').value = '{value}'")
    playground_tab.press_button(tab, "Train")
    tab.wait_until(f"{status}.startsWith('Step')")
    assert violations(tab) == []
    assert tab.evaluate(status).startswith("Step")
    playground_tab.press_button(tab, "Stop")
    tab.wait_until(f"{status}.startsWith('Stopped')")
    assert violations(tab) == []


def test_axe_finds_a_planted_violation(tab: Tab, playground: Playgrounds) -> None:
    open_with_axe(tab, playground, "demo_model")
    tab.run("document.getElementById('clear').textContent = '';")
    assert any("button-name" in each for each in violations(tab, ((1400, "light"),)))
