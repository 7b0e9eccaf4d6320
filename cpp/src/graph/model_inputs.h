// The several inputs of a model: parts of a flat input, found in its graph.
#pragma once

#include <vector>

#include "cnnx/model.h"
#include "graph/graph.h"

namespace cnnx::graph {

// The layers of kind input_part that read the input, in its order; none for a model with one input.
// They are several, everything reads the input through them, and they divide it without gaps.
std::vector<InputInfo> inputs_of(const Graph& graph);

// Throws std::invalid_argument, in a sentence that begins with `function`, if there are several.
void refuse_several_inputs(const std::vector<InputInfo>& inputs, const char* function);

}  // namespace cnnx::graph
