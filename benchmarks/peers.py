"""The libraries that are compared on whole networks in each precision, and their processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from benchmarks.libraries import Library
from benchmarks.network_description import BFLOAT16, FLOAT32, INT8
from benchmarks.tile_permission import FORBID_TILES

COMPILED = "compile"  # the mode of PyTorch that is shown, but does not count
# The largest difference of quantized logits from those of float32.
QUANTIZED_WITHIN = {"logits": 0.15}
# The same of bfloat16, and of the losses of its first steps. A rounding changes a value by up to
# 2**-9 of it. The roundings of n layers, each of its weights, its inputs and its sums, add up to
# about 2**-9 * sqrt(n) of the largest logit: 1.4e-2 with 50 layers. Without one of its activations,
# the logits of a deployed network change by 0.18 or more. Its losses change by 3e-4 to 2e-2, so the
# logits are compared in training, too.
BFLOAT16_WITHIN = {"logits": 5e-2, "losses": 2e-2}
# Instruction sets that bind oneDNN, too, and its names of them.
ONEDNN_NAMES = {"avx512_vnni": "AVX512_CORE_VNNI", "avx512_bf16": "AVX512_CORE_BF16"}


class Task(NamedTuple):
    """A timed task."""

    title: str
    training: bool
    batch: int


class Peer(NamedTuple):
    """A library to compare with.

    Attributes:
        module: that prepares its tasks.
        modes: its variants, of which the fastest counts.
        trains: whether it has tasks of training.
        infers: whether it has tasks of inference.
        most_images: the largest batch it is compared at, None if any.
        most_threads_judged: with more threads it is shown, but is not the best peer.
        networks: the networks it is compared at, None if all.
        within: the largest difference of its results relative to the largest, by kind of result.
    """

    module: str
    modes: tuple[str, ...] = ("",)
    trains: bool = False
    infers: bool = True
    most_images: int | None = None
    most_threads_judged: int | None = None
    networks: tuple[str, ...] | None = None
    # The effect of adding float32 numbers in another order.
    within: Mapping[str, float] = {"logits": 1e-5, "losses": 1e-4}

    def has(self, task: Task, network: str) -> bool:
        """Whether it is compared at this task of this network."""
        return (
            (self.trains if task.training else self.infers)
            and (self.most_images is None or task.batch <= self.most_images)
            and (self.networks is None or network in self.networks)
        )

    def is_judged(self, threads: int) -> bool:
        """Whether it may be the best peer."""
        return self.most_threads_judged is None or threads <= self.most_threads_judged


OURS = Peer("benchmarks.network_in_cnnx", trains=True)
PEERS = {
    "torch": Peer("benchmarks.network_in_torch", ("nchw", "channels_last"), trains=True),
    "onnxruntime": Peer("benchmarks.network_in_onnxruntime"),
    "openvino": Peer("benchmarks.network_in_openvino"),
    "ncnn": Peer("benchmarks.network_in_ncnn", most_images=1, most_threads_judged=1),
    # Its tiles of Winograd's method are larger, and so is their error.
    "mnn": Peer(
        "benchmarks.network_in_mnn",
        most_images=1,
        most_threads_judged=1,
        within={"logits": 1e-3},
    ),
    "tensorflow": Peer(
        "benchmarks.network_in_tensorflow", trains=True, infers=False, networks=("lenet5x5",)
    ),
}
QUANTIZED_OURS = Peer("benchmarks.quantized_in_cnnx", within=QUANTIZED_WITHIN)
QUANTIZED_PEERS = {
    "torch": (Peer("benchmarks.quantized_in_torch", ("x86", "onednn"), within=QUANTIZED_WITHIN),),
    "onnxruntime": (
        Peer("benchmarks.quantized_in_onnxruntime", ("qdq", "qoperator"), within=QUANTIZED_WITHIN),
    ),
    "openvino": (
        Peer("benchmarks.quantized_in_openvino", ("nncf", "qdq"), within=QUANTIZED_WITHIN),
    ),
}
BFLOAT16_OURS = Peer("benchmarks.network_in_cnnx", (BFLOAT16,), True, within=BFLOAT16_WITHIN)
# PyTorch trains by autocast, and infers by autocast or with weights converted to bfloat16. ONNX
# Runtime has no convolution of bfloat16 for CPUs.
BFLOAT16_PEERS = {
    "torch": (
        Peer(
            "benchmarks.bfloat16_in_torch",
            ("nchw", "channels_last"),
            trains=True,
            within=BFLOAT16_WITHIN,
        ),
        Peer(
            "benchmarks.bfloat16_in_torch",
            ("nchw converted", "channels_last converted"),
            within=BFLOAT16_WITHIN,
        ),
    ),
    "openvino": (Peer("benchmarks.network_in_openvino", ("bf16",), within=BFLOAT16_WITHIN),),
}
# cnnx and its peers in the precisions that are compared with float32.
OF_PRECISION: Mapping[str, tuple[Peer, Mapping[str, tuple[Peer, ...]]]] = {
    INT8: (QUANTIZED_OURS, QUANTIZED_PEERS),
    BFLOAT16: (BFLOAT16_OURS, BFLOAT16_PEERS),
}


class Entry(NamedTuple):
    """A library in one precision, with the settings of its process."""

    name: str
    peer: str  # empty: cnnx
    precision: str
    library: Peer
    mode: str
    environment: dict[str, str]

    @property
    def counts(self) -> bool:
        """Whether the entry can be the fastest of its peer."""
        return bool(self.peer) and self.mode != COMPILED


def entries(
    names: Sequence[str], precision: str, isa: str | None, compiles: bool
) -> Iterator[Entry]:
    """The processes of a comparison, the one of the expected results first.

    Args:
        names: the peers.
        precision: of the judged entries; others than float32 are compared with it, too.
        isa: as CNNX_ISA.
        compiles: whether torch.compile is shown.
    """
    ours = {"CNNX_ISA": isa} if isa else {}
    theirs = _environment_of_peers(isa)
    others = {name: PEERS[name] for name in names}
    if precision == FLOAT32:
        yield Entry("cnnx", "", FLOAT32, OURS, "", ours)
        for name, peer in others.items():
            yield from _modes(name, name, FLOAT32, peer, theirs)
            if name == "torch" and compiles:
                yield Entry(f"torch {COMPILED}", name, FLOAT32, peer, COMPILED, theirs)
        return
    yield Entry(f"cnnx {FLOAT32}", "", FLOAT32, OURS, "", ours)
    own, lower = OF_PRECISION[precision]
    yield Entry("cnnx", "", precision, own, own.modes[0], ours)
    for name, peer in others.items():
        for each in lower[name]:
            yield from _modes(name, name, precision, each, theirs)
        yield from _modes(f"{name} {FLOAT32}", name, FLOAT32, peer, theirs)


def _modes(
    title: str, name: str, precision: str, peer: Peer, environment: dict[str, str]
) -> Iterator[Entry]:
    for mode in peer.modes:
        yield Entry(f"{title} {mode}".rstrip(), name, precision, peer, mode, environment)


def _environment_of_peers(isa: str | None) -> dict[str, str]:
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3"}  # TensorFlow reports its CPU otherwise
    if isa == "avx2":
        environment |= {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
    if isa in ONEDNN_NAMES:
        environment |= {"ONEDNN_MAX_CPU_ISA": ONEDNN_NAMES[isa]}
    if isa and isa != "amx":
        environment |= {FORBID_TILES: "1"}
    return environment


def start(entry: Entry, threads: int, peer_python: str | None) -> Library:
    """The entry's process at one thread count."""
    python = peer_python if entry.peer else None
    environment = {**entry.environment, "OMP_NUM_THREADS": str(threads)}
    return Library(entry.name, entry.library.module, python, environment)
