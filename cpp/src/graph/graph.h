// What the user said: layers in order, each with the id of its input, checked and sized for one
// picture.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cnnx/layer.h"
#include "cnnx/model.h"
#include "ops/op.h"

namespace cnnx::graph {

constexpr int kGraphInput = -1;

struct Node {
  Layer layer;  // with its name filled in
  std::unique_ptr<const ops::Op> op;
  int input = kGraphInput;  // id of the node it reads; today always the one before
  Shape input_shape;        // without the batch axis
  Shape output_shape;
  int first_parameter = 0;  // into Graph::parameters
  int parameter_count = 0;  // arrays, not floats
};

class Graph {
 public:
  // Throws std::invalid_argument, naming the layer.
  Graph(const std::vector<Layer>& layers, const Shape& input_shape);

  const Shape& input_shape() const { return input_shape_; }
  const Shape& output_shape() const { return nodes_.back().output_shape; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& node(int id) const { return nodes_[static_cast<std::size_t>(id)]; }
  const std::vector<ParameterInfo>& parameters() const { return parameters_; }
  const std::vector<ops::ParameterSpec>& specs() const { return specs_; }  // one per parameter
  int64_t parameter_floats() const { return parameter_floats_; }

 private:
  void add(const Layer& layer, std::string name);

  Shape input_shape_;
  std::vector<Node> nodes_;
  std::vector<ParameterInfo> parameters_;
  std::vector<ops::ParameterSpec> specs_;
  int64_t parameter_floats_ = 0;
};

Shape with_batch(int64_t batch, const Shape& shape);

}  // namespace cnnx::graph
