// Builds a Graph: names the layers, infers the shapes, lays the parameters out in one block.
#include "graph/graph.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "ops/registry.h"

namespace cnnx {

void check_layer(const Layer& layer) { ops::make_op(layer.kind, layer.attributes); }

}  // namespace cnnx

namespace cnnx::graph {
namespace {

// Names become keys of a file and of a dictionary, and words of an error.
void check_name(const std::string& name) {
  const bool good = !name.empty() && name.size() <= 100 &&
                    std::all_of(name.begin(), name.end(), [](unsigned char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
                    });
  if (!good) {
    throw std::invalid_argument(
        "model: layer name \"" + name +
        "\" must be 1 to 100 letters, digits, underscores, hyphens or dots");
  }
  if (name == "input")
    throw std::invalid_argument(
        "model: no layer may be named \"input\": that is the picture itself");
}

// Every layer's name, in order: the user's own, or kind and ordinal, stepping over names already
// taken.
std::vector<std::string> name_layers(const std::vector<Layer>& layers) {
  std::set<std::string> taken;
  for (const Layer& layer : layers) {
    if (layer.name.empty()) continue;
    check_name(layer.name);
    if (!taken.insert(layer.name).second) {
      throw std::invalid_argument("model: two layers are named \"" + layer.name + "\"");
    }
  }
  std::map<std::string, int> ordinals;
  std::vector<std::string> names;
  for (const Layer& layer : layers) {
    std::string name = layer.name;
    while (name.empty() || (layer.name.empty() && !taken.insert(name).second)) {
      name = layer.kind + "_" + std::to_string(++ordinals[layer.kind]);
    }
    names.push_back(name);
  }
  return names;
}

}  // namespace

Shape with_batch(int64_t batch, const Shape& shape) {
  Shape result{batch};
  result.insert(result.end(), shape.begin(), shape.end());
  return result;
}

Graph::Graph(const std::vector<Layer>& layers, const Shape& input_shape)
    : input_shape_(input_shape) {
  if (layers.empty())
    throw std::invalid_argument("model: layers is empty, expected at least one layer");
  if (input_shape.size() != 3 || *std::min_element(input_shape.begin(), input_shape.end()) < 1) {
    throw std::invalid_argument("model: input_shape is " + to_string(input_shape) +
                                ", expected (height, width, channels), each at least 1");
  }
  const std::vector<std::string> names = name_layers(layers);
  for (std::size_t i = 0; i < layers.size(); ++i) add(layers[i], names[i]);
}

void Graph::add(const Layer& layer, std::string name) {
  Node node;
  node.layer = layer;
  node.layer.name = std::move(name);
  node.input = static_cast<int>(nodes_.size()) - 1;
  node.input_shape = node.input == kGraphInput ? input_shape_ : nodes_.back().output_shape;
  try {
    node.op = ops::make_op(layer.kind, layer.attributes);
    const Shape one = with_batch(1, node.input_shape);
    const Shape output = node.op->output_shape(one);
    element_count(output);
    node.output_shape = Shape(output.begin() + 1, output.end());
    node.first_parameter = static_cast<int>(parameters_.size());
    for (const ops::ParameterSpec& spec : node.op->parameters(one)) {
      parameters_.push_back({node.layer.name + "." + spec.name, spec.shape, parameter_floats_});
      specs_.push_back(spec);
      if (__builtin_add_overflow(parameter_floats_, element_count(spec.shape),
                                 &parameter_floats_)) {
        throw std::invalid_argument(layer.kind + ": the model has too many parameters");
      }
      ++node.parameter_count;
    }
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument("layer " + node.layer.name + ": " + error.what());
  }
  nodes_.push_back(std::move(node));
}

}  // namespace cnnx::graph
