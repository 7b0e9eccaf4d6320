// The largest kernels that only training calls: of weight gradients, and of the activations. The
// caller of a backward passes them, so that a static program that only predicts is linked without
// them.
#pragma once

#include <cstdint>

#include "kernels/activations.h"
#include "kernels/conv2d.h"
#include "kernels/conv2d_depthwise.h"
#include "kernels/conv2d_lane_groups.h"
#include "kernels/conv2d_winograd_weight.h"
#include "kernels/dense.h"

namespace cnnx::ops {

struct GradientKernels {
  const Conv2dGradientKernels* conv2d;
  const Conv2dGradientKernels* conv2d_half_vectors;  // see fits_half_a_vector
  const DepthwiseGradientKernels* depthwise;
  const LaneGroupsGradientKernels* lane_groups;
  const WinogradWeightKernels *winograd2, *winograd4;
  const DenseGradientKernels* dense;
  const ActivationGradientTable* activations;
};

// Those of the active instruction set. No function reachable from a forward may call this.
const GradientKernels& gradient_kernels();

// The arrays of a weight and a bias gradient, either of which may be null.
struct WeightGradientArguments {
  const GradientKernels* kernels;
  const float *x, *grad_output;
  bool accumulate;
  int threads;
  float* scratch;
  float *grad_weight, *grad_bias;
};

}  // namespace cnnx::ops
