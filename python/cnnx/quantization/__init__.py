"""Quantization of models: int8 weights and values in bytes.

`cnnx.quantize` is the function to call; its parts are in the modules of this package.
"""
