// Conversion of a user's layers to those of a graph: blocks expanded, every name and every input
// filled in.
#pragma once

#include <vector>

#include "cnnx/layer.h"

namespace cnnx::graph {

constexpr const char* kInputName = "input";  // a layer's name for the image

// Throws std::invalid_argument, naming the layer, for a name that is taken or has characters that
// no file allows, and for an invalid block.
std::vector<Layer> written_out(std::vector<Layer> layers);

}  // namespace cnnx::graph
