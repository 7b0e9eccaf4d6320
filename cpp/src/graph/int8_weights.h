// The weights of a graph that are whole numbers times a scale per output.
#pragma once

#include <cstddef>
#include <vector>

#include "graph/graph.h"

namespace cnnx::graph {

struct Int8Weight {
  std::size_t index;            // of the weight in the block of parameters
  const ParameterInfo& weight;  // its last axis is that of the scale
  const ParameterInfo& scale;   // in the block of buffers
};

std::vector<Int8Weight> int8_weights(const Graph& graph);

// Throws std::invalid_argument unless each of the weight's values is a whole number from -128 to
// 127 times its scale.
void check_int8_values(const Int8Weight& weight, const float* values, const float* scales);

// Multiplies the whole numbers, which stay as they are, by new scales. Throws
// std::invalid_argument unless these are finite and above 0.
void rescale_int8_values(const Int8Weight& weight, const float* old_scales, const float* new_scales,
                         float* values);

}  // namespace cnnx::graph
