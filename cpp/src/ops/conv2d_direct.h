// What the direct algorithm's passes and its weight gradient share.
#pragma once

#include <cstdint>

#include "kernels/conv2d.h"

namespace cnnx::ops {

// Eight channels fill half of a 512-bit vector, and CPUs that work on such vectors in two halves
// (Zen 4) would take twice as long over them: AVX2's kernels run, whose bits are the same.
constexpr bool fits_half_a_vector(int64_t group_outputs) { return group_outputs <= 8; }

// The kernels for so many output channels in a group.
const Conv2dKernels& direct_kernels(int64_t group_outputs);

}  // namespace cnnx::ops
