"""The quantized network: int8 weights, and layers that quantize values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cnnx.quantization.network import INPUT, Network, Node
from cnnx.quantization.placement import Placement
from cnnx.quantization.ranges import ByteRange


def assembled(network: Network, placement: Placement, ranges: Mapping[str, ByteRange]) -> Network:
    """The network with a quantize layer behind each value that is held in bytes.

    Args:
        network: float network, whose layers in integers have int8 weights already.
        placement: the groups of layers and the values in bytes.
        ranges: ranges of these values.
    """
    names = _fresh_names(network)
    quantized: dict[str, str] = {}
    nodes: list[Node] = []

    def quantize(value: str) -> None:
        if value in placement.quantized:
            quantized[value] = next(names)
            settings = ranges[value]._asdict()
            nodes.append(Node(quantized[value], "quantize", settings, [value], True, {}))

    quantize(INPUT)
    for group in placement.groups:
        for name in group.names:
            node = network.nodes[name]
            if name not in placement.exact:
                node.inputs = [quantized.get(each, each) for each in node.inputs]
            nodes.append(node)
        quantize(group.last)
    return Network(nodes, network.output)


def _fresh_names(network: Network) -> Iterator[str]:
    ordinal = 0
    while True:
        ordinal += 1
        if f"quantize_{ordinal}" not in network.nodes:
            yield f"quantize_{ordinal}"
