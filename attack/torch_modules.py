"""Cases that draw a PyTorch module, and compare its ONNX file with that which cnnx saves of it."""

from __future__ import annotations

from attack import torch_module_snippets as snippets
from attack.case import HEADER, Case, Draw, lines, paste

ACTIVATIONS = (
    *("ReLU()", "ReLU6()", "LeakyReLU(0.1)", "PReLU({c})", "ELU()", "SELU()", "Softshrink(0.1)"),
    *("SiLU()", "Mish()", "Hardswish()", "Hardsigmoid()", "Sigmoid()", "Tanh()", "Softplus()"),
    *("Softsign()", "LogSigmoid()", "Hardtanh(-0.5, 2.0)", "GELU()", "GELU(approximate='tanh')"),
)
NORMS = ("BatchNorm2d({c})", "GroupNorm(2, {c})", "InstanceNorm2d({c}, affine=True)")
PADDINGS = ("ZeroPad2d(1)", "ReflectionPad2d(1)", "ReplicationPad2d((1, 0, 0, 1))")
POOLS = (
    *("MaxPool2d(3, 2, 1, ceil_mode=True)", "MaxPool2d(2, ceil_mode=True)", "AvgPool2d(2)"),
    "AvgPool2d(3, 2, 1, ceil_mode=True)",
)
OTHERS = (
    *("Gate({c})", "Halves()", "Shuffle()", "Affine({c})", "Shortcut({c})"),
    "torch.nn.Upsample(scale_factor=1.5, mode='bilinear')",
)
ENDS = (
    *("torch.nn.Flatten()", "Rows()", "LastChannels()", "torch.nn.Identity()", "Means()"),
    *("torch.nn.Sequential(Means(), torch.nn.Linear({c}, 5))", "torch.nn.Softmax(1)"),
)


def torch_modules(draw: Draw) -> Case:
    """A module whose file, loaded and saved again, has the same inputs, outputs and values."""
    channels = draw.one_of(1, 3, 4)
    layers = [f"Affine({channels})"] if draw.chance(0.5) else []
    width = channels
    for _ in range(draw.integer(1, 3)):
        out = draw.one_of(4, 8)
        layers.append(f"torch.nn.Conv2d({width}, {out}, {draw.one_of(1, 3)}, padding=1)")
        width = out
        for kinds, chance in ((NORMS, 0.5), (ACTIVATIONS, 0.8), (PADDINGS, 0.3), (POOLS, 0.4)):
            if draw.chance(chance):
                layers.append("torch.nn." + draw.one_of(*kinds).format(c=width))
        if draw.chance(0.5):
            layers.append(draw.one_of(*OTHERS).format(c=width))
    layers.append(draw.one_of(*ENDS).format(c=width))
    if draw.chance(0.3):
        layers.append("Scaled()")
    dynamo = draw.chance(0.3)
    opset = 18 if dynamo else draw.integer(11, 18)
    size = (draw.integer(1, 3), channels, *draw.pair(7, 14))
    setup = paste(
        '"""A module in its own ONNX file and in the one that cnnx saves of it."""',
        HEADER,
        f"import warnings\nfrom typing import Any\n{snippets.MODULES}",
        *(snippets.exported, snippets.results, snippets.compare),
        lines(
            [
                f"torch.manual_seed({draw.seed})",
                f"module = torch.nn.Sequential({', '.join(layers)}).eval()",
                f"x = torch.randn({size})",
                f"exported(module, x, opset={opset}, dynamo={dynamo}, is_open={draw.chance(0.5)})",
            ]
        ),
    )
    return Case(setup, check="compare(x.numpy())")
