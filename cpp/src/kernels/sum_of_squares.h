// The sum of the squares of one chunk of numbers, in double precision.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct SumOfSquaresKernels {
  double (*sum_of_squares)(const float* values, int64_t count);
};

CNNX_DECLARE_KERNELS(SumOfSquaresKernels, sum_of_squares_kernels)

}  // namespace cnnx
