// Builds a Graph: names the layers, infers the shapes, lays the parameters out in one block.
#include "graph/graph.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "graph/blocks.h"
#include "ops/op_inputs.h"
#include "ops/registry.h"

namespace cnnx {

void check_layer(const Layer& layer) { ops::make_op(layer); }

}  // namespace cnnx

namespace cnnx::graph {

ArrayRange ArrayBlock::add(const Layer& layer, std::vector<ops::ParameterSpec> specs) {
  const ArrayRange range{infos_.size(), specs.size()};
  for (ops::ParameterSpec& spec : specs) {
    infos_.push_back({layer.name + "." + spec.name, spec.shape, floats_});
    if (__builtin_add_overflow(floats_, element_count(spec.shape), &floats_))
      throw std::invalid_argument(layer.kind + ": the model has too many parameters");
    specs_.push_back(std::move(spec));
  }
  return range;
}

void ArrayBlock::append_offsets(const ArrayRange& range, std::vector<int64_t>& offsets) const {
  for (std::size_t i = range.first; i < range.first + range.count; ++i)
    offsets.push_back(infos_[i].offset);
}

int64_t ArrayBlock::floats_of(const ArrayRange& range) const {
  int64_t floats = 0;
  for (std::size_t i = range.first; i < range.first + range.count; ++i)
    floats += element_count(infos_[i].shape);
  return floats;
}

namespace {

// Far above any memory, far below an overflow of sums over a file's layers.
constexpr int64_t kMostElements = int64_t{1} << 40;

void check_size(const char* what, const Shape& shape) {
  int64_t count = 1;
  bool fits = true;
  for (const int64_t size : shape)
    fits = fits && !__builtin_mul_overflow(count, size, &count) && count <= kMostElements;
  if (fits) return;
  throw std::invalid_argument(std::string(what) + " is " + to_string(shape) +
                              ", expected at most 2^40 numbers");
}

// A file holds the parameters, not their initial values.
void erase_unsaved(const LayerKind& kind, Settings& settings) {
  for (const SettingInfo& setting : kind.settings) {
    const auto found = settings.find(setting.name);
    if (found == settings.end()) continue;
    const bool is_default = setting.omitted_if_default && found->second == default_value(setting);
    if (!setting.saved || is_default) settings.erase(found);
  }
}

}  // namespace

Shape with_batch(int64_t batch, const Shape& shape) {
  Shape result{batch};
  result.insert(result.end(), shape.begin(), shape.end());
  return result;
}

std::vector<Shape> input_shapes(const Node& node, int64_t batch) {
  std::vector<Shape> shapes;
  for (const Shape& shape : node.input_shapes) shapes.push_back(with_batch(batch, shape));
  return shapes;
}

Graph::Graph(std::vector<Layer> layers, const Shape& input_shape) : input_shape_(input_shape) {
  if (layers.empty())
    throw std::invalid_argument("model: layers is empty, expected at least one layer");
  if (input_shape.size() != 3 || *std::min_element(input_shape.begin(), input_shape.end()) < 1) {
    throw std::invalid_argument("model: input_shape is " + to_string(input_shape) +
                                ", expected (height, width, channels), each at least 1");
  }
  check_size("model: input_shape", input_shape);
  for (Layer& layer : written_out(std::move(layers))) add(std::move(layer));
  for (std::size_t i = 0; i + 1 < nodes_.size(); ++i) {
    if (nodes_[i].readers == 0) {
      throw std::invalid_argument("layer " + nodes_[i].layer.name +
                                  ": no layer after it reads its output");
    }
  }
}

std::optional<int> Graph::find(const std::string& name) const {
  if (name == kInputName) return kGraphInput;
  const auto found = ids_.find(name);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

void Graph::connect(Node& node) {
  for (const std::string& input : node.layer.inputs) {
    const std::optional<int> id = find(input);
    if (!id) throw std::invalid_argument("its input \"" + input + "\" is no layer before it");
    node.inputs.push_back(*id);
    node.input_shapes.push_back(*id == kGraphInput ? input_shape_ : this->node(*id).output_shape);
  }
}

void Graph::add(Layer layer) {
  Node node;
  node.layer = std::move(layer);
  try {
    connect(node);
    node.op = ops::make_op(node.layer);
    const LayerKind& kind = ops::kind_of(node.layer);
    ops::check_input_count(kind, node.inputs.size());
    const std::vector<Shape> inputs = input_shapes(node, 1);
    const Shape output = ops::output_shape(*node.op, inputs);
    node.output_shape = Shape(output.begin() + 1, output.end());
    check_size("its output", node.output_shape);
    node.parameters = parameters_.add(node.layer, ops::parameters(*node.op, inputs));
    node.buffers = buffers_.add(node.layer, node.op->buffers(inputs[0]));
    erase_unsaved(kind, node.layer.settings);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument("layer " + node.layer.name + ": " + error.what());
  }
  for (const int input : node.inputs) {
    if (input != kGraphInput) ++nodes_[static_cast<std::size_t>(input)].readers;
  }
  ids_[node.layer.name] = static_cast<int>(nodes_.size());
  nodes_.push_back(std::move(node));
}

std::unique_ptr<const ops::BoundOp> Graph::bind(int id, int64_t batch,
                                                const ops::Fusion& fusion) const {
  return ops::bind(*node(id).op, input_shapes(node(id), batch), fusion);
}

bool runs_in_bfloat16(const Node& node, int64_t batch, ComputeDtype dtype) {
  return dtype == ComputeDtype::bfloat16 &&
         node.op->runs_in_bfloat16(with_batch(batch, node.input_shapes[0]));
}

}  // namespace cnnx::graph
