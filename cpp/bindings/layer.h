// Conversion of layers from the values that Python passes.
#pragma once

#include <string>

#include "bindings.h"
#include "cnnx/layer.h"

namespace cnnx::bindings {

// Settings are bools, ints, floats, strings or lists of ints.
Layer layer_of(const std::string& kind, const py::dict& settings);

// (kind, settings, name, inputs, trainable, branches), each branch a list of the same. The settings
// of the kind "custom" are its functions: see custom_layer.h.
Layer layer_of(const py::handle& tuple);

}  // namespace cnnx::bindings
