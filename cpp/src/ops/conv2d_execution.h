// conv2d and conv_transpose2d bound to a shape, once a plan is chosen.
#pragma once

#include <memory>

#include "cnnx/conv2d.h"
#include "ops/conv2d_plan.h"
#include "ops/op.h"

namespace cnnx::ops {

// A layer of one input shape. `geometry` is the convolution's; a transposed convolution maps the
// convolution's output to its input.
struct ConvolutionLayer {
  Conv2dGeometry geometry;
  bool transposed;
  bool bias;
};

// With Fusion::bfloat16, of a layer that has_bfloat16_plan. A dense layer is a convolution of an
// image of one row, whose pixels are the rows of the batch.
bool has_bfloat16_plan(const Conv2dGeometry& geometry);
std::unique_ptr<const BoundOp> bind_bfloat16_convolution(const Conv2dGeometry& geometry, bool bias,
                                                         const Fusion& fusion);

std::unique_ptr<const BoundOp> bind_convolution(const ConvolutionLayer& layer, Conv2dPlan plan,
                                                const Fusion& fusion);

}  // namespace cnnx::ops
