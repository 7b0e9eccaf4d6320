"""The sections of a page, one for each stage of a network."""

from __future__ import annotations

from cnnx.drawing.maps import largest, map_image, strip_image
from cnnx.drawing.markup import Markup, element, joined
from cnnx.drawing.page import Section, figure
from cnnx.explain.by_hand import place_of, steps_of
from cnnx.explain.layer_texts import VOTE, sentence_of, title_of
from cnnx.explain.trace import INPUT, Stage, Trace, TracedLayer

_MAP = 62  # longer side of a map in CSS pixels
_MAPS, _MAPS_OF_DEEP = 16, 8  # most maps of a layer; the second of a network with many layers
_DEEP = 60  # layers
_LIST, _LIST_COLUMNS = 1024, 256  # CSS pixels and entries of a row
# Layers whose output is not drawn: it is the input, in another order or not at all.
_UNDRAWN = frozenset({"dropout", "flatten"})


class StageSections:
    """Makes the section of a stage, with links to the stages that it reads."""

    def __init__(self, trace: Trace, stages: list[Stage]) -> None:
        self._trace = trace
        self._stages = {layer.name: stage for stage in stages for layer in stage.layers}
        self._most_maps = _MAPS_OF_DEEP if len(trace.layers) > _DEEP else _MAPS
        convolutions = [layer.name for layer in trace.layers if layer.kind == "conv2d"]
        self._first_convolution = convolutions[0] if convolutions else None
        # Deep networks repeat themselves; a click opens the arithmetic of their other stages.
        self._opens_all = len(stages) <= 8
        self._seen: set[str] = set()

    def section(self, stage: Stage) -> Section:
        """One stage: what it does, its maps, and the arithmetic of a cell."""
        titles = ", ".join(title_of(layer) for layer in stage.layers if layer.kind != "dropout")
        if stage.place and stage.first.kind == "dense":
            titles = "the vote"
        titles = titles or title_of(stage.first)
        body = joined(
            [
                element("p", *self._facts(stage), class_="faint"),
                *(self._layer(stage, layer) for layer in stage.layers),
                self._by_hand(stage),
            ]
        )
        return Section(
            f"stage-{stage.number}", f"{stage.number}. {titles[0].upper()}{titles[1:]}", body
        )

    def _facts(self, stage: Stage) -> list[Markup | str]:
        """Names of the layers, what they read, and the shapes."""
        names = ", ".join(layer.name for layer in stage.layers)
        sources = [self._source(name) for name in stage.first.inputs]
        read = [part for source in sources for part in (" and ", source)][1:]
        shapes = [shape_text(x.shape) for x in self._trace.inputs_of(stage.first)]
        return [
            f"{names}: reads ",
            *read,
            f"; {' and '.join(shapes)} to {shape_text(stage.output.shape)}.",
        ]

    def _source(self, name: str) -> Markup:
        """A link to the stage of a layer that is read."""
        if name == INPUT:
            return element("a", "the image", href="#image")
        return element("a", name, href=f"#stage-{self._stages[name].number}")

    def _layer(self, stage: Stage, layer: TracedLayer) -> Markup:
        """Sentences about a layer, and its maps or its list."""
        read = self._trace.inputs_of(layer)[0].shape[-1]
        is_first = layer.name == self._first_convolution
        is_vote = layer is self._trace.scores and layer.kind == "dense"
        sentence = VOTE if is_vote else sentence_of(layer, read, is_first=is_first)
        is_new = sentence not in self._seen
        self._seen.add(sentence)
        parts = [
            element("p", sentence) if sentence and is_new else None,
            self._shortcut(stage, layer),
        ]
        if layer.kind not in _UNDRAWN or layer is not stage.layers[-1]:
            parts.append(self._maps(stage, layer))
        if layer.kind == "flatten":
            parts.append(_strip(layer))
        return joined(parts)

    def _shortcut(self, stage: Stage, layer: TracedLayer) -> Markup | None:
        """Words about inputs from stages further back than the one before."""
        if len(layer.inputs) < 2:
            return None
        numbers = [self._stages[name].number if name != INPUT else 0 for name in layer.inputs]
        skipped = stage.number - 1 - min(numbers)
        if skipped < 1:
            return None
        origin = element("span", self._source(layer.inputs[numbers.index(min(numbers))]))
        stages = "stage" if skipped == 1 else f"{skipped} stages"
        return element("p", origin, f" takes a shortcut past the {stages} between.")

    def _maps(self, stage: Stage, layer: TracedLayer) -> Markup | None:
        """The strongest maps of a layer, in the order of the stage."""
        if layer.kind in _UNDRAWN:
            return None
        if layer.output.ndim == 1:
            return _strip(layer)
        chosen = stage.strongest_maps(self._most_maps)
        strongest = largest(layer.output[..., chosen])
        images = [
            map_image(
                layer.output[..., channel],
                f"map {channel} of {layer.name}",
                strongest=strongest,
                width=_MAP,
                marked=position == 0,
            )
            for position, channel in enumerate(chosen)
        ]
        count = layer.output.shape[-1]
        which = "all" if len(chosen) == count else f"the {len(chosen)} strongest of"
        maps = "map" if count == 1 else f"{count:,} maps"
        words = f"the {maps}" if count == 1 else f"{which} {maps}"
        return figure(element("div", *images, class_="maps"), f"{layer.name}: {words}")

    def _by_hand(self, stage: Stage) -> Markup | None:
        steps = steps_of(stage, self._trace)
        if steps is None:
            return None
        is_first = stage.first.name == self._first_convolution
        is_open = self._opens_all or is_first or stage.place is not None
        place = place_of(stage.chosen_cells()[0], self._trace)
        which = "" if stage.place else ", the strongest of this stage"
        title = f"One number by hand: {place}{which}"
        return element("details", element("summary", title), steps, open=is_open)


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape in words."""
    if len(shape) == 1:
        return f"{shape[0]:,} number{'' if shape[0] == 1 else 's'}"
    height, width, maps = shape
    return f"{maps:,} map{'' if maps == 1 else 's'} of {height} \N{MULTIPLICATION SIGN} {width}"


def _strip(layer: TracedLayer) -> Markup:
    values = layer.output
    drawn = strip_image(values, f"the numbers of {layer.name}", columns=_LIST_COLUMNS, width=_LIST)
    return figure(drawn, f"{layer.name}: {shape_text(values.shape)}")
