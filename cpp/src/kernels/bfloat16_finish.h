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
      bias_[v] = e_.bias ? load_some(e_.bias + column + v * kLanes, lanes(v, last_count_))
                         : broadcast(-0.0f);
    }
  }

  // The output whose first column has this offset.
  CNNX_INLINE void store_window(const Vector (&sums)[vectors], int64_t offset) const {
    Window t;
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) t.of[v] = sums[v] + bias_[v];
    offset += column_;
    if (e_.addend) {
      CNNX_UNROLL for (int v = 0; v < vectors; ++v) t.of[v] +=
          load_some_bfloat16(e_.addend + offset + v * kLanes, lanes(v, last_count_));
    }
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) t.of[v] =
        at_most(ceiling_, at_least(floor_, t.of[v]));
    if (likely(e_.output && !e_.relu_output)) {
      CNNX_UNROLL for (int v = 0; v < vectors; ++v)
          store_some_bfloat16(e_.output + offset + v * kLanes, t.of[v], lanes(v, last_count_));
    } else {
      store_gradient(e_.relu_output, e_.output, e_.float_output, offset, t, last_count_);
    }
  }

#if defined(CNNX_TILES)
  // Whether store_pair stores the same outputs, if there are two vectors.
  bool takes_pairs() const { return last_count_ == kLanes && e_.output && !e_.relu_output; }
  // Both vectors of a window, rounded by one instruction; `adds` if there is an addend.
  template <bool adds>
  CNNX_INLINE void store_pair(Vector first, Vector second, int64_t offset) const {
    first += bias_[0];
    second += bias_[1];
    offset += column_;
    if (adds) {
      first += load_bfloat16(e_.addend + offset);
      second += load_bfloat16(e_.addend + offset + kLanes);
    }
    first = at_most(ceiling_, at_least(floor_, first));
    second = at_most(ceiling_, at_least(floor_, second));
    _mm512_storeu_si512(e_.output + offset,
                        reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first)));
  }
#endif

 private:
  struct Window {
    Vector of[vectors];
  };

  CNNX_INLINE static int64_t lanes(int v, int64_t last_count) {
    return v < vectors - 1 ? kLanes : last_count;
  }

  // With a mask, or as floats. All is passed by value: what is referred to would not stay in
  // registers.
  __attribute__((noinline)) static void store_gradient(const uint16_t* relu_output,
                                                       uint16_t* output, float* float_output,
                                                       int64_t offset, Window t,
                                                       int64_t last_count) {
    for (int v = 0; v < vectors; ++v, offset += kLanes) {
      Vector value = t.of[v];
      if (relu_output) {
        const Vector mask = load_some_bfloat16(relu_output + offset, lanes(v, last_count));
        value = mask > Vector{} ? value : Vector{};
      }
      if (output) {
        store_some_bfloat16(output + offset, value, lanes(v, last_count));
      } else {
        store_some(float_output + offset, value, lanes(v, last_count));
      }
    }
  }

  Bfloat16Epilogue e_;
  int64_t column_, last_count_;
  Vector floor_, ceiling_, bias_[vectors];
};

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
