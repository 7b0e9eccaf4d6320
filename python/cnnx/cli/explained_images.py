"""Explanations of `cnnx explain` for models with a class for each image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnx.cli.explanation import Explanation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnx.cli.classifier import Classifier


class ImageExplainer:
    """A classifier of images, whose pages walk through the network.

    Attributes:
        model: the model.
        endings: endings of the two files of an image.
    """

    def __init__(
        self, classifier: Classifier, method: str, layer: str | None, index: int | None
    ) -> None:
        """Take the model, the method, its layer, and the class to explain if it is given."""
        self._classifier, self._method, self._layer = classifier, method, layer
        self.model = classifier.model
        self._index = index
        self.endings = (f"-{method}.png", ".html")

    def explain(self, pixels: NDArray[np.uint8], name: str) -> Explanation | None:
        """The explanation of an image of this name; None if the outputs are not finite."""
        import numpy as np

        from cnnx.drawing.png import png
        from cnnx.explain.walkthrough import explained_image

        classifier = self._classifier
        probabilities = classifier.probabilities(pixels[np.newaxis])[0]
        if not np.isfinite(probabilities).all():
            return None
        best = int(probabilities.argmax())
        explained = explained_image(
            self.model,
            pixels,
            classes=best if self._index is None else self._index,
            method=self._method,
            layer=self._layer,
            # An undecodable name has characters that UTF-8 cannot encode.
            name=name.encode("utf-8", "backslashreplace").decode(),
        )
        contents = png(explained.overlay), explained.page.encode()
        return Explanation(classifier.names[best], float(probabilities[best]), contents)
