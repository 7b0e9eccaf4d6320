// The image rows that windows read: the taps inside the image, and copies with zeros beside them.
// For kernel files only, shared by the forward pass and the weight gradient.
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/conv2d.h"
#include "kernels/simd.h"

namespace {

// First and one past the last.
struct Range {
  int64_t first, last;
};

CNNX_INLINE int64_t divide_up(int64_t value, int64_t by) { return (value + by - 1) / by; }

// Indices i in [0, count) for which begin + i * step lies in [0, size); an empty range also lies
// within [0, count].
CNNX_INLINE Range places_inside(int64_t begin, int64_t step, int64_t count, int64_t size) {
  if (begin >= 0 && begin + (count - 1) * step < size) return {0, count};  // without divisions
  const int64_t reached = begin >= 0 ? 0 : divide_up(-begin, step);
  const int64_t first = reached < count ? reached : count;
  const int64_t fitting = size > begin ? (size - begin - 1) / step + 1 : 0;
  const int64_t last = fitting < count ? fitting : count;
  return {first, first < last ? last : first};
}

// Taps of a window that lie inside the image, and windows whose tap lies inside.
CNNX_INLINE Range taps_inside(const cnnx::WindowAxis& axis, int64_t window, int64_t size) {
  return places_inside(axis.origin + window * axis.stride, axis.dilation, axis.taps, size);
}
CNNX_INLINE Range windows_inside(const cnnx::WindowAxis& axis, int64_t tap, int64_t windows,
                                 int64_t size) {
  return places_inside(axis.origin + tap * axis.dilation, axis.stride, windows, size);
}

// Windows whose first and last tap lie inside; may be empty.
CNNX_INLINE Range windows_wholly_inside(const cnnx::WindowAxis& axis, int64_t windows,
                                        int64_t size) {
  const Range first_tap = windows_inside(axis, 0, windows, size);
  const Range last_tap = windows_inside(axis, axis.taps - 1, windows, size);
  const int64_t first = first_tap.first < windows ? first_tap.first : windows;
  return {first, last_tap.last > first ? last_tap.last : first};
}

// Whether all taps of a window are adjacent, and every window has at least one tap inside: it may
// then slide over the pixels of a row, with zeros beside the image.
CNNX_INLINE bool slides(const cnnx::WindowAxis& axis, int64_t windows, int64_t size) {
  return (axis.dilation == 1 || axis.taps == 1) && axis.origin > -axis.taps &&
         cnnx::last_place(axis, windows) < size + axis.taps - 1;
}

CNNX_INLINE void copy_floats(const float* source, int64_t count, float* target) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(target + i, load(source + i));
  for (; i < count; ++i) target[i] = source[i];
}

// Rows in memory: row `first_row` of the image, column `first_column`, is at data.
struct Rows {
  const float* data;
  int64_t first_row, first_column, row_floats;

  // The address of column `column` of row `row`; valid for rows that exist.
  CNNX_INLINE const float* at(int64_t row, int64_t column, int64_t channels) const {
    return data + (row - first_row) * row_floats + (column - first_column) * channels;
  }
};

// Copies rows [first, last) of the image with zeros beside them to `copy`.
CNNX_INLINE void copy_rows(const cnnx::WindowedImage& image, const float* source, Range rows,
                           float* copy) {
  const int64_t channels = image.channels, columns = image.last_column - image.first_column;
  const Range real = places_inside(image.first_column, 1, columns, image.width);
  const int64_t left = real.first * channels, middle = (real.last - real.first) * channels;
  const int64_t right = (columns - real.last) * channels;
  const float* row = source + rows.first * image.width * channels;
  if (middle > 0) row += (image.first_column + real.first) * channels;
  for (int64_t r = rows.first; r < rows.last; ++r, row += image.width * channels) {
    for (int64_t i = 0; i < left; ++i) copy[i] = 0.0f;
    copy_floats(row, middle, copy + left);
    for (int64_t i = 0; i < right; ++i) copy[left + middle + i] = 0.0f;
    copy += left + middle + right;
  }
}

}  // namespace
