// Finds int8 weights by the specifications of parameters, and keeps them multiples of their scales.
#include "graph/int8_weights.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include "ops/quantized_layer.h"

namespace cnnx::graph {

std::vector<Int8Weight> int8_weights(const Graph& graph) {
  std::vector<Int8Weight> found;
  for (const Node& node : graph.nodes()) {
    const ArrayRange& range = node.parameters;
    for (std::size_t i = range.first; i < range.first + range.count; ++i) {
      if (!graph.parameters().specs()[i].int8) continue;
      found.push_back(
          {i, graph.parameters().infos()[i], graph.buffers().infos()[node.buffers.first]});
    }
  }
  return found;
}

void check_int8_values(const Int8Weight& weight, const float* values, const float* scales) {
  // Of a product of float32 numbers, divided again.
  constexpr float kRounding = 1e-4f;
  const int64_t columns = weight.scale.shape[0], count = element_count(weight.weight.shape);
  for (int64_t i = 0; i < count; ++i) {
    const float whole = values[i] / scales[i % columns];
    if (std::abs(whole - ops::quantized_weight(values[i], scales[i % columns])) <= kRounding)
      continue;
    throw std::invalid_argument(
        "set_parameter: " + weight.weight.name + " holds " + std::to_string(values[i]) +
        ", expected whole numbers from -128 to 127 times " + weight.scale.name + ", here " +
        std::to_string(scales[i % columns]) + ": set the scale first");
  }
}

void rescale_int8_values(const Int8Weight& weight, const float* old_scales, const float* new_scales,
                         float* values) {
  const int64_t columns = weight.scale.shape[0], count = element_count(weight.weight.shape);
  for (int64_t c = 0; c < columns; ++c) {
    if (new_scales[c] > 0 && std::isfinite(new_scales[c])) continue;
    throw std::invalid_argument("set_buffer: " + weight.scale.name + " holds " +
                                std::to_string(new_scales[c]) +
                                ", expected finite numbers above 0");
  }
  for (int64_t i = 0; i < count; ++i) {
    const int64_t c = i % columns;
    values[i] = ops::quantized_weight(values[i], old_scales[c]) * new_scales[c];
  }
}

}  // namespace cnnx::graph
