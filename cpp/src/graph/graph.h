// The user's network: layers in order, each with the ids of its inputs, checked and sized for one
// image.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cnnx/layer.h"
#include "cnnx/model.h"
#include "ops/op.h"

namespace cnnx::graph {

constexpr int kGraphInput = -1;

// The arrays of a block that belong to a node.
struct ArrayRange {
  std::size_t first = 0, count = 0;
};

// Arrays of all layers in one block, one after the other: the parameters, or the buffers.
class ArrayBlock {
 public:
  // Throws std::invalid_argument if there are too many.
  ArrayRange add(const Layer& layer, std::vector<ops::ParameterSpec> specs);
  void append_offsets(const ArrayRange& range, std::vector<int64_t>& offsets) const;

  const std::vector<ParameterInfo>& infos() const { return infos_; }
  const std::vector<ops::ParameterSpec>& specs() const { return specs_; }  // one per array
  int64_t floats() const { return floats_; }
  int64_t floats_of(const ArrayRange& range) const;

 private:
  std::vector<ParameterInfo> infos_;
  std::vector<ops::ParameterSpec> specs_;
  int64_t floats_ = 0;
};

struct Node {
  Layer layer;  // not a block, with its name and inputs filled in
  std::unique_ptr<const ops::Op> op;
  std::vector<int> inputs;          // ids of the nodes it reads
  std::vector<Shape> input_shapes;  // without the batch axis
  Shape output_shape;
  ArrayRange parameters, buffers;
  int readers = 0;  // number of inputs of other nodes that read its output
};

class Graph {
 public:
  // The last layer's output is the graph's. Throws std::invalid_argument, naming the layer.
  Graph(std::vector<Layer> layers, const Shape& input_shape);

  const Shape& input_shape() const { return input_shape_; }
  const Shape& output_shape() const { return nodes_.back().output_shape; }
  const std::vector<Node>& nodes() const { return nodes_; }
  // The id of the layer, or kGraphInput for "input".
  std::optional<int> find(const std::string& name) const;
  const Node& node(int id) const { return nodes_[static_cast<std::size_t>(id)]; }
  const ArrayBlock& parameters() const { return parameters_; }
  const ArrayBlock& buffers() const { return buffers_; }

  std::unique_ptr<const ops::BoundOp> bind(int id, int64_t batch, const ops::Fusion& fusion) const;

  ComputeDtype compute_dtype() const { return compute_dtype_; }
  // The caller ensures that no plan stays in use.
  void set_compute_dtype(ComputeDtype dtype) { compute_dtype_ = dtype; }
  // The caller ensures that no training plan stays in use.
  void set_trainable(int id, bool trainable) {
    nodes_[static_cast<std::size_t>(id)].layer.trainable = trainable;
  }

 private:
  void add(Layer layer);  // with its name and inputs
  void connect(Node& node);

  Shape input_shape_;
  std::vector<Node> nodes_;
  std::unordered_map<std::string, int> ids_;
  ArrayBlock parameters_, buffers_;
  ComputeDtype compute_dtype_ = ComputeDtype::float32;
};

Shape with_batch(int64_t batch, const Shape& shape);
std::vector<Shape> input_shapes(const Node& node, int64_t batch);
// Whether a plan that computes in `dtype` binds the node to arrays of bfloat16.
bool runs_in_bfloat16(const Node& node, int64_t batch, ComputeDtype dtype);

}  // namespace cnnx::graph
