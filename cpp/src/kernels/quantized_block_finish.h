// The epilogue of integer sums, a block of columns at a time, in the order of byte_of_lane.
// Included by kernel files only.
#pragma once

#include "kernels/byte_output.h"
#include "kernels/byte_quads.h"
#include "kernels/quantized_epilogue.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Bytes of sums whose product with their multiplier fits int32, and to which nothing is added.
class PlainBlockFinish {
 public:
  explicit PlainBlockFinish(const QuantizedEpilogue& epilogue)
      : output_(epilogue.output), rounding_(epilogue) {}

  // `count` outputs from `element` on, of some rows of outputs that are `step` apart.
  template <int rows>
  CNNX_INLINE void store(const IntVector (*sums)[4], const float* multiplier, int64_t element,
                         int64_t step, int64_t count) const {
    Vector t[rows][4];
    CNNX_UNROLL for (int v = 0; v < 4; ++v) {
      const Vector factor = held(load(multiplier + v * kLanes));
      CNNX_UNROLL for (int row = 0; row < rows; ++row) t[row][v] =
          __builtin_convertvector(sums[row][v], Vector) * factor;
    }
    CNNX_UNROLL for (int row = 0; row < rows; ++row)
        rounding_.store_block(t[row], count, output_ + element + row * step);
  }

 private:
  uint8_t* output_;
  ByteRounding rounding_;
};

class BlockFinish {
 public:
  explicit BlockFinish(const QuantizedEpilogue& epilogue) : e_(epilogue), rounding_(epilogue) {}

  template <int rows>
  CNNX_INLINE void store(const IntVector (*sums)[4], const float* multiplier, int64_t element,
                         int64_t step, int64_t count) const {
    CNNX_UNROLL for (int row = 0; row < rows; ++row)
        store_row(sums[row], multiplier, element + row * step, count);
  }

 private:
  void store_row(const IntVector* sums, const float* multiplier, int64_t element,
                 int64_t count) const {
    IntVector addend[4] = {};
    if (e_.addend) widen(load_block(e_.addend + element), addend);
    Vector t[4];
    CNNX_UNROLL for (int v = 0; v < 4; ++v) {
      t[v] = __builtin_convertvector(sums[v], Vector) * load(multiplier + v * kLanes);
      if (e_.addend) {
        t[v] += __builtin_convertvector(addend[v] - e_.addend_zero, Vector) *
                broadcast(e_.addend_multiplier);
      }
    }
    if (e_.output) {
      CNNX_UNROLL for (Vector& number : t) number = at_most(broadcast(kBeyondBytes), number);
      rounding_.store_block(t, count, e_.output + element);
      return;
    }
    for (int v = 0; v < 4; ++v) {
      const Vector y = at_most(broadcast(e_.float_most), at_least(broadcast(e_.float_least), t[v]));
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        const int64_t at = byte_of_lane(v, lane);
        if (at < count) e_.float_output[element + at] = y[lane];
      }
    }
  }

  QuantizedEpilogue e_;
  ByteRounding rounding_;
};

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
