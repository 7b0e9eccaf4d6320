"""The sections of a page, one for each stage of a network."""

from __future__ import annotations

from cnnx.drawing.maps import largest, map_image, strip_image
from cnnx.drawing.markup import Markup, element, joined
from cnnx.drawing.page import Section, figure
from cnnx.explain.by_hand import place_of, steps_of
from cnnx.explain.layer_texts import VOTE, by, sentence_of, title_of
from cnnx.explain.trace import INPUT, Stage, Trace, TracedLayer

_MAP = 62  # longer side of a map in CSS pixels
_MAPS = 16  # most maps of a layer
_FOLDED_MAPS = 8  # of a layer whose maps are folded
_SHORT = 8  # stages; longer networks repeat themselves, and a click unfolds their details
_LIST, _LIST_COLUMNS = 1024, 128  # CSS pixels and entries of a row
_UNDRAWN = frozenset({"dropout"})  # whose output is the input


class StageSections:
    """Makes the section of a stage, with links to the stages that it reads."""

    def __init__(self, trace: Trace, stages: list[Stage]) -> None:
        self._trace = trace
        self._stages = {layer.name: stage for stage in stages for layer in stage.layers}
        self._is_short = len(stages) <= _SHORT
        convolutions = [layer.name for layer in trace.layers if layer.kind == "conv2d"]
        self._first_convolution = convolutions[0] if convolutions else None
        self._seen: set[str] = set()

    def section(self, stage: Stage) -> Section:
        """One stage: what it does, its maps, and the arithmetic of a cell.

        In a long network only the last maps of a stage are in sight, except where filters are first
        explained. The others are folded with the arithmetic.
        """
        titles = ", ".join(title_of(layer) for layer in stage.layers if layer.kind not in _UNDRAWN)
        if stage.place and stage.first.kind == "dense":
            titles = "the vote"
        titles = titles or title_of(stage.first)
        is_unfolded = self._is_short or stage.first.name == self._first_convolution
        drawn = [layer for layer in stage.layers if layer.kind not in _UNDRAWN]
        folded = [] if is_unfolded else drawn[:-1]
        parts: list[Markup | None] = [element("p", *self._facts(stage), class_="faint")]
        for layer in stage.layers:
            parts.append(self._words(stage, layer))
            if layer.kind not in _UNDRAWN and layer not in folded:
                parts.append(_maps(stage, layer, _MAPS))
        parts.append(self._details(stage, folded, is_open=is_unfolded or stage.place is not None))
        body = joined(parts)
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

    def _words(self, stage: Stage, layer: TracedLayer) -> Markup:
        """Sentences about a layer that the page does not have yet."""
        read = self._trace.inputs_of(layer)[0].shape[-1]
        is_first = layer.name == self._first_convolution
        is_vote = layer is self._trace.scores and layer.kind == "dense"
        sentence = VOTE if is_vote else sentence_of(layer, read, is_first=is_first)
        is_new = sentence not in self._seen
        self._seen.add(sentence)
        words = element("p", sentence) if sentence and is_new else None
        return joined([words, self._shortcut(stage, layer)])

    def _shortcut(self, stage: Stage, layer: TracedLayer) -> Markup | None:
        """Words about inputs from stages further back than the one before."""
        if len(layer.inputs) < 2:
            return None
        numbers = [self._stages[name].number if name != INPUT else 0 for name in layer.inputs]
        skipped = stage.number - 1 - min(numbers)
        if skipped < 1:
            return None
        origin = layer.inputs[numbers.index(min(numbers))]
        stages = "stage" if skipped == 1 else f"{skipped} stages"
        return element("p", self._source(origin), f" takes a shortcut past the {stages} between.")

    def _details(self, stage: Stage, folded: list[TracedLayer], *, is_open: bool) -> Markup | None:
        """The arithmetic of a cell to unfold, after the maps of layers that are not in sight."""
        steps = steps_of(stage, self._trace)
        if steps is None and not folded:
            return None
        place = place_of(stage.chosen_cells()[0], self._trace)
        which = "" if stage.place else ", the strongest of this stage"
        title = f"One number by hand: {place}{which}"
        if folded:
            title = f"Layer by layer, and one number by hand: {place}"
        maps = (_maps(stage, layer, _FOLDED_MAPS) for layer in folded)
        return element("details", element("summary", title), *maps, steps, open=is_open)


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape in words."""
    if len(shape) == 1:
        return f"{shape[0]:,} number{'' if shape[0] == 1 else 's'}"
    height, width, maps = shape
    return f"{maps:,} map{'' if maps == 1 else 's'} of {by(height, width)}"


def _maps(stage: Stage, layer: TracedLayer, most: int) -> Markup:
    """The strongest maps of a layer, in the order of the stage, or its list."""
    count = layer.output.shape[-1]
    if layer.output.ndim == 1:
        words = f"the numbers of {layer.name}"
        drawn = strip_image(layer.output, words, columns=_LIST_COLUMNS, width=_LIST)
        return figure(drawn, f"{layer.name}: {shape_text(layer.output.shape)}")
    chosen = stage.strongest_maps(most)
    strongest = largest(layer.output[..., chosen])
    images = [
        map_image(
            layer.output[..., channel],
            f"map {channel}",
            strongest=strongest,
            width=_MAP,
            marked=position == 0,
        )
        for position, channel in enumerate(chosen)
    ]
    which = "all" if len(chosen) == count else f"the {len(chosen)} strongest of"
    words = "the map" if count == 1 else f"{which} {count:,} maps"
    return figure(element("div", *images, class_="maps"), f"{layer.name}: {words}")
