"""The fuzzer's own parts: valid seeds, Python targets that run, findings that are saved."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import cnnx
import layer_kinds
import pytest
from cpp_build import ROOT

sys.path.insert(0, str(ROOT))
from fuzz import readers, seeds


def test_every_target_has_seeds_and_each_its_source() -> None:
    in_cpp = {path.stem.removesuffix("_fuzzer") for path in ROOT.glob("cpp/fuzz/*_fuzzer.cpp")}
    assert in_cpp | set(readers.TARGETS) == set(seeds.WRITERS)
    assert not in_cpp & set(readers.TARGETS)


def test_the_seeds_of_the_model_reader_hold_every_kind_of_layer(tmp_path: Path) -> None:
    seeds.write_seeds("model_file", tmp_path)
    models = [cnnx.load(path) for path in sorted(tmp_path.iterdir())]
    kinds = {layer.kind for model in models for layer in model.layers}
    assert kinds == set(layer_kinds.KINDS)
    assert max(path.stat().st_size for path in tmp_path.iterdir()) <= readers.MOST_BYTES


def test_the_dictionary_holds_every_kind_and_setting(tmp_path: Path) -> None:
    seeds.write_dictionary(tmp_path / "words")
    words = (tmp_path / "words").read_text(encoding="ascii").splitlines()
    assert len(words) == len(set(words))
    for kind in layer_kinds.KINDS.values():
        for name in (kind["name"], *(setting["name"] for setting in kind["settings"])):
            assert f'"{name}"' in words


@pytest.mark.parametrize("target", readers.TARGETS)
def test_a_python_target_runs(target: str, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    seeds.write_seeds(target, tmp_path / "seeds")
    command = [sys.executable, "-m", "fuzz.readers", target, str(corpus), str(tmp_path / "seeds")]
    finished = subprocess.run(
        [*command, "--seconds=0.3", f"--findings={tmp_path}", "--seed=0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    reached = re.search(r"#(\d+) DONE cov: (\d+) corp: (\d+)", finished.stdout)
    assert reached, finished.stdout
    assert int(reached[1]) >= len(list((tmp_path / "seeds").iterdir()))
    assert int(reached[2]) > 20


def test_a_finding_is_saved_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stumble(content: bytes, folder: Path) -> None:
        if b"5" in content:
            raise ZeroDivisionError("on purpose")

    monkeypatch.setitem(readers.TARGETS, "idx", stumble)
    monkeypatch.setattr(readers, "limit_memory", lambda: None)
    (tmp_path / "input").write_bytes(b"15")
    arguments = ["readers", "idx", str(tmp_path / "input"), "--findings", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    assert readers.main() == 1
    (finding,) = tmp_path.glob("finding-*")
    assert finding.read_bytes() == b"15"
    assert f"SUMMARY: idx: {finding}" in capsys.readouterr().out
    (tmp_path / "input").write_bytes(b"14")
    assert readers.main() == 0
