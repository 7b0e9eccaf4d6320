// The loops of pooling over rows, columns and channel vectors; the including file defines the
// operation on a window.
#pragma once

#include "kernels/channel_lanes.h"
#include "kernels/pool2d.h"
#include "kernels/simd.h"

namespace {

using cnnx::PoolWindows;

// Positions [begin, end) of one axis.
struct Span {
  int64_t begin, end;
  CNNX_INLINE int64_t size() const { return end - begin; }
};

CNNX_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
CNNX_INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

// The pixels inside the image that output position `output` covers on one axis.
CNNX_INLINE Span window_span(int64_t output, int64_t stride, int64_t before, int64_t kernel,
                             int64_t size) {
  const int64_t begin = output * stride - before;
  return {larger(begin, 0), smaller(begin + kernel, size)};
}

// Calls body(output row, rows, output column, columns) for every window of output rows [row_begin,
// row_end), in row-major order; rows and columns are the pixels it covers.
template <class Body>
CNNX_INLINE void for_windows(const PoolWindows& w, int64_t row_begin, int64_t row_end,
                             const Body& body) {
  for (int64_t i = row_begin; i < row_end; ++i) {
    const Span rows = window_span(i, w.stride_height, w.top, w.kernel_height, w.in_height);
    for (int64_t j = 0; j < w.out_width; ++j) {
      body(i, rows, j, window_span(j, w.stride_width, w.left, w.kernel_width, w.in_width));
    }
  }
}

// Calls body with the number of rows and columns of a window as constants for the two common sizes,
// so that loops over them unroll.
template <class Body>
CNNX_INLINE void with_constant_size(int64_t rows, int64_t columns, const Body& body) {
  if (rows == 2 && columns == 2) {
    body(2, 2);
  } else if (rows == 3 && columns == 3) {
    body(3, 3);
  } else {
    body(rows, columns);
  }
}

// For maxima: lanes in which `value` replaces `best`: a larger number, or the first NaN.
CNNX_INLINE IntVector takes_over(Vector value, Vector best) {
  return ~(value <= best) & (best == best);
}

CNNX_INLINE void fill_zero(float* target, int64_t count) {
  if (count > 0) memset(target, 0, static_cast<size_t>(count) * sizeof(float));
}

// The gradients of input rows [row_begin, row_end) alone, from every window that touches them.
// Calls spread(output row, rows, output column, columns, written rows, add), which spreads one
// window's gradient over its pixels in the written rows, by adding or by overwriting. Windows come
// in row-major order for any row_begin, so a pixel's sum does not depend on the division of rows
// among threads.
template <class Spread>
CNNX_INLINE void spread_rows(const PoolWindows& w, int64_t row_begin, int64_t row_end,
                             bool accumulate, float* grad_input, const Spread& spread) {
  const int64_t row_floats = w.in_width * w.channels;
  // Windows side by side write every pixel once, except the rest at the far edges.
  const bool tiled = w.stride_height == w.kernel_height && w.stride_width == w.kernel_width;
  const bool add = accumulate || !tiled;
  const int64_t tiled_columns = smaller(w.in_width, w.out_width * w.kernel_width - w.left);
  const int64_t first =
      larger(0, (row_begin + w.top - w.kernel_height + w.stride_height) / w.stride_height);
  const int64_t last = smaller(w.out_height, (row_end - 1 + w.top) / w.stride_height + 1);
  int64_t ready = row_begin;  // rows before it hold zeros or gradients
  for (int64_t i = first; i < last; ++i) {
    const Span rows = window_span(i, w.stride_height, w.top, w.kernel_height, w.in_height);
    const Span written = {larger(rows.begin, row_begin), smaller(rows.end, row_end)};
    if (!add) {
      for (; ready < written.end; ++ready) {
        fill_zero(grad_input + ready * row_floats + tiled_columns * w.channels,
                  (w.in_width - tiled_columns) * w.channels);
      }
    } else if (!accumulate) {
      fill_zero(grad_input + ready * row_floats, (written.end - ready) * row_floats);
      ready = larger(ready, written.end);
    }
    for (int64_t j = 0; j < w.out_width; ++j) {
      const Span columns = window_span(j, w.stride_width, w.left, w.kernel_width, w.in_width);
      spread(i, rows, j, columns, written, add);
    }
  }
  if (!accumulate) fill_zero(grad_input + ready * row_floats, (row_end - ready) * row_floats);
}

}  // namespace
