"""Weights of PyTorch networks: safetensors and `.pth` files, read without running code.

Example:
    Load the weights of a torchvision network that `torch.save(network.state_dict(), path)` saved::

        model = cnnx.models.resnet18()
        print(cnnx.weights.load_into(model, "resnet18.pth"))
"""

from cnnx.weights.loading import LoadReport, load_into

__all__ = ["LoadReport", "load_into"]
