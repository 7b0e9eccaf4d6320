// The parts of conv2d and conv_transpose2d that follow the choice of a plan: the layer bound to a
// shape, and one call of the public functions.
#pragma once

#include <memory>

#include "cnnx/conv2d.h"
#include "ops/conv2d_plan.h"
#include "ops/op.h"

namespace cnnx::ops {

// A layer of one input shape. `geometry` is the convolution's; a transposed convolution goes the
// other way, from the convolution's output to its input.
struct ConvolutionLayer {
  Conv2dGeometry geometry;
  bool transposed;
  bool bias;
};

std::unique_ptr<const BoundOp> bind_convolution(const ConvolutionLayer& layer, Conv2dPlan plan,
                                                const Fusion& fusion);

// Both allocate their scratch and run on the default number of threads. `bias` may be null.
void run_convolution(const Conv2dPlan& plan, const float* x, const float* weight, const float* bias,
                     float* output);

// Any gradient but grad_output may be null.
struct ConvolutionGradients {
  const float* grad_output;
  float *grad_input, *grad_weight, *grad_bias;
  bool accumulate;
};
void run_convolution_backward(const Conv2dPlan& plan, const float* x, const float* weight,
                              const ConvolutionGradients& gradients);

}  // namespace cnnx::ops
