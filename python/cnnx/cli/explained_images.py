"""Explanations of `cnnx explain` for models with a class for each image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cnnx.cli.errors import complain
from cnnx.cli.image_arguments import ImageArgument, read_or_complain

if TYPE_CHECKING:
    from cnnx.cli.classifier import Classifier


class ImageExplainer:
    """A classifier of images, whose pages walk through the network.

    Attributes:
        endings: endings of the two files of an image.
    """

    def __init__(
        self, classifier: Classifier, method: str, layer: str | None, index: int | None
    ) -> None:
        """Take the model, the method, its layer, and the class to explain if it is given."""
        self._classifier, self._method, self._layer = classifier, method, layer
        self._index = index
        self.endings = (f"-{method}.png", ".html")

    def explain(self, image: ImageArgument, files: Sequence[Path]) -> bool:
        """Write the files of an image and print its line, or name the error on stderr."""
        import numpy as np

        from cnnx.data.atomic_file import replace_file
        from cnnx.drawing.png import png
        from cnnx.explain.walkthrough import explained_image

        classifier = self._classifier
        pixels = read_or_complain(image.path, classifier.model, partial(complain, "explain"))
        if pixels is None:
            return False
        probabilities = classifier.probabilities(pixels[np.newaxis])[0]
        if not np.isfinite(probabilities).all():
            complain("explain", f"{image.path}: the model's outputs are not finite")
            return False
        best = int(probabilities.argmax())
        explained = explained_image(
            classifier.model,
            pixels,
            classes=best if self._index is None else self._index,
            method=self._method,
            layer=self._layer,
            # An undecodable name has characters that UTF-8 cannot encode.
            name=image.name.encode("utf-8", "backslashreplace").decode(),
        )
        overlay, page = files
        overlay.parent.mkdir(parents=True, exist_ok=True)
        replace_file(str(overlay), [png(explained.overlay)])
        replace_file(str(page), [explained.page.encode()])
        print(image.path, classifier.names[best], f"{probabilities[best]:.4f}", *files, sep="\t")
        return True
