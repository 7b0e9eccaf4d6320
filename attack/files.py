"""Cases that damage a file: it is refused in one sentence, or read to a usable value."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from attack import file_snippets, snippets
from attack.case import HEADER, Case, Draw, lines, paste
from attack.file_snippets import MOST_MEMORY
from attack.trainings import drawn_training, model_source
from fuzz.readers import VALUES

IMPORTS = """
import gzip
import json
import os
import resource
import struct
import tempfile
import warnings
from pathlib import Path
"""
IMAGES = "rng.integers(0, 256, {shape}, dtype=np.uint8)"
# A model that is read from a damaged file can predict, and be saved and read again. Its outputs may
# be infinite, because damaged weights are.
USE_MODEL = """
def use(model):
    with np.errstate(all="ignore"):
        outputs = model(np.zeros((1, *model.input_shape), np.float32))
    model.save(folder / "again")
    again = cnnx.load(folder / "again")(np.zeros((1, *model.input_shape), np.float32))
    assert again.tobytes() == outputs.tobytes(), "the saved model gives other outputs"
"""
USE_DATA = """
def use(data):
    assert len(data.x) == len(data.y) > 0
    assert 0 <= data.y.min()
    assert data.x.dtype == np.uint8
"""


class Format(NamedTuple):
    """Source for one format of files.

    Attributes:
        write: lines that write files to `folder`, and set `path` to the file to damage.
        read: expression that reads it.
        use: definition of the function `use`, which takes the value that was read.
        has_header: whether the file begins with a safetensors header.
    """

    write: str
    read: str
    use: str
    has_header: bool = False


def model_file(draw: Draw) -> Format:
    """A model."""
    write = f"path = folder / 'model.cnnx'\n{model_source(draw)}\nmodel.save(path)"
    return Format(write, "cnnx.load(path)", USE_MODEL, has_header=True)


def checkpoint(draw: Draw) -> Format:
    """A checkpoint of a drawn training."""
    training = drawn_training(draw)
    setup = training.setup.replace(HEADER, "")
    fit = f"validation={training.validation}, {training.fit}, checkpoint=path"
    write = lines(
        (
            "path = folder / 'run.ckpt'",
            *setup.splitlines(),
            "def fit(epochs):",
            f"    make_trainer().fit(x, y, sample_weight=w, epochs=epochs, {fit})",
            "try:",
            "    fit(2)",
            "except FloatingPointError:  # of an unstable network",
            "    fit(0)",
        )
    )
    use = "def use(trainer):\n    trainer.step(x[:3], y[:3])\n    trainer.evaluate(x, y)"
    return Format(write, "cnnx.Trainer.resume(path)", use, has_header=True)


def idx(draw: Draw) -> Format:
    """IDX files of images and labels, plain or compressed."""
    shape = (draw.integer(1, 5), *draw.pair(1, 6))
    suffix, opened = draw.one_of(("", "open"), (".gz", "gzip.open"))
    damaged = draw.one_of("train-images-idx3", "train-labels-idx1")
    write = lines(
        (
            f"images, labels = {IMAGES.format(shape=shape)}, rng.integers(0, 3, {shape[0]})",
            f"with {opened}(folder / 'train-images-idx3-ubyte{suffix}', 'wb') as file:",
            "    file.write(struct.pack('>HBB3I', 0, 8, 3, *images.shape) + images.tobytes())",
            f"with {opened}(folder / 'train-labels-idx1-ubyte{suffix}', 'wb') as file:",
            "    file.write(struct.pack('>HBBI', 0, 8, 1, len(labels)))",
            "    file.write(labels.astype(np.uint8).tobytes())",
            f"path = folder / '{damaged}-ubyte{suffix}'",
        )
    )
    return Format(write, "cnnx.data.load(folder)", USE_DATA)


def npz(draw: Draw) -> Format:
    """A NumPy archive."""
    shape = (draw.integer(1, 5), *draw.pair(1, 6), draw.one_of(1, 3))
    saved = draw.one_of("np.savez", "np.savez_compressed")
    arrays = f"x={IMAGES.format(shape=shape)}, y=rng.integers(0, 3, {shape[0]})"
    names = "classes=np.array(['a', 'b', 'c'])"
    write = f"path = folder / 'set.npz'\n{saved}(path, {arrays}, {names})"
    return Format(write, "cnnx.data.load(path)", USE_DATA)


def image_file(draw: Draw) -> Format:
    """An image file of one of the formats that Pillow writes."""
    shape = (*draw.pair(1, 20), draw.one_of(3, 4))
    suffix = draw.one_of("png", "png", "bmp", "gif", "tif", "webp", "jpg")
    image = f"Image.fromarray({IMAGES.format(shape=shape)})"
    image += ".convert('RGB')" if suffix == "jpg" else ""
    write = f"path = folder / 'image.{suffix}'\nfrom PIL import Image\n{image}.save(path)"
    use = "def use(pixels):\n    assert pixels.shape == (9, 8, 3)"
    return Format(write, "cnnx.data.read_image(path, (9, 8, 3))", use)


def pixel_cache(draw: Draw) -> Format:
    """The cache of a folder's decoded pixels, which is made again if it is damaged."""
    write = lines(
        (
            "from PIL import Image",
            "for name in ('a', 'b'):",
            "    (folder / 'set' / name).mkdir(parents=True)",
            f"    image = Image.fromarray({IMAGES.format(shape=(*draw.pair(2, 9), 3))})",
            "    image.save(folder / 'set' / name / 'image.png')",
            "def read():",
            "    decoding = cnnx.data.Decoding(cache=folder / 'cache')",
            "    return cnnx.data.load(folder / 'set', decoding=decoding)",
            "read()",
            "files = sorted((folder / 'cache').iterdir())",
            f"path = files[{draw.integer(0, 9)} % len(files)]",
        )
    )
    return Format(write, "read()", USE_DATA)


FORMATS: tuple[Callable[[Draw], Format], ...] = (
    *(model_file, model_file, checkpoint, checkpoint),
    *(idx, npz, image_file, image_file, pixel_cache),
)


def files(draw: Draw) -> Case:
    """A damaged file of any format."""
    form: Format = draw.one_of(*FORMATS)(draw)
    damage = "damaged(content, rng)"
    if form.has_header and draw.chance(0.6):
        damage = f"with_replaced_header(content, rng, {VALUES!r})"
    body = lines(
        (
            *form.write.splitlines(),
            *form.use.strip().splitlines(),
            "content = path.read_bytes()",
            f"path.write_bytes({damage})",
            "limit_memory(MOST_MEMORY)",
            "warnings.simplefilter('ignore')",
            "try:",
            f"    value = {form.read}",
            "except (cnnx.FormatError, OSError) as error:",
            "    one_sentence(error)",
            "else:",
            "    try:",
            "        use(value)",
            "    except (ValueError, OSError, FloatingPointError) as error:",
            "        one_sentence(error)",
        ),
        "    ",
    )
    setup = paste(
        '"""A damaged file: it is refused in one sentence, or read to a usable value."""',
        HEADER,
        IMPORTS,
        f"MOST_MEMORY = {MOST_MEMORY}\ninf, nan = float('inf'), float('nan')",
        file_snippets.limit_memory,
        file_snippets.damaged,
        file_snippets.replaced,
        file_snippets.with_replaced_header,
        snippets.one_sentence,
        f"rng = np.random.default_rng({draw.seed})",
    )
    check = f"with tempfile.TemporaryDirectory() as name:\n    folder = Path(name)\n{body}"
    return Case(setup, "", check)
