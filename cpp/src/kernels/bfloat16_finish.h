// The epilogue of float32 sums of bfloat16 products, some vectors of columns at a time. Included by
// kernel files only.
#pragma once

#include "kernels/bfloat16.h"
#include "kernels/bfloat16_product.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

CNNX_INLINE Vector load_some(const float* source, int64_t count) {
  return count == kLanes ? load(source) : load_partial(source, count);
}
CNNX_INLINE void store_some(float* target, Vector value, int64_t count) {
  if (count == kLanes) {
    store(target, value);
  } else {
    store_partial(target, value, count);
  }
}

// Of the columns of `vectors` vectors from `column` on, the last of which may exceed the columns.
template <int vectors>
class Bfloat16Finish {
 public:
  Bfloat16Finish(const Bfloat16Epilogue& epilogue, int64_t column, int64_t columns)
      : e_(epilogue), column_(column) {
    const int64_t count = columns - column - (vectors - 1) * kLanes;
    last_count_ = count < kLanes ? count : kLanes;
  }

  // The output number `in_row` of a row.
  CNNX_INLINE void store_window(const Vector* sums, int64_t row, int64_t in_row) const {
    const int64_t at = row * e_.output_row_step + in_row * e_.output_step + column_;
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) {
      const int64_t count = v < vectors - 1 ? kLanes : last_count_, element = at + v * kLanes;
      Vector t = sums[v];
      if (e_.bias) t += load_some(e_.bias + column_ + v * kLanes, count);
      if (e_.addend) t += load_some_bfloat16(e_.addend + element, count);
      if (e_.relu) t = at_most(broadcast(e_.ceiling), positive_part(t));
      if (e_.relu_output) {
        t = load_some_bfloat16(e_.relu_output + element, count) > Vector{} ? t : Vector{};
      }
      if (e_.output) {
        store_some_bfloat16(e_.output + element, t, count);
      } else {
        store_some(e_.float_output + element, t, count);
      }
    }
  }

 private:
  Bfloat16Epilogue e_;
  int64_t column_, last_count_;
};

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
