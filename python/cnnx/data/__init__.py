"""Data sets of labelled images: readers, generated data sets and augmentation."""

from cnnx.data.arrays import ArraySet
from cnnx.data.augmentation import Augmentation
from cnnx.data.dataset import (
    Batches,
    Dataset,
    ImageLike,
    ImageSet,
    LabelledImages,
    SupportsArrayInterface,
)
from cnnx.data.decoding import Decoding
from cnnx.data.folder import FolderSet, load_folder
from cnnx.data.idx import IdxSet, load_idx, read_idx
from cnnx.data.image import read_image
from cnnx.data.shape_images import SHAPE_CLASSES, shapes, single_shapes
from cnnx.data.source import Source, load, open_source
from cnnx.data.xo_dataset import xo

__all__ = [
    "SHAPE_CLASSES",
    "ArraySet",
    "Augmentation",
    "Batches",
    "Dataset",
    "Decoding",
    "FolderSet",
    "IdxSet",
    "ImageLike",
    "ImageSet",
    "LabelledImages",
    "Source",
    "SupportsArrayInterface",
    "load",
    "load_folder",
    "load_idx",
    "open_source",
    "read_idx",
    "read_image",
    "shapes",
    "single_shapes",
    "xo",
]
