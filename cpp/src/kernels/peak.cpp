// Fused multiply-adds on registers.
#include "kernels/peak.h"

#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// A fused multiply-add takes 4 cycles and two start per cycle, so 8 chains would be enough. 12
// leave a margin and still fit, with both factors, into 16 registers.
constexpr int kChains = 12;

int64_t run(int64_t rounds, float* result) {
  // Every chain converges to 1: no infinity, no denormal.
  const Vector factor = broadcast(0.5f), addend = broadcast(0.5f);
  Vector chain[kChains];
  CNNX_UNROLL for (int i = 0; i < kChains; ++i) chain[i] = broadcast(static_cast<float>(i));
  for (int64_t r = 0; r < rounds; ++r) {
    CNNX_UNROLL for (int i = 0; i < kChains; ++i) chain[i] =
        fused_multiply_add(chain[i], factor, addend);
  }
  Vector sum = chain[0];
  CNNX_UNROLL for (int i = 1; i < kChains; ++i) sum += chain[i];
  *result = sum[0];
  return rounds * kChains * kLanes * 2;
}

}  // namespace

const PeakKernels peak_kernels = {run};

}  // namespace CNNX_ISA
}  // namespace cnnx
