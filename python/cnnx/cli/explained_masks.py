"""Explanations of `cnnx explain` for models with a class for each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cnnx.cli.errors import complain
from cnnx.cli.image_arguments import ImageArgument, read_or_complain

if TYPE_CHECKING:
    from cnnx.cli.classifier import Classifier


class MaskExplainer:
    """A classifier of pixels: the predicted mask, and the regions that decide for one class.

    Attributes:
        endings: endings of the two files of an image.
    """

    def __init__(
        self, classifier: Classifier, method: str, layer: str | None, index: int | None
    ) -> None:
        """Take the model, the method, its layer, and the class to explain if it is given."""
        from cnnx.explain.methods import METHODS

        self._model, self._names = classifier.model, classifier.names
        self._method, self._layer, self._index = METHODS[method], layer, index
        self.endings = ("-mask.png", f"-{method}.png")

    def explain(self, image: ImageArgument, files: Sequence[Path]) -> bool:
        """Write the files of an image and print its line, or name the error on stderr."""
        import numpy as np

        from cnnx.data.atomic_file import replace_file
        from cnnx.drawing.colours import as_rgb
        from cnnx.drawing.png import png
        from cnnx.explain.explained_class import ExplainedClass
        from cnnx.explain.overlays import under_map, under_mask
        from cnnx.model.predictions import labels_of

        pixels = read_or_complain(image.path, self._model, partial(complain, "explain"))
        if pixels is None:
            return False
        probabilities = np.asarray(self._model.predict_proba(pixels))
        if not np.isfinite(probabilities).all():
            complain("explain", f"{image.path}: the model's outputs are not finite")
            return False
        labels = labels_of(self._model._core, probabilities)
        (index,) = ExplainedClass(self._model, pixels, self._index, "explain").indices.tolist()
        decisive = self._method(self._model, pixels, index, self._layer)
        drawn = (
            under_mask(as_rgb(pixels), labels),
            under_map(as_rgb(pixels), decisive, smooth=self._method.reads_layer),
        )
        for file, each in zip(files, drawn, strict=True):
            file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(str(file), [png(each)])
        print(image.path, self._names[index], f"{(labels == index).mean():.4f}", *files, sep="\t")
        return True
