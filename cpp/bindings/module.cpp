// The compiled module cnnx._core: a list of its blocks.
#include "bindings.h"

PYBIND11_MODULE(_core, module) {
  using namespace cnnx::bindings;
  module.doc() = "The compiled core of cnnx; use the package cnnx, whose functions check and convert.";
  bind_runtime(module);
  bind_activations(module);
  bind_max_pool2d(module);
  bind_avg_pool2d(module);
}
