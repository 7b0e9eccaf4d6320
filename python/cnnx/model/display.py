"""How a model is shown: as text, in notebooks, and in the languages of graph programs."""

from __future__ import annotations

from cnnx import _core
from cnnx.model.summary import summary_of


class ModelDisplay:
    """Base class of `Model` with the methods that show it."""

    _core: _core.Model

    def summary(self) -> str:
        """Table of the layers, their output shapes and their numbers of parameters.

        Frozen parameters are marked, and counted below. A model whose `compute_dtype` is bfloat16
        says so in the last line. `print(model)` prints the table.
        """
        return summary_of(self._core)

    def to_mermaid(self) -> str:
        """Write the graph of the layers as a Mermaid flowchart, which GitHub and GitLab draw.

        Example:
            >>> import cnnx
            >>> layers = [cnnx.Flatten(), cnnx.Dense(2)]
            >>> print(cnnx.Model(layers, input_shape=(2, 2, 1)).to_mermaid())
            flowchart TD
                n0["Input<br/>input<br/>2×2×1"]
                n1["Flatten<br/>flatten_1<br/>4"]
                n2["Dense 2<br/>dense_1<br/>2<br/>10 parameters"]
                n0 --> n1
                n1 --> n2
        """
        from cnnx.model.model_figure import mermaid_text  # on first use, as everything drawn

        return mermaid_text(self._core)

    def to_dot(self) -> str:
        """Write the graph of the layers in the DOT language of Graphviz.

        Example:
            >>> import cnnx
            >>> dot = cnnx.models.lenet5().to_dot()
            >>> dot.splitlines()[0]
            'digraph model {'
        """
        from cnnx.model.model_figure import dot_text

        return dot_text(self._core)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        count = sum(info[3] for info in self._core.layer_infos)
        shapes = [shape for _, shape, _ in self._core.inputs] or [self._core.input_shape]
        inputs = " and ".join(str(tuple(shape)) for shape in shapes)
        return (
            f"Model({len(self._core.layers)} layers, {count:,} parameters, {inputs} to "
            f"{tuple(self._core.output_shape)})"
        )

    def _repr_html_(self) -> str:
        """Show the model in a notebook: its graph, and the table of its layers."""
        from cnnx.model.model_figure import model_fragment

        return model_fragment(self._core)
