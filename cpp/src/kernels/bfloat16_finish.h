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
      : e_(epilogue), column_(column) {
    const int64_t count = columns - column - (vectors - 1) * kLanes;
    last_count_ = count < kLanes ? count : kLanes;
    for (int v = 0; v < vectors; ++v) {
      // The sum with -0 is the other number.
      bias_[v] =
          e_.bias ? load_some(e_.bias + column + v * kLanes, v < vectors - 1 ? kLanes : last_count_)
                  : broadcast(-0.0f);
    }
  }

  // Outputs of a row from number `in_row` on, for whose sums there are `vectors` vectors each. The
  // copies stay in registers, because no output that is stored can be part of them.
  __attribute__((noinline)) void store_windows(const float* sums, int64_t count, int64_t row,
                                               int64_t in_row) const {
    const Bfloat16Epilogue e = e_;
    const int64_t last_count = last_count_;
    const Vector floor = relu_floor(e.relu);
    const Vector ceiling = broadcast(e.relu ? e.ceiling : kNoCeiling);
    Vector bias[vectors];
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) bias[v] = bias_[v];
    int64_t at = row * e.output_row_step + in_row * e.output_step + column_;
    for (int64_t i = 0; i < count; ++i, at += e.output_step, sums += vectors * kLanes) {
      CNNX_UNROLL for (int v = 0; v < vectors; ++v) {
        const int64_t element = at + v * kLanes;
        const int64_t lanes = v < vectors - 1 ? kLanes : last_count;
        Vector t = load(sums + v * kLanes) + bias[v];
        if (e.addend) t += load_some_bfloat16(e.addend + element, lanes);
        t = at_most(ceiling, at_least(floor, t));
        if (e.relu_output) {
          const Vector output = load_some_bfloat16(e.relu_output + element, lanes);
          t = output > Vector{} ? t : Vector{};
        }
        if (e.output) {
          store_some_bfloat16(e.output + element, t, lanes);
        } else {
          store_some(e.float_output + element, t, lanes);
        }
      }
    }
  }

 private:
  Bfloat16Epilogue e_;
  int64_t column_, last_count_;
  Vector bias_[vectors];
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
