// The epilogue of integer sums, some vectors of columns at a time. Included by kernel files only.
#pragma once

#include "kernels/byte_output.h"
#include "kernels/byte_vector.h"
#include "kernels/quantized_epilogue.h"
#include "kernels/quantized_range.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

class Finish {
 public:
  // `sums_fit`: whether every sum times its multiplier fits int32.
  Finish(const QuantizedEpilogue& epilogue, const float* multiplier, bool sums_fit)
      : e_(epilogue),
        multiplier_(multiplier),
        rounds_(epilogue.output && sums_fit && addend_fits_int32(epilogue)),
        rounding_(epilogue) {}

  // The outputs of some windows, `step` apart: the first `count` of so many vectors of columns from
  // `column` on. `element`: the first output.
  template <int windows, int vectors>
  CNNX_INLINE void store(const IntVector* sums, int64_t element, int64_t step, int64_t column,
                         int64_t count) const {
    Vector t[windows * vectors];
    CNNX_UNROLL for (int i = 0; i < windows * vectors; ++i) {
      const int64_t in_window = i % vectors * kLanes;
      t[i] = __builtin_convertvector(sums[i], Vector) * load(multiplier_ + column + in_window);
      if (likely(!e_.addend)) continue;
      const uint8_t* const addends = e_.addend + element + i / vectors * step + in_window;
      const IntVector addend = integers_of(load_bytes(addends));
      t[i] += __builtin_convertvector(addend - e_.addend_zero, Vector) *
              broadcast(e_.addend_multiplier);
    }
    if (likely(rounds_)) {
      rounding_.store<windows, vectors>(t, step, count, e_.output + element);
      return;
    }
    CNNX_UNROLL for (int window = 0; window < windows; ++window) {
      const Vector* const first = t + window * vectors;
      store_other(first[0], first[vectors > 1 ? 1 : 0], first[vectors > 2 ? 2 : 0],
                  first[vectors - 1], element + window * step,
                  count < vectors * kLanes ? count : vectors * kLanes, e_);
    }
  }

 private:
  // Takes the vectors by value: their addresses would keep them, and all members, in memory.
  static __attribute__((noinline)) void store_other(Vector first, Vector second, Vector third,
                                                    Vector fourth, int64_t element, int64_t count,
                                                    QuantizedEpilogue epilogue) {
    const ByteOutput output(epilogue);
    const Vector t[] = {first, second, third, fourth};
    for (int v = 0; count > 0; ++v, count -= kLanes, element += kLanes)
      output.store_at(element, t[v], count);
  }

  QuantizedEpilogue e_;
  const float* multiplier_;
  bool rounds_;
  ByteRounding rounding_;
};

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
