// Distinguishes ops of one input from ops of several.
#include "ops/op_inputs.h"

#include <stdexcept>
#include <string>

namespace cnnx::ops {

void check_input_count(const LayerKind& kind, std::size_t count) {
  const auto least = static_cast<std::size_t>(kind.least_inputs);
  const auto most = static_cast<std::size_t>(kind.most_inputs);
  if (count >= least && count <= most) return;
  std::string expected = most == 1 ? "one" : std::to_string(least);
  if (most > least) expected += " to " + std::to_string(most);
  throw std::invalid_argument(std::string(kind.name) + ": has " + std::to_string(count) +
                              (count == 1 ? " input" : " inputs") + ", expected " + expected);
}

Shape output_shape(const Op& op, const std::vector<Shape>& inputs) {
  if (const auto* merge = dynamic_cast<const MergeOp*>(&op)) return merge->merged_shape(inputs);
  return op.output_shape(inputs[0]);
}

std::vector<ParameterSpec> parameters(const Op& op, const std::vector<Shape>& inputs) {
  if (const auto* merge = dynamic_cast<const MergeOp*>(&op))
    return merge->merged_parameters(inputs);
  return op.parameters(inputs[0]);
}

std::unique_ptr<const BoundOp> bind(const Op& op, const std::vector<Shape>& inputs,
                                    const Fusion& fusion) {
  if (const auto* merge = dynamic_cast<const MergeOp*>(&op))
    return merge->bind_merged(inputs, fusion);
  return op.bind_fused(inputs[0], fusion);
}

}  // namespace cnnx::ops
