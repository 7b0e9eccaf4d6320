// The layers a user wrote down as those that a graph is made of: blocks written out, every name and
// every input filled in.
#pragma once

#include <vector>

#include "cnnx/layer.h"

namespace cnnx::graph {

constexpr const char* kInputName = "input";  // what a layer calls the image itself

// Throws std::invalid_argument, naming the layer, for a name that is taken or has letters that no
// file takes, and for a block that is none.
std::vector<Layer> written_out(std::vector<Layer> layers);

}  // namespace cnnx::graph
