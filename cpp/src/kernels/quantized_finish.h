// The epilogue of integer sums, some vectors of columns at a time. Included by kernel files only.
#pragma once

#include "kernels/byte_output.h"
#include "kernels/byte_vector.h"
#include "kernels/quantized_epilogue.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// The outputs of one window: `count` columns from `column` on.
class Finish {
 public:
  Finish(const QuantizedEpilogue& epilogue, const float* multiplier)
      : e_(epilogue), multiplier_(multiplier), output_(epilogue) {}

  template <int vectors>
  CNNX_INLINE void store_window(const IntVector* sums, int64_t element, int64_t column,
                                int64_t count) const {
    Vector t[vectors];
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) {
      t[v] = __builtin_convertvector(sums[v], Vector) * load(multiplier_ + column + v * kLanes);
      if (e_.addend) {
        const IntVector addend = integers_of(load_bytes(e_.addend + element + v * kLanes));
        t[v] += __builtin_convertvector(addend - e_.addend_zero, Vector) *
                broadcast(e_.addend_multiplier);
      }
    }
    output_.store<vectors>(t, element, count);
  }

 private:
  QuantizedEpilogue e_;
  const float* multiplier_;
  ByteOutput output_;
};

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
