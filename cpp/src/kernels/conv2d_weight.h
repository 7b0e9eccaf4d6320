// The weight gradient's loops, as the table of conv2d's kernels names them; see kernels/conv2d.h.
// For kernel files only.
#pragma once

#include "kernels/conv2d.h"

namespace cnnx {
namespace CNNX_ISA {

void add_weight_gradient(const WeightGradientBand& band);
void reduce_weight_gradient(const float* panel, int64_t chunks, int64_t chunk_floats, int64_t depth,
                            int64_t begin, int64_t end, int64_t outputs, bool accumulate,
                            float* target, int64_t target_step);

}  // namespace CNNX_ISA
}  // namespace cnnx
