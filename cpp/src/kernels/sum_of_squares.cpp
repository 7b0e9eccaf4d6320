// Squares summed in sixteen lanes and a fixed tree; a float's square is exact in double precision.
#include "kernels/sum_of_squares.h"

#include "kernels/sixteen_sums.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

double sum_of_squares(const float* values, int64_t count) {
  double lane[kSums] = {};
  int64_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    for (int64_t j = 0; j < kSums; ++j) {
      const double value = static_cast<double>(values[i + j]);
      lane[j] += value * value;
    }
  }
  for (int64_t j = 0; i + j < count; ++j) {
    const double value = static_cast<double>(values[i + j]);
    lane[j] += value * value;
  }
  fold_sums<kSums / 2>(lane);
  return lane[0];
}

}  // namespace

const SumOfSquaresKernels sum_of_squares_kernels = {sum_of_squares};

}  // namespace CNNX_ISA
}  // namespace cnnx
