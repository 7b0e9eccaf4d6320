// The epilogue of integer sums, one vector of columns at a time. Included by kernel files only.
#pragma once

#include "kernels/byte_vector.h"
#include "kernels/quantized_epilogue.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

typedef int32_t UnalignedIntVector __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

CNNX_INLINE IntVector load_integers(const int32_t* source) {
  return *reinterpret_cast<const UnalignedIntVector*>(source);
}

// The output of one window: `count` columns from `column` on.
class Finish {
 public:
  Finish(const QuantizedEpilogue& epilogue, const float* multiplier)
      : e_(epilogue),
        multiplier_(multiplier),
        shift_(broadcast(e_.shift)),
        least_(broadcast(e_.least)),
        most_(broadcast(e_.most)),
        addend_multiplier_(broadcast(e_.addend_multiplier)) {}

  template <int vectors>
  CNNX_INLINE void store_window(const IntVector* sums, int64_t element, int64_t column,
                                int64_t count) const {
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) {
      const int64_t at = element + v * kLanes;
      Vector y = __builtin_convertvector(sums[v], Vector) * load(multiplier_ + column + v * kLanes);
      if (e_.addend) {
        y += float_of(load_bytes(e_.addend + at)) * addend_multiplier_;
      }
      y = at_most(most_, at_least(least_, y + shift_));
      const int64_t rest = count - v * kLanes;
      if (e_.output) {
        store_bytes(e_.output + at, rounded(y), rest);
      } else if (rest >= kLanes) {
        store(e_.float_output + at, y);
      } else {
        store_partial(e_.float_output + at, y, rest);
      }
    }
  }

 private:
  QuantizedEpilogue e_;
  const float* multiplier_;
  Vector shift_, least_, most_, addend_multiplier_;
};

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
