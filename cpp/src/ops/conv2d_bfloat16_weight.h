// The weight and bias gradients of a convolution whose arrays are bfloat16.
#pragma once

#include <cstdint>
#include <memory>

#include "cnnx/conv2d.h"
#include "ops/conv2d_chunks.h"
#include "ops/conv2d_plan.h"

namespace cnnx::ops {

// The chunks of its sums.
GradientChunks bfloat16_weight_chunks(const Conv2dGeometry& geometry);

// x and grad_output of the arguments of these gradients are bfloat16 arrays (ops/bfloat16.h),
// grad_weight and grad_bias float32.

// See ops/bfloat16_windows.h and kernels/bfloat16_weight.h for the order of a sum: the positions of
// each image are cut into blocks of their own if taps are shifted, else those of a whole chunk.
// grad_bias has the order of the float32 layer. NaN or infinity in a pixel that a window reads may
// reach the weights of every tap.
std::unique_ptr<const Conv2dWeightGradient> make_bfloat16_weight_gradient(
    const Conv2dGeometry& geometry);

// By the kernels of the float32 layer on widened rows, for groups of few channels: see
// make_depthwise_weight_gradient and make_lane_groups_weight_gradient.
enum class LaneKernels { depthwise, lane_groups };
std::unique_ptr<const Conv2dWeightGradient> make_bfloat16_lane_weight_gradient(
    const Conv2dGeometry& geometry, LaneKernels kernels);

// The choice, a function of the shapes of one image.
std::unique_ptr<const Conv2dWeightGradient> choose_bfloat16_weight_gradient(
    const Conv2dGeometry& geometry);

}  // namespace cnnx::ops
