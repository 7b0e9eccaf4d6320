"""Cases that run a drawn quantized network in several set-ups, which must give the same bits."""

from __future__ import annotations

import math
from typing import NamedTuple

from attack.case import HEADER, Case, Draw, lines, paste
from attack.set_ups import IN_PROCESS

ISAS = ("baseline", "avx2", "avx2_vnni", "avx512", "avx512_vnni", "avx512_bf16", "amx")
BYTES = 74  # standard deviation of evenly distributed bytes
SETUP = '''
def with_whole_numbers(model, rng):
    """The model with drawn scales, weights of any whole numbers, and biases."""
    for name, scales in model.buffers.items():
        model.buffers[name] = WEIGHT_SCALE * rng.uniform(0.5, 1.5, scales.shape)
    for name, values in model.parameters.items():
        if name.endswith(".weight"):
            whole = rng.integers(-128, 128, values.shape)
            model.parameters[name] = whole * model.buffers[f"{name}_scale"]
        else:
            model.parameters[name] = 5 * rng.standard_normal(values.shape)
    return model


def digest(threads):
    """A hash of the predictions of the whole batch, and of its images one by one."""
    cnnx.set_num_threads(threads)
    found = hashlib.sha256(model(x).tobytes())
    found.update(b"".join(model(x[k : k + 1]).tobytes() for k in range(len(x))))
    return found.hexdigest()
'''
CHECK = """
if sys.argv[1:2] == ["digest"]:
    print(digest(int(sys.argv[2])))
    sys.exit()
assert (model(x) == np.concatenate([model(x[k : k + 1]) for k in range(len(x))])).all()
expected = digest({threads})
for isa, threads in {processes}:
    found = in_process(isa, threads)
    assert found in (None, expected), f"{{isa}} with {{threads}} threads gives other bits"
"""
# In integers and by layers of floats, which round to a neighbour where they differ in the last bit.
STEP = """
floats, integers = model.layer_outputs(x)[model.layers[-1].name], model(x)
difference = np.abs(floats - integers) / np.float32({scale})
assert difference.max() < 1.01, f"{{difference.max()}} steps from the layers in floats"
others = (difference > 0.01).sum()
assert others <= 1 + 0.02 * difference.size, "often another step than the layers in floats"
"""


class Value(NamedTuple):
    """Name of a variable of the program that holds bytes, its image's shape and its scale."""

    name: str
    height: int
    width: int
    channels: int
    scale: float


class Network:
    """Source of a network that grows layer by layer."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.weight_scale = draw.exponent(-3, -1.5)
        height, width, channels = (draw.integer(1, most) for most in (20, 20, 24))
        scale = draw.exponent(-2.5, -1)
        zero = draw.integer(0, 255)
        self.lines = [
            f"image = cnnx.Input({(height, width, channels)})",
            f"v0 = cnnx.Quantize({scale}, {zero})(image)",
        ]
        self.value = Value("v0", height, width, channels, scale)

    def rounded(self, source: str, height: int, width: int, channels: int, size: float) -> None:
        """Round a value of this size to bytes."""
        scale = float(f"{size / self.draw.one_of(10, 40, 60):.4g}")
        name = f"v{len(self.lines)}"
        zero = self.draw.one_of(0, 128, self.draw.integer(0, 255))
        self.lines.append(f"{name} = cnnx.Quantize({scale}, {zero})({source})")
        self.value = Value(name, height, width, channels, scale)

    def convolve(self) -> None:
        """A convolution, perhaps a sum with its input, an activation, and a rounding."""
        draw, x = self.draw, self.value
        depthwise = draw.chance(0.3)
        keeps = draw.chance(0.4)
        filters = x.channels if depthwise or keeps else draw.integer(1, 70)
        kernel = [draw.integer(1, min(5, side)) for side in (x.height, x.width)]
        stride = 1 if keeps else draw.integer(1, 2)
        padding = "same" if keeps or draw.chance(0.5) else "valid"
        groups = x.channels if depthwise else 1
        given = f"stride={stride}, padding={padding!r}, groups={groups}, int8_weight=True"
        source = f"cnnx.Conv2d({filters}, {tuple(kernel)}, {given})({x.name})"
        if keeps and draw.chance(0.7):
            source = f"cnnx.Add()({source}, {x.name})"
        activation = draw.one_of("", "ReLU", "ReLU6")
        source = f"cnnx.{activation}()({source})" if activation else source
        lost = [0 if padding == "same" else side - 1 for side in kernel]
        height, width = (
            -(-(side - less) // stride)
            for side, less in zip((x.height, x.width), lost, strict=True)
        )
        terms = math.prod(kernel) * x.channels // groups
        size = x.scale * BYTES * BYTES * self.weight_scale * math.sqrt(terms)
        self.rounded(source, height, width, filters, min(size, 6) if "6" in activation else size)

    def pool(self) -> None:
        """A pooling and a rounding."""
        x = self.value
        kind = self.draw.one_of("MaxPool2d", "AvgPool2d")
        if min(x.height, x.width) < 2:
            return
        source = f"cnnx.{kind}(2)({x.name})"
        self.rounded(source, x.height // 2, x.width // 2, x.channels, x.scale * BYTES)

    def finish(self) -> str:
        """A fully connected layer of all bytes or of averages, or nothing; the output's name."""
        end = self.draw.one_of("", "cnnx.Flatten", "cnnx.GlobalAvgPool2d")
        if not end:
            return self.value.name
        if "Pool" in end:  # sums of float32 may differ where an instruction set lacks fused ones
            self.rounded(f"{end}()({self.value.name})", 1, 1, 1, self.value.scale * BYTES)
        outputs = self.draw.integer(1, 40)
        read = self.value.name if "Pool" in end else f"{end}()({self.value.name})"
        self.lines.append(f"end = cnnx.Dense({outputs}, int8_weight=True)({read})")
        return "end"


def quantized(draw: Draw) -> Case:
    """Predictions in integers by several instruction sets, threads and parts of a batch."""
    network = Network(draw)
    alone = draw.chance(0.4)
    for _ in range(1 if alone else draw.integer(1, 5)):
        network.convolve()
        if not alone and draw.chance(0.3):
            network.pool()
    output = network.value.name if alone else network.finish()
    processes = [(str(isa), draw.integer(1, 4)) for isa in draw.rng.permutation(ISAS)[:3]]
    setup = paste(
        '"""A quantized network in several set-ups, which must give the same bits."""',
        f"{HEADER}\nimport hashlib\nimport os\nimport subprocess",
        f"WEIGHT_SCALE = {network.weight_scale}",
        SETUP,
        IN_PROCESS,
        lines(network.lines),
        f"rng = np.random.default_rng({draw.seed})",
        f"model = cnnx.Model.from_graph(image, {output})",
        "model = with_whole_numbers(model, rng)",
        f"x = rng.standard_normal(({draw.integer(1, 9)}, *model.input_shape), np.float32)",
    )
    check = CHECK.format(threads=draw.integer(1, 4), processes=processes)
    step = STEP.format(scale=network.value.scale) if alone else ""
    return Case(setup, "", check + step)
