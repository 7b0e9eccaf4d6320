// Sums over a row in sixteen partial sums and a fixed tree: the same order for every vector width.
#pragma once

#include "kernels/channel_lanes.h"
#include "kernels/simd.h"

namespace {

constexpr int64_t kSums = 16;

// The next sixteen elements of a row that has `count` > 0 left, padded with `beyond`. Stored as
// whole vectors, so that later loads of the lanes need not wait for stores of another size.
template <class Element>
CNNX_INLINE void read_sixteen(const Element* x, int64_t count, float beyond, float* lanes) {
  IntVector index = {};
  for (int lane = 0; lane < kLanes; ++lane) index[lane] = lane;
  CNNX_UNROLL
  for (int64_t first = 0; first < kSums; first += kLanes) {
    const int64_t left = count - first;
    Vector value = broadcast(beyond);
    if (left >= kLanes) {
      value = AllLanes{}.load(x + first);
    } else if (left > 0) {
      value = index < static_cast<int32_t>(left) ? FirstLanes{left}.load(x + first) : value;
    }
    store(lanes + first, value);
  }
}

// Writes the first of sixteen lanes to a row with `count` > 0 elements left.
CNNX_INLINE void write_sixteen(float* output, int64_t count, const float* lanes) {
  CNNX_UNROLL
  for (int64_t first = 0; first < kSums; first += kLanes) {
    const int64_t left = count - first;
    if (left >= kLanes) {
      store(output + first, load(lanes + first));
    } else if (left > 0) {
      store_partial(output + first, load(lanes + first), left);
    }
  }
}

// The tree: adds the upper half of 2 * width lanes to the lower half, and so on down to lane 0.
template <int64_t width, class Number>
CNNX_INLINE void fold_sums(Number* lane) {
  for (int64_t j = 0; j < width; ++j) lane[j] += lane[j + width];
  if constexpr (width > 1) fold_sums<width / 2>(lane);
}

// Element i of a row goes to lane i % 16. Vectors, not an array, so that they stay in registers.
class SixteenSums {
 public:
  CNNX_INLINE void add(const float* lanes) {
    CNNX_UNROLL
    for (int part = 0; part < kParts; ++part) sum_[part] += load(lanes + part * kLanes);
  }
  CNNX_INLINE void add_products(const float* a, const float* b) {
    CNNX_UNROLL
    for (int part = 0; part < kParts; ++part) {
      sum_[part] = fused_multiply_add(load(a + part * kLanes), load(b + part * kLanes), sum_[part]);
    }
  }
  CNNX_INLINE float total() const {
    float lane[kSums];
    CNNX_UNROLL
    for (int part = 0; part < kParts; ++part) store(lane + part * kLanes, sum_[part]);
    fold_sums<kSums / 2>(lane);
    return lane[0];
  }

 private:
  static constexpr int kParts = static_cast<int>(kSums) / kLanes;

  Vector sum_[kParts] = {};
};

CNNX_INLINE float sum_of(const float* a, int64_t count) {
  SixteenSums sums;
  for (int64_t i = 0; i < count; i += kSums) {
    float value[kSums];
    read_sixteen(a + i, count - i, 0.0f, value);
    sums.add(value);
  }
  return sums.total();
}

template <class Element>
CNNX_INLINE float sum_of_products(const Element* a, const Element* b, int64_t count) {
  SixteenSums sums;
  for (int64_t i = 0; i < count; i += kSums) {
    float left[kSums], right[kSums];
    read_sixteen(a + i, count - i, 0.0f, left);
    read_sixteen(b + i, count - i, 0.0f, right);
    sums.add_products(left, right);
  }
  return sums.total();
}

}  // namespace
