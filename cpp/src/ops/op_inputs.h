// An op with all of its inputs, one or several.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "cnnx/layer_kinds.h"
#include "ops/op.h"

namespace cnnx::ops {

// Refuses a wrong number of inputs for the kind: "add: has 1 input, expected 2 to 64".
void check_input_count(const LayerKind& kind, std::size_t count);

Shape output_shape(const Op& op, const std::vector<Shape>& inputs);
std::vector<ParameterSpec> parameters(const Op& op, const std::vector<Shape>& inputs);
std::unique_ptr<const BoundOp> bind(const Op& op, const std::vector<Shape>& inputs,
                                    const Fusion& fusion);

}  // namespace cnnx::ops
