"""Explanations of `cnnx explain` for models with a class for each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnx.cli.explanation import Explanation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnx.cli.classifier import Classifier


class MaskExplainer:
    """A classifier of pixels: the predicted mask, and the regions that decide for one class.

    Attributes:
        model: the model.
        endings: endings of the two files of an image.
    """

    def __init__(
        self, classifier: Classifier, method: str, layer: str | None, index: int | None
    ) -> None:
        """Take the model, the method, its layer, and the class to explain if it is given."""
        from cnnx.explain.methods import METHODS

        self.model, self._names = classifier.model, classifier.names
        self._method, self._layer, self._index = METHODS[method], layer, index
        self.endings = ("-mask.png", f"-{method}.png")

    def explain(self, pixels: NDArray[np.uint8], _name: str) -> Explanation | None:
        """The explanation of an image; None if the outputs are not finite."""
        import numpy as np

        from cnnx.drawing.colours import as_rgb
        from cnnx.drawing.png import png
        from cnnx.explain.explained_class import ExplainedClass
        from cnnx.explain.overlays import under_map, under_mask
        from cnnx.model.predictions import labels_of

        probabilities = np.asarray(self.model.predict_proba(pixels))
        if not np.isfinite(probabilities).all():
            return None
        labels = labels_of(self.model._core, probabilities)
        (index,) = ExplainedClass(self.model, pixels, self._index, "explain").indices.tolist()
        decisive = self._method(self.model, pixels, index, self._layer)
        contents = (
            png(under_mask(as_rgb(pixels), labels)),
            png(under_map(as_rgb(pixels), decisive, smooth=self._method.reads_layer)),
        )
        return Explanation(self._names[index], float((labels == index).mean()), contents)
