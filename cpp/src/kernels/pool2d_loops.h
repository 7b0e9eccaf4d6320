// The loops of pooling over rows, columns and channel vectors; the including file defines the
// operation on a window.
#pragma once

#include "kernels/channel_lanes.h"
#include "kernels/pool2d.h"
#include "kernels/simd.h"
#include "kernels/takes_over.h"

namespace {

using cnnx::PoolWindows;

// Pixels along one axis that a window reads: `count` of them from `begin` on, its dilation apart.
struct Taps {
  int64_t begin, count;
};

// Some of a window's taps by their numbers, [first, end).
struct TapRange {
  int64_t first, end;
};

CNNX_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
CNNX_INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

// The quotient of a number >= 0, rounded up.
CNNX_INLINE int64_t quotient_up(int64_t number, int64_t divisor) {
  return (number + divisor - 1) / divisor;
}

// The windows of a pooling along rows and columns; a dilation other than 1 needs `general`. Most
// windows do not, and with few channels the placement of a window takes most of its time.
template <bool general>
struct WindowTaps {
  CNNX_INLINE static int64_t step(int64_t dilation) { return general ? dilation : 1; }
  // The pixels inside an image of `size` that the window from `begin` on reads.
  CNNX_INLINE static Taps inside(int64_t begin, int64_t kernel, int64_t dilation, int64_t size) {
    if (!general) {
      const int64_t first = larger(begin, 0);
      return {first, smaller(begin + kernel, size) - first};
    }
    const int64_t skipped = begin < 0 ? quotient_up(-begin, dilation) : 0;
    const int64_t end = smaller(kernel, quotient_up(size - begin, dilation));
    return {begin + skipped * dilation, end - skipped};
  }
  CNNX_INLINE static Taps rows(const PoolWindows& w, int64_t output_row) {
    return inside(output_row * w.stride_height - w.top, w.kernel_height, w.dilation_height,
                  w.in_height);
  }
  CNNX_INLINE static Taps columns(const PoolWindows& w, int64_t output_column) {
    return inside(output_column * w.stride_width - w.left, w.kernel_width, w.dilation_width,
                  w.in_width);
  }
  // The taps at pixels [begin, end). May be empty, with an end before its first.
  CNNX_INLINE static TapRange between(Taps taps, int64_t dilation, int64_t begin, int64_t end) {
    if (!general) return {larger(begin - taps.begin, 0), smaller(end - taps.begin, taps.count)};
    return {quotient_up(larger(begin - taps.begin, 0), dilation),
            smaller(quotient_up(larger(end - taps.begin, 0), dilation), taps.count)};
  }
};

CNNX_INLINE bool is_dilated(const PoolWindows& w) {
  return w.dilation_height != 1 || w.dilation_width != 1;
}

// Calls body(output row, rows, output column, columns) for every window of output rows [row_begin,
// row_end), in row-major order; rows and columns are its taps inside the image.
template <bool general, class Body>
CNNX_INLINE void for_windows(const PoolWindows& w, int64_t row_begin, int64_t row_end,
                             const Body& body) {
  for (int64_t i = row_begin; i < row_end; ++i) {
    const Taps rows = WindowTaps<general>::rows(w, i);
    for (int64_t j = 0; j < w.out_width; ++j) {
      body(i, rows, j, WindowTaps<general>::columns(w, j));
    }
  }
}

// Calls body with the number of rows and columns of a window as constants for the two common sizes,
// so that loops over them unroll.
template <bool general, class Body>
CNNX_INLINE void with_constant_size(int64_t rows, int64_t columns, const Body& body) {
  if (!general && rows == 2 && columns == 2) {
    body(2, 2);
  } else if (!general && rows == 3 && columns == 3) {
    body(3, 3);
  } else {
    body(rows, columns);
  }
}

CNNX_INLINE void fill_zero(float* target, int64_t count) {
  if (count > 0) memset(target, 0, static_cast<size_t>(count) * sizeof(float));
}

// The gradients of input rows [row_begin, row_end) alone, from every window that touches them.
// Calls spread(output row, rows, output column, columns, written rows, add), which spreads one
// window's gradient over its pixels in the written ones of its rows, by adding or by overwriting.
// Windows come in row-major order for any row_begin, so a pixel's sum does not depend on the
// division of rows among threads.
template <bool general, class Spread>
CNNX_INLINE void spread_rows(const PoolWindows& w, int64_t row_begin, int64_t row_end,
                             bool accumulate, float* grad_input, const Spread& spread) {
  const int64_t row_floats = w.in_width * w.channels;
  // Windows side by side write every pixel once, except the rest at the far edges.
  const bool tiled =
      !general && w.stride_height == w.kernel_height && w.stride_width == w.kernel_width;
  const bool add = accumulate || !tiled;
  const int64_t tiled_columns = smaller(w.in_width, w.out_width * w.kernel_width - w.left);
  using Windows = WindowTaps<general>;
  const int64_t step = Windows::step(w.dilation_height);
  const int64_t extent = (w.kernel_height - 1) * step + 1;
  const int64_t first = larger(0, (row_begin + w.top - extent + w.stride_height) / w.stride_height);
  const int64_t last = smaller(w.out_height, (row_end - 1 + w.top) / w.stride_height + 1);
  int64_t ready = row_begin;  // rows before it hold zeros or gradients
  for (int64_t i = first; i < last; ++i) {
    const Taps rows = Windows::rows(w, i);
    const TapRange written = Windows::between(rows, w.dilation_height, row_begin, row_end);
    const int64_t written_end = rows.begin + (written.end - 1) * step + 1;
    if (!add) {
      for (; ready < written_end; ++ready) {
        fill_zero(grad_input + ready * row_floats + tiled_columns * w.channels,
                  (w.in_width - tiled_columns) * w.channels);
      }
    } else if (!accumulate) {
      fill_zero(grad_input + ready * row_floats, (written_end - ready) * row_floats);
      ready = larger(ready, written_end);
    }
    for (int64_t j = 0; j < w.out_width; ++j) {
      spread(i, rows, j, Windows::columns(w, j), written, add);
    }
  }
  if (!accumulate) fill_zero(grad_input + ready * row_floats, (row_end - ready) * row_floats);
}

}  // namespace
