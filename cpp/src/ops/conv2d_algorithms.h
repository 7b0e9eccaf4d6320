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

// F(outputs x outputs, taps x taps): the side of a tile of outputs, and of the kernel. A larger
// kernel is the sum of four parts, two along each axis: with stride 2 the even and the odd taps,
// with stride 1 the first and the last ones.
struct WinogradTile {
  int64_t outputs, taps, kernel_side;
  int64_t stride = 1;

  constexpr int64_t side() const { return outputs + taps - 1; }
  // A tile reads as many pixels of a part as it has points.
  constexpr int64_t points() const { return side() * side(); }
  constexpr int64_t parts() const { return kernel_side == taps ? 1 : 4; }
  // Of an input and an output. The second part along an axis has one tap less, and one point.
  constexpr int64_t products() const {
    return parts() == 1 ? points() : (2 * side() - 1) * (2 * side() - 1);
  }
};

// The tile with this side for a convolution's kernel.
constexpr WinogradTile winograd_tile(const Conv2dGeometry& g, int64_t outputs) {
  const int64_t side = g.kernel_size.height, stride = g.stride.height;
  const bool in_parts = stride == 2 || side == 7;
  return {outputs, in_parts ? (side + 1) / 2 : side, side, stride};
}

// With tiles of outputs x outputs pixels. Only for stride 1, the same dilation both ways, and
// kernel size 3x3 with tiles of 2x2 or 4x4, 5x5 with 2x2, or 7x7 with 4x4 and one group. Several
// groups only of multiples of 16 channels. Forward and weight gradient also with stride 2 and
// dilation 1, for 3x3, 5x5 and 7x7 with tiles of 4x4 and one group.
std::unique_ptr<const Conv2dPass> make_winograd_pass(const Conv2dGeometry& geometry,
                                                     int64_t outputs, PassDirection direction);
// The input gradient by tiles of grad_output, whose results overlap. Only for kernel size 5x5,
// stride 1, dilation 1 and one group; its epilogue has kernels.
std::unique_ptr<const Conv2dPass> make_winograd_overlapping_gradient(
    const Conv2dGeometry& geometry);
std::unique_ptr<const Conv2dWeightGradient> make_winograd_weight_gradient(
    const Conv2dGeometry& geometry, int64_t outputs);

}  // namespace cnnx::ops
