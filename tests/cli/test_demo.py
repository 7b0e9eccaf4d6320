"""`cnnx demo`: its text, the figures it measures and the images it writes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import cnnx
import pytest
from beside import Beside
from cnnx.playground.wasm_module import WASM_MODULE
from command_line import PROGRAM, Run, start
from cpp_build import inherited_environment


def demo(beside: Beside) -> tuple[Path, CompletedProcess[str]]:
    """The folder of a demo and its output."""
    folder = beside.make_folder("demo")
    command = [sys.executable, "-m", "cnnx", "demo"]
    return folder, subprocess.run(
        command,
        env=inherited_environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.beside(call=demo)
def test_demo_prints_its_steps_and_writes_its_files(beside: Beside) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib: install the extra cli")
    from PIL import Image

    place, finished = beside.result(demo)
    out, err = finished.stdout, finished.stderr
    assert finished.returncode == 0, err
    assert "Traceback" not in err
    by_pixels = re.search(r"test images: (\d+\.\d)%; chance", out)
    learned = re.search(r"on the same [\d,]+ test images: (\d+\.\d\d)%", out)
    assert by_pixels is not None
    assert float(by_pixels[1]) <= 70
    assert learned is not None
    assert float(learned[1]) >= 99
    folder = place / "cnnx-demo"
    sizes = {"by-hand.png": (1000, 2000), "learned.png": (1000, 500), "x-1.png": (32, 32)}
    for name, (width, height) in sizes.items():
        with Image.open(folder / name) as image:
            assert image.width >= width
            assert image.height >= height
    for name in "XO":
        page = (folder / f"{name.lower()}.html").read_text(encoding="utf-8")
        assert f"<title>How the network sees an {name}</title>" in page
        assert f"The network says {name}, with a probability of" in page
        assert f"{name.lower()}.html" in out
    assert (folder / "playground.html").exists() == WASM_MODULE.exists() == ("playground" in out)
    line = out.strip().splitlines()[-1].strip()
    assert re.match(f"{PROGRAM} predict", line)
    completed = subprocess.run(
        shlex.split(line), cwd=place, capture_output=True, text=True, check=True
    )
    labels = [row.split("\t")[1] for row in completed.stdout.splitlines()]
    assert labels == ["X", "O"]


def test_demo_without_the_extra_reports_in_plain_text(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from cnnx.cli import demo

    for name in ("matplotlib", "PIL", "tqdm"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(demo, "TRAINING_IMAGES", 200)
    monkeypatch.setattr(demo, "TEST_IMAGES", 100)
    monkeypatch.setattr(demo, "EPOCHS", 1)
    outcome = run("demo")
    assert outcome.status == 0
    assert "-m pip install matplotlib pillow tqdm" in outcome.out
    assert cnnx.load("cnnx-demo/xo.cnnx").classes == ["X", "O"]
    files = sorted(file.name for file in Path("cnnx-demo").iterdir())
    examples = re.findall(r"cnnx-demo/\S+", run("playground", "--help").out)
    assert examples
    assert all(Path(each).is_file() for each in examples)
    page = ["playground.html"] if WASM_MODULE.exists() else []
    assert files == ["o.html", *page, "x.html", "xo.cnnx"]


def test_demo_refuses_a_file_in_its_place(run: Run) -> None:
    Path("cnnx-demo").write_text("")
    run("demo").refused("cnnx-demo is a file, expected a folder")


def test_the_demo_of_segmentation_without_the_extra(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cnnx.cli import demo_segmentation

    for name in ("matplotlib", "PIL", "tqdm"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(demo_segmentation, "TRAINING_IMAGES", 24)
    monkeypatch.setattr(demo_segmentation, "TEST_IMAGES", 6)
    monkeypatch.setattr(demo_segmentation, "EPOCHS", 1)
    outcome = run("demo", "segmentation")
    assert outcome.status == 0
    assert outcome.out.count("Mean IoU on 6 test images") == 1
    assert "triangle" in outcome.out
    model = cnnx.load("cnnx-demo/shapes.cnnx")
    assert (model.task, model.classes) == ("segmentation", [*cnnx.data.SHAPE_CLASSES])
    files = sorted(file.name for file in Path("cnnx-demo").iterdir())
    kinds = ("image", "predicted", "true")
    numbered = [f"{kind}-{number}.png" for kind in kinds for number in range(1, 5)]
    assert files == sorted(["shapes.cnnx", *numbered])


@pytest.mark.slow
def test_the_demo_of_segmentation_learns_shapes(tmp_path: Path) -> None:
    process = start("demo", "segmentation", cwd=tmp_path)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    by_colour = re.search(r"Mean IoU on 300 test images: (\d+\.\d)%", out)
    learned = re.search(r"mean IoU (0\.\d+)", out)
    assert by_colour is not None
    assert float(by_colour[1]) <= 50
    assert learned is not None
    assert float(learned[1]) >= 0.85
    for command in out.strip().splitlines()[-2:]:
        subprocess.run(
            shlex.split(command), cwd=tmp_path, capture_output=True, text=True, check=True
        )
    assert len(list((tmp_path / "masks").iterdir())) == 1
    assert len(list(tmp_path.rglob("*-grad-cam.png"))) == 1
