// The epilogue of float32 sums of bfloat16 products, some vectors of columns at a time. Included by
// kernel files only.
#pragma once

#include "kernels/bfloat16.h"
#include "kernels/bfloat16_product.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// The first `count` lanes, 0 < count <= kLanes; the others are 0.
CNNX_INLINE Vector load_some(const float* source, int64_t count) {
  float values[kLanes] = {};
  memcpy(values, source, static_cast<size_t>(4 * count));
  return load(values);
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
      : e_(epilogue),
        column_(column),
        floor_(relu_floor(e_.relu)),
        ceiling_(broadcast(e_.relu ? e_.ceiling : kNoCeiling)) {
    const int64_t count = columns - column - (vectors - 1) * kLanes;
    last_count_ = count < kLanes ? count : kLanes;
    for (int v = 0; v < vectors; ++v) {
      // The sum with -0 is the other number.
      bias_[v] =
          e_.bias ? load_some(e_.bias + column + v * kLanes, v < vectors - 1 ? kLanes : last_count_)
                  : broadcast(-0.0f);
    }
  }

  // The output whose first column has this offset.
  CNNX_INLINE void store_window(const Vector (&sums)[vectors], int64_t offset) const {
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) {
      const int64_t element = offset + column_ + v * kLanes;
      const int64_t lanes = v < vectors - 1 ? kLanes : last_count_;
      Vector t = sums[v] + bias_[v];
      if (e_.addend) t += load_some_bfloat16(e_.addend + element, lanes);
      t = at_most(ceiling_, at_least(floor_, t));
      if (e_.relu_output) {
        const Vector output = load_some_bfloat16(e_.relu_output + element, lanes);
        t = output > Vector{} ? t : Vector{};
      }
      if (e_.output) {
        store_some_bfloat16(e_.output + element, t, lanes);
      } else {
        store_some(e_.float_output + element, t, lanes);
      }
    }
  }

  // Outputs of a row from number `in_row` on, for whose sums there are `vectors` vectors each. The
  // copy stays in registers, because no output that is stored can be part of it.
  __attribute__((noinline)) void store_windows(const float* sums, int64_t count, int64_t row,
                                               int64_t in_row) const {
    const Bfloat16Finish finish = *this;
    int64_t offset = row * e_.output_row_step + in_row * e_.output_step;
    for (int64_t i = 0; i < count; ++i, offset += e_.output_step, sums += vectors * kLanes) {
      Vector window[vectors];
      CNNX_UNROLL for (int v = 0; v < vectors; ++v) window[v] = load(sums + v * kLanes);
      finish.store_window(window, offset);
    }
  }

 private:
  Bfloat16Epilogue e_;
  int64_t column_, last_count_;
  Vector floor_, ceiling_, bias_[vectors];
};

// The place of a window's output, as windows go by.
struct OutputPlace {
  int64_t row = 0, in_row = 0;

  // Stores the outputs of the next `count` windows of a product.
  template <int vectors>
  CNNX_INLINE void store(const Bfloat16Finish<vectors>& finish, const Bfloat16Product& product,
                         const float* sums, int64_t count) {
    while (count > 0) {
      const int64_t left = product.row_windows - in_row, windows = count < left ? count : left;
      const int64_t outputs = product.row_outputs - in_row;
      if (outputs > 0)
        finish.store_windows(sums, windows < outputs ? windows : outputs, row, in_row);
      sums += windows * vectors * kLanes;
      count -= windows;
      in_row += windows;
      if (in_row == product.row_windows) in_row = 0, ++row;
    }
  }
};

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
