"""The doctor finds every defect planted into a folder, with its file names, and no other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx.doctor import Finding

pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")

from PIL import Image
from planted_defects import Pixels, clean_folder, save, texture

RNG = np.random.default_rng(7)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clean_folder(tmp_path_factory.mktemp("clean"))


def pixels_of(path: Path) -> Pixels:
    return np.asarray(Image.open(path))


def empty(root: Path) -> None:
    (root / "train/cat/new.png").touch()


def truncated(root: Path) -> None:
    data = (root / "train/cat/00.png").read_bytes()
    (root / "train/cat/new.png").write_bytes(data[: len(data) // 2])


def unreadable(root: Path) -> None:
    (root / "train/cat/new.jpg").write_text("<html>404 Not Found</html>")


def wrong_extension(root: Path) -> None:
    save(root / "train/cat/new.jpg", texture(RNG), format="PNG")


def animated(root: Path) -> None:
    first, second = (Image.fromarray(texture(RNG)) for _ in range(2))
    first.save(root / "train/cat/new.gif", save_all=True, append_images=[second])


def transparent(root: Path) -> None:
    alpha = np.full((48, 48, 1), 128, np.uint8)
    save(root / "train/cat/new.png", np.concatenate([texture(RNG), alpha], axis=2))


def wide(root: Path) -> None:
    save(root / "train/cat/new.png", texture(RNG)[..., 0].astype(np.uint16) * 257)


def cmyk(root: Path) -> None:
    Image.fromarray(texture(RNG)).convert("CMYK").save(root / "train/cat/new.jpg", quality=95)


def rotated(root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    save(root / "train/cat/new.jpg", texture(RNG), exif=exif, quality=95)


def ignored(root: Path) -> None:
    save(root / "train/cat/new.image", texture(RNG), format="JPEG")


def copy_in_class(root: Path) -> None:
    shutil.copy(root / "train/cat/00.png", root / "train/cat/new.png")


def copy_in_other_format(root: Path) -> None:
    save(root / "train/cat/new.bmp", pixels_of(root / "train/cat/01.png"))


def copy_across_sets(root: Path) -> None:
    shutil.copy(root / "train/cat/02.png", root / "test/cat/new.png")


def copy_with_other_label(root: Path) -> None:
    shutil.copy(root / "train/cat/03.png", root / "train/dog/new.png")


def similar_in_class(root: Path) -> None:
    save(root / "train/cat/new.jpg", pixels_of(root / "train/cat/04.png"), quality=60)


def similar_across_sets(root: Path) -> None:
    save(root / "test/cat/new.jpg", pixels_of(root / "train/cat/05.png"), quality=60)


def similar_with_other_label(root: Path) -> None:
    save(root / "train/dog/new.jpg", pixels_of(root / "train/cat/06.png"), quality=60)


def dark(root: Path) -> None:
    save(root / "train/cat/new.png", texture(RNG) // 4)


def bright(root: Path) -> None:
    save(root / "train/cat/new.png", 255 - texture(RNG) // 40)


def blurred(root: Path) -> None:
    small = Image.fromarray(texture(RNG)).resize((3, 3), Image.Resampling.BILINEAR)
    small.resize((48, 48), Image.Resampling.BICUBIC).save(root / "train/cat/new.png")


def low_information(root: Path) -> None:
    levels = np.where(texture(RNG) > 127, 200, 50)[..., :1].repeat(3, axis=2)
    save(root / "train/cat/new.png", levels.astype(np.uint8))


def constant(root: Path) -> None:
    save(root / "train/cat/new.png", np.full((48, 48, 3), 90, np.uint8))


def odd_size(root: Path) -> None:
    save(root / "train/cat/new.png", texture(RNG, 400, 400))


def odd_aspect(root: Path) -> None:
    save(root / "train/cat/new.png", texture(RNG, 30, 75))


def grey(root: Path) -> None:
    save(root / "train/cat/new.png", texture(RNG)[..., 0])


def empty_class(root: Path) -> None:
    (root / "train/new").mkdir()


def few_images(root: Path) -> None:
    for index in range(5):
        for set_name in ("train", "test"):
            save(root / f"{set_name}/new/{index}.png", texture(RNG))


def class_in_one_split(root: Path) -> None:
    for index in range(12):
        save(root / f"train/new/{index}.png", texture(RNG))


def unknown_class(root: Path) -> None:
    save(root / "test/new/0.png", texture(RNG))


NEW = ("train/cat/new.png",)
DEFECTS: list[tuple[Callable[[Path], None], str, str, tuple[str, ...]]] = [
    (empty, "error", "empty-files", NEW),
    (truncated, "error", "truncated-files", NEW),
    (unreadable, "error", "unreadable-files", ("train/cat/new.jpg",)),
    (wrong_extension, "warning", "wrong-extension", ("train/cat/new.jpg",)),
    (animated, "warning", "animated", ("train/cat/new.gif",)),
    (transparent, "note", "transparent", NEW),
    (wide, "note", "16-bit", NEW),
    (cmyk, "note", "cmyk", ("train/cat/new.jpg",)),
    (rotated, "note", "exif-rotation", ("train/cat/new.jpg",)),
    (ignored, "warning", "ignored-images", ("train/cat/new.image",)),
    (copy_in_class, "warning", "exact-duplicates", ("train/cat/00.png", *NEW)),
    (
        copy_in_other_format,
        "warning",
        "exact-duplicates",
        ("train/cat/01.png", "train/cat/new.bmp"),
    ),
    (copy_across_sets, "error", "exact-leak", ("train/cat/02.png", "test/cat/new.png")),
    (
        copy_with_other_label,
        "error",
        "conflicting-labels",
        ("train/cat/03.png", "train/dog/new.png"),
    ),
    (similar_in_class, "note", "near-duplicates", ("train/cat/04.png", "train/cat/new.jpg")),
    (similar_across_sets, "warning", "near-leak", ("train/cat/05.png", "test/cat/new.jpg")),
    (
        similar_with_other_label,
        "warning",
        "near-conflict",
        ("train/cat/06.png", "train/dog/new.jpg"),
    ),
    (dark, "warning", "dark", NEW),
    (bright, "warning", "bright", NEW),
    (blurred, "warning", "blurry", NEW),
    (low_information, "warning", "low-information", NEW),
    (constant, "warning", "constant-images", NEW),
    (odd_size, "note", "odd-sizes", NEW),
    (odd_aspect, "warning", "odd-aspect", NEW),
    (grey, "note", "grey-among-colour", NEW),
    (empty_class, "error", "empty-class", ("train: new",)),
    (few_images, "warning", "few-images", ("new",)),
    (class_in_one_split, "warning", "class-in-one-split", ("new",)),
    (unknown_class, "error", "unknown-class", ("new",)),
]


def test_large_images_are_equal_only_if_all_pixels_are(clean: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(clean, root)
    large = texture(RNG, 90, 90)
    almost = large.copy()
    almost[50, 60, 1] ^= 1
    for name, pixels in (("a.png", large), ("b.bmp", large), ("c.png", almost)):
        save(root / "train/cat" / name, pixels)
    found = by_check(cnnx.doctor.check_data(root))
    assert set(found) == {"exact-duplicates", "near-duplicates"}
    assert found["exact-duplicates"].groups == (("train/cat/a.png", "train/cat/b.bmp"),)
    assert found["near-duplicates"].groups == (("train/cat/a.png", "train/cat/c.png"),)


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {each.check: each for each in findings}


def test_a_clean_folder_has_no_findings(clean: Path) -> None:
    assert cnnx.doctor.check_data(clean) == []


@pytest.mark.parametrize(("plant", "severity", "check", "names"), DEFECTS)
def test_a_planted_defect_is_found_with_its_names(
    plant: Callable[[Path], None],
    severity: str,
    check: str,
    names: tuple[str, ...],
    clean: Path,
    tmp_path: Path,
) -> None:
    root = tmp_path / "set"
    shutil.copytree(clean, root)
    plant(root)
    found = by_check(cnnx.doctor.check_data(root))
    assert check in found, found
    assert found[check].severity == severity
    assert found[check].examples == names
    assert found[check].count >= 1


def test_all_defects_of_files_together(clean: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(clean, root)
    expected: dict[str, set[str]] = {}
    for plant, _, check, _ in DEFECTS:
        if plant in (empty_class, few_images, class_in_one_split, unknown_class):
            continue
        plant(root)
        (file,) = root.rglob("new.*")
        file = file.rename(file.with_name(f"{plant.__name__}{file.suffix}"))
        expected.setdefault(check, set()).add(file.relative_to(root).as_posix())
    found = by_check(cnnx.doctor.check_data(root))
    assert len(expected) >= 20
    for check, names in expected.items():
        assert names <= set(found[check].examples), check
