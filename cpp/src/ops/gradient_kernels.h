// The kernels that only training calls, except small ones. The caller of a backward passes them, so
// that a static program that only predicts is linked without them.
#pragma once

#include <cstdint>

#include "kernels/activations.h"
#include "kernels/adaptive_avg_pool2d.h"
#include "kernels/avg_pool2d.h"
#include "kernels/batch_norm2d.h"
#include "kernels/bfloat16_weight.h"
#include "kernels/channel_shuffle.h"
#include "kernels/conv2d.h"
#include "kernels/conv2d_depthwise.h"
#include "kernels/conv2d_lane_groups.h"
#include "kernels/conv2d_winograd_overlap.h"
#include "kernels/conv2d_winograd_weight.h"
#include "kernels/dense.h"
#include "kernels/group_norm.h"
#include "kernels/l2_norm.h"
#include "kernels/lrn.h"
#include "kernels/max_pool2d.h"
#include "kernels/maximum.h"
#include "kernels/softmax.h"
#include "kernels/upsample2d.h"

namespace cnnx::ops {

struct GradientKernels {
  const Conv2dGradientKernels* conv2d;
  const Conv2dGradientKernels* conv2d_half_vectors;  // see fits_half_a_vector
  const Bfloat16WeightKernels* bfloat16_weight;
  const DepthwiseGradientKernels* depthwise;
  const DepthwisePhasesKernels* depthwise_phases;
  const LaneGroupsGradientKernels* lane_groups;
  const WinogradWeightKernels *winograd2, *winograd4, *winograd2_of_5, *winograd4_of_2,
      *winograd4_of_4;
  const WinogradOverlapKernels* winograd2_of_5_overlap;
  const DenseGradientKernels* dense;
  const ActivationGradientTable* activations;
  const MaximumGradientKernels* maximum;
  const MaxPool2dGradientKernels* max_pool2d;
  const AvgPool2dGradientKernels* avg_pool2d;
  const AdaptiveAvgPool2dGradientKernels* adaptive_avg_pool2d;
  const Upsample2dGradientKernels* upsample2d;
  const ChannelShuffleGradientKernels* channel_shuffle;
  const BatchNorm2dGradientKernels* batch_norm2d;
  const BatchNorm2dBfloat16GradientKernels* batch_norm2d_bfloat16;
  const GroupNormGradientKernels* group_norm;
  const L2NormGradientKernels* l2_norm;
  const LrnGradientKernels* lrn;
  const SoftmaxGradientKernels* softmax;
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
  const BatchNormForward* normalisation = nullptr;  // of x, see ops::ForwardArguments
};

}  // namespace cnnx::ops
