"""Files that commit b9ff8bf wrote load, resume and compute the same bits.

The bytes that this version saves are compared without their checksums, which came later.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import cnnx
import pytest
from checkpoint_runs import RUNS
from instruction_sets import digests, needs
from model_file_parts import without_checksums
from version_files import EXPECTED, MODELS, arithmetic, digest_of_model, digest_of_resumed

pytestmark = pytest.mark.parity

FILES = Path(__file__).parent / "files"
OLD_RUNS = [run for run in RUNS if run != "weights"]  # which came later


def unpacked(name: str, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(gzip.decompress((FILES / f"{name}.gz").read_bytes()))
    return path


def expected(name: str) -> str:
    found: str = json.loads((FILES / EXPECTED).read_text())[arithmetic()][name]
    return found


@pytest.mark.filterwarnings("ignore:.*are applied once more")  # to images of negative numbers
@pytest.mark.parametrize("name", MODELS)
def test_a_model_computes_the_same_bits(name: str, tmp_path: Path) -> None:
    assert digest_of_model(cnnx.load(unpacked(f"{name}.cnnx", tmp_path))) == expected(name)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_saved_as_the_same_bytes(name: str, tmp_path: Path) -> None:
    old = unpacked(f"{name}.cnnx", tmp_path)
    cnnx.load(old).save(tmp_path / "again.cnnx")
    assert without_checksums((tmp_path / "again.cnnx").read_bytes()) == old.read_bytes()


@pytest.mark.parametrize("name", MODELS)
def test_a_new_model_is_saved_as_the_same_bytes(name: str, tmp_path: Path) -> None:
    MODELS[name]().save(tmp_path / "new.cnnx")
    old = unpacked(f"{name}.cnnx", tmp_path).read_bytes()
    assert without_checksums((tmp_path / "new.cnnx").read_bytes()) == old


@pytest.mark.parametrize("run", OLD_RUNS)
def test_a_checkpoint_resumes_to_the_same_bits(run: str, tmp_path: Path) -> None:
    assert digest_of_resumed(unpacked(f"{run}.ckpt", tmp_path), run) == expected(run)


@pytest.mark.parametrize("kind", ["op", "training"])
def test_digests_are_those_of_the_commit(kind: str) -> None:
    """Digests of ops and of trainings; kinds of layers that came later have none in the file."""
    isa = cnnx.isa()
    needs(isa)
    recorded = json.loads((FILES / "digests.json").read_text())[arithmetic()][kind]
    found = digests(isa, 2, f"{kind}_digests.py")
    assert {name: found.get(name) for name in recorded} == recorded
