// The algorithms of a convolution, from which choose_conv2d_plan chooses.
#pragma once

#include <cstdint>
#include <memory>

#include "ops/conv2d_phases.h"
#include "ops/conv2d_plan.h"

namespace cnnx::ops {

// Computes every product of the formula.
std::unique_ptr<const Conv2dPass> make_direct_pass(const Conv2dGeometry& geometry,
                                                   PassDirection direction);
std::unique_ptr<const Conv2dWeightGradient> make_direct_weight_gradient(
    const Conv2dGeometry& geometry);

// The direct input gradient for few input channels. Only for stride 1, horizontal dilation 1 and
// one group.
std::unique_ptr<const Conv2dPass> make_narrow_input_gradient(const Conv2dGeometry& geometry);

// Vectors along the channels of all groups. For any groups; meant for narrow ones. Not for groups
// of several channels with dilation.
std::unique_ptr<const Conv2dPass> make_depthwise_pass(const Conv2dGeometry& geometry,
                                                      PassDirection direction);
std::unique_ptr<const Conv2dWeightGradient> make_depthwise_weight_gradient(
    const Conv2dGeometry& geometry);

// Only for groups of 2, 4 or 8 inputs and the same number of outputs.
std::unique_ptr<const Conv2dPass> make_lane_groups_pass(const Conv2dGeometry& geometry,
                                                        PassDirection direction);
std::unique_ptr<const Conv2dWeightGradient> make_lane_groups_weight_gradient(
    const Conv2dGeometry& geometry);

// The side of Winograd's tiles of outputs: F(2x2, 3x3) or F(4x4, 3x3).
enum class WinogradTile : int64_t { two = 2, four = 4 };

// Only for kernel size 3x3, stride 1, dilation 1; several groups only of multiples of 16 channels.
std::unique_ptr<const Conv2dPass> make_winograd_pass(const Conv2dGeometry& geometry,
                                                     WinogradTile tile, PassDirection direction);
std::unique_ptr<const Conv2dWeightGradient> make_winograd_weight_gradient(
    const Conv2dGeometry& geometry, WinogradTile tile);

}  // namespace cnnx::ops
