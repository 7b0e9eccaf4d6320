// How Winograd's convolution stores its results: epilogues whose put() stores rows i and i + 1 of a
// tile, which are `pixels`, for one vector of channels. offset() is the position of the tile's
// first pixel in the target. For kernel files only.
#pragma once

#include "kernels/conv2d_winograd.h"
#include "kernels/conv2d_winograd_tiles.h"
#include "kernels/max_pool2x2_window.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// The part of a tile inside the target image.
template <int kOutputs>
struct WholeTile {
  CNNX_INLINE int64_t rows() const { return kOutputs; }
  CNNX_INLINE int64_t columns() const { return kOutputs; }
};
struct PartOfTile {
  int64_t row_count, column_count;
  CNNX_INLINE int64_t rows() const { return row_count; }
  CNNX_INLINE int64_t columns() const { return column_count; }
};

// The target of a whole map.
struct TargetRows {
  int64_t height, width, channels;
  int64_t step;  // between a tile's pixels
  float* target;

  CNNX_INLINE int64_t offset(int64_t image, int64_t row, int64_t column) const {
    return ((image * height + row) * width + column) * channels;
  }
  // Prefetches the pixels of the tile below in `source`, which has the layout of the target.
  template <int kOutputs, int kPurpose>
  CNNX_INLINE void fetch_below(const float* source, int64_t row, int64_t column,
                               int64_t image) const {
    const WinogradImage shape = {height, width, channels};
    fetch_ahead<kPurpose>(shape, source + image * shape.floats(), row + kOutputs, column, kOutputs);
  }
  // Calls store(value, its place) for the pixels inside the target; `first` is the tile's place.
  template <int kOutputs, class Extent, class Store>
  CNNX_INLINE void for_each_pixel(const Vector* pixels, int i, Extent extent, int64_t first,
                                  const Store& store) const {
    CNNX_UNROLL for (int r = 0; r < 2; ++r) {
      if (i + r >= extent.rows()) return;
      const int64_t row = first + (i + r) * width * channels * step;
      CNNX_UNROLL for (int j = 0; j < kOutputs; ++j) {
        if (j >= extent.columns()) break;
        store(pixels[r * kOutputs + j], row + j * channels * step);
      }
    }
  }
};

struct ForwardRows : TargetRows {
  const float* bias;    // or null
  const float* addend;  // or null; may be target
  Vector floor;         // see relu_floor
  Vector ceiling;

  template <int kOutputs>
  CNNX_INLINE void fetch_below(int64_t row, int64_t column, int64_t image) const {
    TargetRows::fetch_below<kOutputs, kToWrite>(target, row, column, image);
  }
  template <int kOutputs, class Extent, class Lanes>
  CNNX_INLINE void put(const Vector* pixels, int i, Extent extent, int64_t first, int64_t channel,
                       Lanes lanes) const {
    const Vector added = bias ? lanes.load(bias + channel) : Vector{};
    const auto store = [&](Vector value, int64_t pixel) CNNX_INLINED {
      value += added;
      if (addend) value += lanes.load(addend + pixel);
      lanes.store(target + pixel, at_most(ceiling, at_least(floor, value)));
    };
    for_each_pixel<kOutputs>(pixels, i, extent, first + channel, store);
  }
};

template <bool kArgmax>
struct PooledRows2x2 {
  const float* bias;      // or null
  Vector floor;           // see relu_floor
  int64_t height, width;  // of the pooled map
  int64_t channels;
  float* target;
  uint8_t* argmax;

  CNNX_INLINE int64_t offset(int64_t image, int64_t row, int64_t column) const {
    return (image * height + row / 2) * width + column / 2;  // in pixels
  }
  template <int kOutputs>
  CNNX_INLINE void fetch_below(int64_t, int64_t, int64_t) const {}
  template <int kOutputs, class Extent, class Lanes>
  CNNX_INLINE void put(const Vector* pixels, int i, Extent extent, int64_t first, int64_t channel,
                       Lanes lanes) const {
    if (i + 1 >= extent.rows()) return;
    const Vector added = bias ? lanes.load(bias + channel) : Vector{};
    // GCC unrolls it without CNNX_UNROLL, and Clang 14 warns that it cannot.
    for (int j = 0; j < kOutputs; j += 2) {
      if (j + 1 >= extent.columns()) return;
      const Vector *top = pixels + j, *bottom = top + kOutputs;
      const Vector window[4] = {top[0] + added, top[1] + added, bottom[0] + added,
                                bottom[1] + added};
      const int64_t pixel = first + i / 2 * width + j / 2;
      pool_window<kArgmax>(window, floor, lanes, target + pixel * channels + channel,
                           kArgmax ? argmax + pixel * argmax_step(channels) + channel : nullptr);
    }
  }
};

struct GradientRows : TargetRows {
  bool accumulate;
  const float* relu_output;  // or null

  template <int kOutputs>
  CNNX_INLINE void fetch_below(int64_t row, int64_t column, int64_t image) const {
    TargetRows::fetch_below<kOutputs, kToWrite>(target, row, column, image);
    if (relu_output) {
      TargetRows::fetch_below<kOutputs, kToRead>(relu_output, row, column, image);
    }
  }
  template <int kOutputs, class Extent, class Lanes>
  CNNX_INLINE void put(const Vector* pixels, int i, Extent extent, int64_t first, int64_t channel,
                       Lanes lanes) const {
    const auto store = [&](Vector value, int64_t pixel) CNNX_INLINED {
      if (accumulate) value += lanes.load(target + pixel);
      if (relu_output) value = lanes.load(relu_output + pixel) <= Vector{} ? Vector{} : value;
      lanes.store(target + pixel, value);
    };
    for_each_pixel<kOutputs>(pixels, i, extent, first + channel, store);
  }
};

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
