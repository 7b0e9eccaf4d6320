// Finds the parts of a flat input that are a model's inputs.
#include "graph/model_inputs.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace cnnx::graph {

std::vector<InputInfo> inputs_of(const Graph& graph) {
  std::vector<InputInfo> found;
  for (const Node& node : graph.nodes()) {
    const auto& read = node.inputs;
    if (std::find(read.begin(), read.end(), kGraphInput) == read.end()) continue;
    if (node.layer.kind != "input_part") return {};
    const Setting& offset = node.layer.settings.at("offset");
    found.push_back({node.layer.name, node.output_shape, std::get<int64_t>(offset)});
  }
  std::sort(found.begin(), found.end(),
            [](const InputInfo& a, const InputInfo& b) { return a.offset < b.offset; });
  int64_t end = 0;
  for (const InputInfo& each : found) {
    if (each.offset != end) return {};
    end += element_count(each.shape);
  }
  if (found.size() < 2 || graph.input_shape() != Shape{1, 1, end}) return {};
  return found;
}

void refuse_several_inputs(const std::vector<InputInfo>& inputs, const char* function) {
  if (inputs.empty()) return;
  std::string names;
  for (const InputInfo& each : inputs) names += (names.empty() ? "" : ", ") + each.name;
  throw std::invalid_argument(std::string(function) + ": the model has several inputs (" + names +
                              "), expected one with a single input");
}

}  // namespace cnnx::graph
