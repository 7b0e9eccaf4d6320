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

  // Whether the outputs are bytes that need no limit before they are rounded.
  bool rounds() const { return rounds_; }

  // Where it rounds: the outputs of some windows, `step` apart, the first `count` of so many
  // vectors of columns from `column` on. `element`: the first output.
  template <int windows, int vectors>
  CNNX_INLINE void store(const IntVector* sums, int64_t element, int64_t step, int64_t column,
                         int64_t count) const {
    Vector t[windows * vectors];
    multiply<windows, vectors>(sums, element, step, column, t);
    rounding_.store<windows, vectors>(t, step, count, e_.output + element);
  }

  // The outputs of one window, of any kind.
  template <int vectors>
  CNNX_INLINE void store_window(const IntVector* sums, int64_t element, int64_t column,
                                int64_t count) const {
    if (rounds_) return store<1, vectors>(sums, element, 0, column, count);
    Vector t[vectors];
    multiply<1, vectors>(sums, element, 0, column, t);
    const ByteOutput output(e_);
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) {
      if (count > v * kLanes) output.store_at(element + v * kLanes, t[v], count - v * kLanes);
    }
  }

 private:
  // Numbers in the unit of the output.
  template <int windows, int vectors>
  CNNX_INLINE void multiply(const IntVector* sums, int64_t element, int64_t step, int64_t column,
                            Vector* t) const {
    CNNX_UNROLL for (int i = 0; i < windows * vectors; ++i) {
      const int64_t in_window = i % vectors * kLanes;
      t[i] = __builtin_convertvector(sums[i], Vector) * load(multiplier_ + column + in_window);
      if (likely(!e_.addend)) continue;
      const uint8_t* const addends = e_.addend + element + i / vectors * step + in_window;
      const IntVector addend = integers_of(load_bytes(addends));
      t[i] += __builtin_convertvector(addend - e_.addend_zero, Vector) *
              broadcast(e_.addend_multiplier);
    }
  }

  QuantizedEpilogue e_;
  const float* multiplier_;
  bool rounds_;
  ByteRounding rounding_;
};

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
