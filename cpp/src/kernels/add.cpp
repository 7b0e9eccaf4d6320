// Sums of arrays as plain loops, which the compiler vectorises for each instruction set.
#include "kernels/add.h"

#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

void add(const float* a, const float* b, int64_t count, bool relu, float* output) {
  if (relu) {
    for (int64_t i = 0; i < count; ++i) {
      const float sum = a[i] + b[i];
      output[i] = sum < 0.0f ? 0.0f : sum;
    }
  } else {
    for (int64_t i = 0; i < count; ++i) output[i] = a[i] + b[i];
  }
}

}  // namespace

const AddKernels add_kernels = {add};

}  // namespace CNNX_ISA
}  // namespace cnnx
