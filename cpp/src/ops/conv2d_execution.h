// What conv2d and conv_transpose2d do alike once their shapes have chosen an algorithm: the layer
// bound to a shape, and one call of the public functions.
#pragma once

#include <memory>

#include "cnnx/conv2d.h"
#include "ops/conv2d_algorithm.h"
#include "ops/op.h"

namespace cnnx::ops {

// A layer of one input shape. `geometry` is the convolution's; a transposed one makes what the
// convolution reads out of what it makes.
struct ConvolutionLayer {
  Conv2dGeometry geometry;
  bool transposed;
  bool bias;
};

std::unique_ptr<const BoundOp> bind_convolution(const ConvolutionLayer& layer,
                                                std::shared_ptr<const Conv2dAlgorithm> algorithm,
                                                const Fusion& fusion);

// With scratch of their own and as many threads as there are to be. Any array but x, weight and
// grad_output may be null.
void run_convolution(const Conv2dAlgorithm& algorithm, const float* x, const float* weight,
                     const float* bias, float* output);
void run_convolution_backward(const Conv2dAlgorithm& algorithm, const float* grad_output,
                              const float* x, const float* weight, float* grad_input,
                              float* grad_weight, float* grad_bias, bool accumulate);

}  // namespace cnnx::ops
