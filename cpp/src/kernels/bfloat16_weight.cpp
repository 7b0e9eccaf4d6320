// The weight gradient of bfloat16 arrays.
#include "kernels/bfloat16_weight.h"

#include "kernels/simd.h"

namespace {

constexpr int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

}  // namespace

#if defined(CNNX_TILES)
#include "kernels/bfloat16_weight_tiles.h"
#else
#include "kernels/bfloat16_weight_registers.h"
#endif

namespace cnnx {
namespace CNNX_ISA {
namespace {

void reduce(const Bfloat16WeightSums& a, int64_t begin, int64_t end, bool accumulate,
            float* target) {
  const int64_t step = with_tile_padding(a.columns), tap_rows = with_tile_padding(a.rows);
  for (int64_t row = begin; row < end; ++row) {
    const float* const sums = a.sums + (row / a.rows * tap_rows + row % a.rows) * step;
    float* const to = target + row * a.target_step;
    for (int64_t column = 0; column < a.columns; ++column) {
      float total = sums[column];
      for (int64_t chunk = 1; chunk < a.chunks; ++chunk)
        total += sums[chunk * a.chunk_floats + column];
      to[column] = accumulate ? to[column] + total : total;
    }
  }
}

}  // namespace

const Bfloat16WeightKernels bfloat16_weight_kernels = {pack_input, pack_gradient, add, reduce};

}  // namespace CNNX_ISA
}  // namespace cnnx
