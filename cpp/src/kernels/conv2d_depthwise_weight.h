// The weight gradient's loop, as the table of the depthwise kernels names it; see
// kernels/conv2d_depthwise.h. For kernel files only.
#pragma once

#include "kernels/conv2d_depthwise.h"

namespace cnnx {
namespace CNNX_ISA {

// source x gradient -> sums (taps_high, taps_wide, channels)
void add_depthwise_gradient(const DepthwiseGradient& gradient);

}  // namespace CNNX_ISA
}  // namespace cnnx
