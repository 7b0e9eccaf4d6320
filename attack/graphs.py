"""Cases that compare a drawn network, forward and backward, with PyTorch or with the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cnnx
from graph_networks import with_random_values

from attack import SUPPORT, network_snippets, snippets
from attack.case import HEADER, Case, Draw, lines, paste
from attack.large_networks import large_model
from attack.networks import drawn_model, in_cnnx, torch_lines
from attack.op_case import IMPORT_TORCH

# Of the norm of the gradient and of single arrays, in bfloat16.
WITHIN, EACH_WITHIN = 2e-2, 0.3
TORCH_NOISE = '''
NOISE = 0.0


def noisy(x):
    return x * (1 + NOISE * (2 * torch.rand_like(x) - 1))


class Rounded(torch.autograd.Function):
    """A relative error in each element, in forward and backward."""

    @staticmethod
    def forward(context, x):
        return noisy(x)

    @staticmethod
    def backward(context, grad):
        return noisy(grad)


rounded = Rounded.apply


class FromOutput(torch.autograd.Function):
    """An activation whose backward reads its rounded output."""

    @staticmethod
    def forward(context, x, kind):
        function = getattr(torch, kind)
        y = noisy(function(x, -1) if "softmax" in kind else function(x))
        context.save_for_backward(y)
        context.kind = kind
        return y

    @staticmethod
    def backward(context, grad):
        (y,) = context.saved_tensors
        if context.kind == "softmax":
            return y * (grad - (grad * y).sum(-1, keepdim=True)), None
        if context.kind == "log_softmax":
            return grad - y.exp() * grad.sum(-1, keepdim=True), None
        return grad * (y * (1 - y) if context.kind == "sigmoid" else 1 - y**2), None
'''
TORCH_RESULTS = '''
def compute(index, noise, seed):
    """The results of an input, with relative errors in every layer."""
    global NOISE
    NOISE = noise
    torch.manual_seed(seed)
    tensors = {name: torch.tensor(array.astype(np.float64)) for name, array in arrays.items()}
    # PyTorch's batch norm crashes if only its weight needs a gradient.
    x, y = tensors.pop("x")[index].requires_grad_(), tensors.pop("y")[index]
    dropped = {name: tensors.pop(name)[index] for name in list(tensors) if "factors" in name}
    parameters = {name: tensors[name].requires_grad_() for name in PARAMETERS}
    p = {**tensors, **dropped, **{name: rounded(each) for name, each in parameters.items()}}
    values = {"input": x}
    output = inference(values, p)
    gradients = torch.autograd.grad(output, list(values.values()), y)
    found = {f"gradient at {name}": each for name, each in zip(values, gradients)}
    found["output"] = output.detach()
    loss = F.mse_loss(training({"input": x}, p), y)
    loss.backward()
    found["loss"] = loss.detach()
    for name, each in parameters.items():
        found[f"gradient of {name}"] = torch.zeros_like(each) if each.grad is None else each.grad
    found.update({name: each for name, each in tensors.items() if name not in parameters})
    return {name: each.numpy() for name, each in found.items()}
'''


def graphs(draw: Draw) -> Case:
    """A random graph of layers of every kind, or a network of large maps."""
    images, inputs = draw.integer(2, 5), network_snippets.INPUTS
    large = draw.chance(0.2)
    shards = 1 if draw.in_torch else draw.integer(1, images + 1)
    if not (large or draw.in_torch) and draw.chance(0.1):
        images, shards = 12, draw.integer(9, 12)  # more than one group
    model = large_model(draw, images) if large else drawn_model(draw)
    if not any(layer.trainable and layer.parameter_count for layer in model.layers):
        return graphs(draw)
    title = '"""A network in float64 and in cnnx, on three batches."""'
    setup = set_up(draw, title, model, images, "float32")
    expected = in_torch(model, images) if draw.in_torch else in_numpy(draw, shards)
    # The sums over large maps are long.
    noise = 2.0**-15 if large else 2.0**-19
    ending = f"expected, bounds = with_bounds(compute, {inputs}, {skipped(model)}, {noise})"
    check = paste(
        snippets.compare,
        network_snippets.results_of,
        network_snippets.gradients_at,
        network_snippets.compare_most,
        f"cnnx.set_num_threads({draw.integer(1, 4)})",
        "def actual(index):\n"
        f"    settings = dict(shards={shards}, recompute={draw.chance(0.4)})\n"
        f"    results = results_of(model, x[index], y[index], {draw.seed}, **settings)\n"
        "    return {**results, **gradients_at(model, x[index], y[index])}",
        "compare_most(compare, actual, expected, bounds)",
    )
    return Case(paste(*setup), paste(*expected, network_snippets.with_bounds, ending), check)


def bfloat16(draw: Draw) -> Case:
    """A random graph or a network of large maps that computes in bfloat16.

    The gradient of a train step is within 2 % in its norm, and each array within 30 %, or within
    the effect of rounding errors in all layers where that is more.
    """
    images, inputs = draw.integer(2, 5), network_snippets.INPUTS
    large = draw.chance(0.2)
    model = large_model(draw, images) if large else drawn_model(draw)
    if not any(layer.trainable and layer.parameter_count for layer in model.layers):
        return bfloat16(draw)
    shards = 1 if draw.in_torch else draw.integer(1, images + 1)
    title = '"""A network in float64 and in cnnx in bfloat16, on three batches."""'
    setup = set_up(draw, title, model, images, "bfloat16")
    expected = in_torch(model, images) if draw.in_torch else in_numpy(draw, shards)
    within = (WITHIN, EACH_WITHIN)
    draws = 5 if large else 40  # in the sums over large maps, single elements count for little
    expected += [
        network_snippets.of_a_step,
        network_snippets.with_norms,
        f"SKIPPED = {skipped(model)}",
        f"expected, bounds = with_norms(compute, {inputs}, SKIPPED, {2.0**-9}, {within}, {draws})",
    ]
    check = paste(
        network_snippets.of_a_step,
        network_snippets.compare_norms,
        network_snippets.results_of,
        network_snippets.compare_most,
        f"cnnx.set_num_threads({draw.integer(1, 4)})",
        "def actual(index):\n"
        f"    settings = dict(shards={shards}, recompute={draw.chance(0.4)})\n"
        f"    results = results_of(model, x[index], y[index], {draw.seed}, **settings)\n"
        f"    return of_a_step(results, {skipped(model)})",
        "compare_most(compare_norms, actual, expected, bounds)",
    )
    return Case(paste(*setup), paste(*expected), check)


def skipped(model: cnnx.Model) -> list[str]:
    """Results that cnnx does not compute: the gradients of frozen layers."""
    frozen = {layer.name for layer in model.layers if not layer.trainable}
    return [f"gradient of {name}" for name in model.parameters if name.rsplit(".", 1)[0] in frozen]


def set_up(
    draw: Draw, title: str, model: cnnx.Model, images: int, compute_dtype: str
) -> list[Callable[..., Any] | str]:
    """Parts of the source that defines a model, batches `x` and `y`, and `arrays`."""
    inputs = network_snippets.INPUTS
    dropouts = [layer.name for layer in model.layers if layer.kind == "dropout"]
    setup = [
        title,
        HEADER,
        snippets.draw,
        with_random_values,
        lines(in_cnnx(model, draw.integer(0, 99))),
        "model = with_random_values(model)",
        f"rng = np.random.default_rng({draw.seed})",
        f"x = draw(rng, {(inputs, images, *model.input_shape)})",
        f"y = draw(rng, {(inputs, images, *model.output_shape)})",
        'arrays = {"x": x, "y": y, **model.parameters, **model.buffers}',
    ]
    if draw.in_torch and dropouts:
        setup.append(dropout_factors(draw, dropouts))
    if compute_dtype != "float32":
        setup.append(f"model.compute_dtype = {compute_dtype!r}")
    return setup


def dropout_factors(draw: Draw, dropouts: list[str]) -> str:
    """Lines that add the factors of each dropout to the arrays."""
    return lines(
        (
            f"sys.path.insert(0, {str(SUPPORT)!r})",
            "from reference_network import ReferenceNetwork, Step, dropout_factors",
            "",
            "network = ReferenceNetwork(model)",
            "outputs = model.layer_outputs(x[0])",
            "for node in network.nodes:",
            f"    if node.name in {dropouts}:",
            f"        factors = dropout_factors(node, outputs[node.name], Step({draw.seed}))",
            "        arrays[node.name + '.factors'] = np.stack([factors] * len(x))",
        )
    )


def in_torch(model: cnnx.Model, images: int) -> list[str]:
    """Source of `compute` in PyTorch."""
    last = f"return v[{model.layers[-1].name!r}]"
    functions = [
        f"def {name}(v, p):\n"
        + lines([*torch_lines(model, images, training=name == "training"), last], "    ")
        for name in ("inference", "training")
    ]
    parameters = f"PARAMETERS = {list(model.parameters)}"
    return [IMPORT_TORCH, TORCH_NOISE, *functions, parameters, TORCH_RESULTS]


def in_numpy(draw: Draw, shards: int) -> list[object]:
    """Source of `compute` with the reference."""
    return [
        f"sys.path.insert(0, {str(SUPPORT)!r})\n"
        "import reference\nfrom reference_network import ReferenceNetwork, Step",
        network_snippets.RoundedNetwork,
        network_snippets.step_by_reference,
        network_snippets.by_reference,
        "def compute(index, noise, seed):\n"
        "    rng = np.random.default_rng(seed)\n"
        f"    return by_reference(model, x[index], y[index], {draw.seed}, {shards}, noise, rng)",
    ]
