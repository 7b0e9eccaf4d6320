// Layers that Python computes.
#pragma once

#include <memory>

#include "bindings.h"
#include "cnnx/custom_layer.h"

namespace cnnx::bindings {

// Of an object of cnnx.layers.custom, whose methods it calls.
std::shared_ptr<const CustomLayer> custom_layer(py::object functions);

// That object, or None for a layer of another program.
py::object functions_of(const CustomLayer& layer);

}  // namespace cnnx::bindings
