// Conversion of CheckpointMetadata between Python and C++: a text, and arrays of float32 or float64
// by name.
#pragma once

#include "bindings.h"
#include "cnnx/checkpoint.h"

namespace cnnx::bindings {

// Throws TypeError for an array of another dtype.
CheckpointMetadata metadata_of(std::string text, const py::dict& arrays);

}  // namespace cnnx::bindings
