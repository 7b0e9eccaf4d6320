// The copies of a block of a matrix into a panel, by the order in which it lies in memory. Included
// by tile.cpp only.
#pragma once

#include "kernels/quad.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Columns side by side in memory: vectors are copied.
void pack_rows(const float* source, int64_t depth, int64_t k_step, int64_t columns, int64_t width,
               float* panel) {
  const int64_t whole = columns / kLanes * kLanes;
  for (int64_t k = 0; k < depth; ++k, source += k_step, panel += width) {
    for (int64_t c = 0; c < whole; c += kLanes) store(panel + c, load(source + c));
    if (whole < width) store(panel + whole, load_partial(source + whole, columns - whole));
  }
}

// k side by side: a transpose of a range of k at a time, whose panel stays in the first-level cache
// while the columns are written into it.
void pack_columns(const float* source, int64_t depth, int64_t columns, int64_t column_step,
                  int64_t width, float* panel) {
  constexpr int64_t kStretch = 64;
  const int64_t quads = columns / 4 * 4;
  for (int64_t begin = 0; begin < depth; begin += kStretch) {
    const int64_t end = depth - begin < kStretch ? depth : begin + kStretch;
    const int64_t end_of_quads = begin + (end - begin) / 4 * 4;
    for (int64_t c = 0; c < quads; c += 4) {
      const float* from = source + c * column_step;
      for (int64_t k = begin; k < end_of_quads; k += 4) {
        transpose_quad(from + k, column_step, panel + k * width + c, width);
      }
      for (int64_t k = end_of_quads; k < end; ++k) {
        for (int64_t i = 0; i < 4; ++i) panel[k * width + c + i] = from[i * column_step + k];
      }
    }
    for (int64_t c = quads; c < width; ++c) {
      for (int64_t k = begin; k < end; ++k) {
        panel[k * width + c] = c < columns ? source[c * column_step + k] : 0.0f;
      }
    }
  }
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
