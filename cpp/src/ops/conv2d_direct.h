// The choice of kernels that the direct passes and their weight gradient share.
#pragma once

#include <cstdint>

#include "kernels/conv2d.h"

namespace cnnx::ops {

// Eight channels fill half of a 512-bit vector. CPUs that execute such vectors in two halves (Zen
// 4) take twice as long for them, so AVX2's kernels run, whose bits are the same.
constexpr bool fits_half_a_vector(int64_t group_outputs) { return group_outputs <= 8; }

// The kernels for a number of output channels in a group.
const Conv2dKernels& direct_kernels(int64_t group_outputs);

}  // namespace cnnx::ops
