// The algorithms of a convolution, among which choose_conv2d_plan chooses.
#pragma once

#include <cstdint>
#include <memory>

#include "ops/conv2d_phases.h"
#include "ops/conv2d_plan.h"

namespace cnnx::ops {

// Every product is computed as the formula says.
std::unique_ptr<const Conv2dPass> make_direct_pass(const Conv2dGeometry& geometry,
                                                   PassDirection direction);
std::unique_ptr<const Conv2dWeightGradient> make_direct_weight_gradient(
    const Conv2dGeometry& geometry);

// The direct input gradient for few input channels. Stride 1, horizontal dilation 1 and one group
// only.
std::unique_ptr<const Conv2dPass> make_narrow_input_gradient(const Conv2dGeometry& geometry);

// Vectors along the channels of all groups. Any groups; meant for narrow ones. Not where a group
// has several channels and dilation.
std::unique_ptr<const Conv2dPass> make_depthwise_pass(const Conv2dGeometry& geometry,
                                                      PassDirection direction);
std::unique_ptr<const Conv2dWeightGradient> make_depthwise_weight_gradient(
    const Conv2dGeometry& geometry);

// Groups of 2, 4 or 8 inputs and as many outputs only.
std::unique_ptr<const Conv2dPass> make_lane_groups_pass(const Conv2dGeometry& geometry,
                                                        PassDirection direction);
std::unique_ptr<const Conv2dWeightGradient> make_lane_groups_weight_gradient(
    const Conv2dGeometry& geometry);

// The side of Winograd's tiles of outputs: F(2x2, 3x3) or F(4x4, 3x3).
enum class WinogradTile : int64_t { two = 2, four = 4 };

// Kernel size 3x3, stride 1, dilation 1 only; several groups only of whole sixteens of channels.
std::unique_ptr<const Conv2dPass> make_winograd_pass(const Conv2dGeometry& geometry,
                                                     WinogradTile tile, PassDirection direction);
std::unique_ptr<const Conv2dWeightGradient> make_winograd_weight_gradient(
    const Conv2dGeometry& geometry, WinogradTile tile);

}  // namespace cnnx::ops
