"""Images that a reader collects in Chromium and Firefox: files, removal, settings, downloads."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import cnnx
import numpy as np
import numpy.typing as npt
import playground_tab
import pytest
from browser_tab import Tab, in_javascript
from cnnx.drawing.png import png
from playground_models import Playgrounds, random_images

pytestmark = pytest.mark.slow

STATUS = "document.querySelector('.training-status').textContent"
ERROR = "document.querySelector('#training .error').textContent"
ROWS = "document.querySelectorAll('.sample-class')"
COUNTS = (
    "[...document.querySelectorAll('.sample-class')].map((e) => e.querySelectorAll('li').length)"
)
# Keeps the bytes of downloads by file name instead of writing files.
CATCH_DOWNLOADS = """
window.saved = {};
const addressOf = URL.createObjectURL;
URL.createObjectURL = (blob) => addressOf.call(URL, window.blob = blob);
HTMLAnchorElement.prototype.click = function () {
  window.saved[this.download] = window.blob.arrayBuffer().then((each) => new Uint8Array(each));
};
"""


@pytest.fixture
def opened(tab: Tab, playground: Playgrounds) -> Tab:
    """The playground of the model of `cnnx demo`, after a click.

    Without one, Chromium logs that a page with unsaved images may not ask before it is left.
    """
    playground_tab.open_playground(tab, playground("demo_model").page)
    playground_tab.press_button(tab, "Clear")
    return tab


def add(tab: Tab, name: str, images: npt.NDArray[np.uint8]) -> None:
    """Put each image on the pad and then into a class."""
    for image in images:
        playground_tab.set_pixels(tab, image)
        playground_tab.press_button(tab, f"Add to {name}")


def drop(tab: Tab, row: int, files: dict[str, bytes]) -> None:
    """Drop files on a class."""
    made = [
        f"new File([{in_javascript(content)}], '{name}', {{type: 'image/png'}})"
        for name, content in files.items()
    ]
    tab.run(
        "const transfer = new DataTransfer();"
        f"for (const each of [{', '.join(made)}]) transfer.items.add(each);"
        "const settings = {dataTransfer: transfer, bubbles: true, cancelable: true};"
        f"{ROWS}[{row}].dispatchEvent(new DragEvent('drop', settings));"
    )


def warns_before_unload(tab: Tab) -> bool:
    event = "new Event('beforeunload', {cancelable: true})"
    return not tab.evaluate(f"window.dispatchEvent({event})")


def test_the_files_to_take_home(opened: Tab, tmp_path: Path) -> None:
    images = random_images((32, 32, 1), 5)
    opened.run(CATCH_DOWNLOADS)
    assert not warns_before_unload(opened)
    add(opened, "X", images[:2])
    add(opened, "O", images[2:])
    assert warns_before_unload(opened)
    playground_tab.press_button(opened, "Download the images")
    opened.wait_until("window.saved['demo_model-images.zip']")
    content = opened.bytes_of("window.saved['demo_model-images.zip']")
    assert not warns_before_unload(opened)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path)
    read = cnnx.data.load(tmp_path / "demo_model-images")
    assert read.classes == ("O", "X")
    assert read.x.tobytes() == np.concatenate([images[2:], images[:2]]).tobytes()

    playground_tab.press_button(opened, "Train")
    opened.wait_until(f"{STATUS}.startsWith('Trained')")
    playground_tab.press_button(opened, "Download demo_model.cnnx")
    opened.wait_until("window.saved['demo_model.cnnx']")
    (tmp_path / "model.cnnx").write_bytes(opened.bytes_of("window.saved['demo_model.cnnx']"))
    assert cnnx.load(tmp_path / "model.cnnx").classes == ["X", "O"]
    assert (tmp_path / "model.cnnx").read_bytes() == playground_tab.saved_model(opened)


def test_dropped_files_are_read_and_others_named(opened: Tab) -> None:
    images = random_images((32, 32, 1), 3)
    files = {f"{k}.png": png(image) for k, image in enumerate(images)}
    drop(opened, 1, {**files, "notes.png": b"no image"})
    opened.wait_until(ERROR)
    assert opened.evaluate(COUNTS) == [0, 3]
    assert "notes.png" in opened.evaluate(ERROR)
    thumbnails = opened.bytes_of(
        f"Uint8Array.from([...{ROWS}[1].querySelectorAll('canvas')].flatMap((each) => "
        "[...each.getContext('2d').getImageData(0, 0, 32, 32).data].filter((_, k) => k % 4 === 0)))"
    )
    assert thumbnails == images.tobytes()


def test_the_keyboard_removes_images_and_keeps_the_focus(opened: Tab) -> None:
    add(opened, "X", random_images((32, 32, 1), 3))
    opened.run(f"{ROWS}[0].querySelector('.class-images button').focus()")
    for left in (2, 1, 0):
        opened.press("Enter")
        assert opened.evaluate(COUNTS) == [left, 0]
        label = opened.evaluate("document.activeElement.ariaLabel ?? document.activeElement.value")
        assert label == ("X" if left == 0 else "Remove image 1 of class X")


def test_wrong_settings_are_named_and_get_the_focus(opened: Tab) -> None:
    for name in ("X", "O"):
        add(opened, name, random_images((32, 32, 1), 2))
    field = "document.getElementById('training-batchSize')"
    for text in ("0", "2.5", "many"):
        opened.run(f"{field}.value = '{text}'")
        playground_tab.press_button(opened, "Train")
        sentence = f"“{text}”, expected a whole number from 1 to 1024."
        assert opened.evaluate(ERROR).endswith(sentence)
        assert opened.evaluate(f"document.activeElement === {field} && {field}.ariaInvalid")
    opened.run(f"{field}.value = '2'")
    playground_tab.press_button(opened, "Train")
    opened.wait_until(f"{STATUS}.startsWith('Trained after 40 steps')")
    program = opened.evaluate("document.querySelector('#training pre').textContent")
    assert "    batch_size=2,\n" in program
    assert opened.evaluate(ERROR) == ""


def test_a_training_stops_and_says_so(opened: Tab) -> None:
    for name in ("X", "O"):
        add(opened, name, random_images((32, 32, 1), 2))
    opened.run("document.getElementById('training-epochs').value = '10000'")
    playground_tab.press_button(opened, "Train")
    opened.wait_until(f"{STATUS}.startsWith('Step')")
    playground_tab.press_button(opened, "Stop")
    opened.wait_until(f"{STATUS}.startsWith('Stopped after ')")
    assert 0 < int(opened.evaluate(STATUS).split()[2]) < 10000
    labels = opened.evaluate("[...document.querySelectorAll('svg.chart')].map((e) => e.ariaLabel)")
    assert [label.split(" over ")[0] for label in labels] == ["Loss", "Accuracy on these images"]


def test_classes_are_added_and_named_once(opened: Tab) -> None:
    playground_tab.press_button(opened, "Add a class")
    assert opened.evaluate("document.activeElement.value") == "Class 3"
    for letter in "X":
        opened.press(letter)
    opened.press("Enter")
    assert opened.evaluate(ERROR) == "There is a class X already: write another name."
    assert opened.evaluate("document.activeElement.value") == "Class 3"
    playground_tab.press_button(opened, "Remove class")
    assert opened.evaluate(f"{ROWS}.length") == 2
    playground_tab.press_button(opened, "Remove class")
    assert "at least 2 classes" in opened.evaluate(ERROR)
