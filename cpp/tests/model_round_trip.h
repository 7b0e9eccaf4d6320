// Checks for every model that was read or built: it runs, and saving and reading preserves it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "graph/model_state.h"
#include "io/model_file.h"
#include "io/safetensors.h"

namespace cnnx::test {

// A convolution allocates rows of its padded input, however small its output is.
inline bool has_small_windows(const Layer& layer) {
  for (const char* name : {"kernel_size", "dilation", "padding", "output_padding"}) {
    const auto found = layer.settings.find(name);
    if (found == layer.settings.end()) continue;
    const auto* sizes = std::get_if<std::vector<int64_t>>(&found->second);
    if (sizes && *std::max_element(sizes->begin(), sizes->end()) > 64) return false;
  }
  return true;
}

// Whether the model runs quickly: a valid file may need hours.
inline bool is_small(const graph::Graph& graph) {
  constexpr int64_t most_floats = int64_t{1} << 13;         // of one array
  constexpr int64_t most_multiply_adds = int64_t{1} << 24;  // of one layer
  if (graph.nodes().size() > 64 || element_count(graph.input_shape()) > most_floats) return false;
  return std::all_of(graph.nodes().begin(), graph.nodes().end(), [&](const graph::Node& node) {
    const int64_t floats = element_count(node.output_shape);
    return floats <= most_floats && has_small_windows(node.layer) &&
           floats * graph.parameters().floats_of(node.parameters) <= most_multiply_adds;
  });
}

inline void run(const graph::ModelState& model) {
  const std::vector<float> image(static_cast<std::size_t>(element_count(model.graph.input_shape())),
                                 0.5f);
  const auto plan = model.inference_plan(1, 1);
  const graph::WorkspaceLease workspace = model.lease(*plan);
  plan->forward(image.data(), model.parameters.data(), model.buffers.data(), model.packed(*plan),
                *workspace);
}

inline std::vector<std::byte> saved(const graph::ModelState& model) {
  const io::FileContent content = io::content_of(model);
  return io::safetensors_bytes(content.tensors, content.metadata, "saved");
}

// Runs the model once, if it is small, and saves it. Returns whether reading and saving again gives
// the same bytes. Throws the exceptions of the reader.
inline bool runs_and_round_trips(const graph::ModelState& model) {
  if (is_small(model.graph)) run(model);
  const std::vector<std::byte> first = saved(model);
  const auto again =
      io::read_model(io::SafetensorsFile::from_bytes(first.data(), first.size(), "saved"));
  return saved(*again) == first;
}

}  // namespace cnnx::test
