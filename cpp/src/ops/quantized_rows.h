// Rows of an image of bytes or words, copied with their padding, in which windows lie at a fixed
// distance.
#pragma once

#include <cstdint>
#include <vector>

#include "cnnx/conv2d.h"

namespace cnnx::ops {

// Rows that windows begin on are `stride` apart, so rows with the same remainder of their number
// lie together: the phases.
class RowCopy {
 public:
  // `top` and `left` of the geometry may be negative: windows begin within the image.
  explicit RowCopy(const Conv2dGeometry& geometry, int64_t element_bytes = 1);

  // Windows of a row, the outputs and those that begin in the padding after them.
  int64_t row_windows() const { return row_windows_; }
  int64_t row_bytes() const { return row_bytes_; }
  // For so many rows of outputs.
  int64_t bytes(int64_t outputs) const;
  // The offset in bytes of the first pixel of a row of taps in a window, for so many rows of
  // outputs.
  int64_t offset(int64_t tap, int64_t outputs) const;
  // Copies what the rows [first, last) of outputs read of an image; `zero` is each byte
  // of the padding.
  void copy(const uint8_t* image, int64_t first, int64_t last, int zero, uint8_t* target) const;
  // Copies one row of the image, or of the padding if it lies outside.
  void copy_row(const uint8_t* image, int64_t row, int zero, uint8_t* target) const;

 private:
  Conv2dGeometry g_;
  int64_t pixel_bytes_, row_windows_, row_bytes_;
  std::vector<int64_t> phases_;  // rows of taps that lie in each
};

}  // namespace cnnx::ops
