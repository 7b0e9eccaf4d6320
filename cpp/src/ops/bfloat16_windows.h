// A convolution's windows as positions, over which its weight gradient in bfloat16 sums.
#pragma once

#include <cstdint>
#include <vector>

#include "cnnx/conv2d.h"

namespace cnnx::ops {

// Rows of outputs, counted through the batch, whose positions follow one another.
struct RowRun {
  int64_t first, count;
};

// A row of outputs is a row of positions. Windows that begin in the padding count too, with a
// gradient of 0, so that every tap reads its pixels at a fixed distance from a position: in a plane
// of pixels whose rows and columns are a stride apart, where padding at the left of a row is that
// at the right of the row before. With few channels a plane's pixel is what a row of taps reads of
// a window, all its columns and channels, and those rows are the taps.
class WindowPlanes {
 public:
  explicit WindowPlanes(const Conv2dGeometry& geometry);

  struct Tap {
    int64_t plane, shift, number;
  };
  // Those of a plane follow one another.
  const std::vector<Tap>& taps() const { return taps_; }
  int64_t plane_count() const { return static_cast<int64_t>(planes_.size()); }
  // Of a group in a plane's pixel.
  int64_t channels() const { return channels_; }
  int64_t row_positions() const { return row_positions_; }
  int64_t longest_shift() const { return longest_shift_; }
  // If taps are not shifted, a run may span images.
  bool spans_images() const { return longest_shift_ == 0; }

  // Elements of memory for list_pixels with so many positions.
  int64_t copied_elements(int64_t positions) const;
  // The pixels of `count` positions from `first` on; `zeros` outside the image, and in place of
  // pixels that no window reads. `copies` is advanced past the pixels that lie there.
  void list_pixels(const uint16_t* x, const RowRun& run, int64_t plane, int64_t first,
                   int64_t count, const uint16_t* zeros, uint16_t*& copies,
                   const uint16_t** pixels) const;
  void list_gradients(const uint16_t* grad_output, const RowRun& run, int64_t first, int64_t count,
                      const uint16_t* zeros, const uint16_t** pixels) const;

 private:
  struct Plane {
    int64_t row, column;  // its first pixel, from that of the first window on
    int64_t rows_below;   // of the last output's row, and columns beside its column
    int64_t columns_beside;
    std::vector<int64_t> columns;  // of the image, or kOutside, for each position of a row
  };
  static constexpr int64_t kOutside = -1;

  // A tap reads the plane that begins with a pixel of the first `stride` rows and columns, from a
  // row and a column of it on.
  struct TapPlace {
    int64_t plane_row, plane_column, row, column;
  };

  int64_t tap_count() const { return g_.kernel_size.height * tap_columns(); }
  int64_t tap_columns() const { return joins_columns_ ? 1 : g_.kernel_size.width; }
  TapPlace place(int64_t tap) const;
  int64_t plane_of(const TapPlace& tap) const;
  void find_planes();
  void find_columns(Plane& plane) const;
  void find_row_positions();
  int64_t copied_row_elements() const;
  const uint16_t* image_row(const uint16_t* x, const RowRun& run, const Plane& plane,
                            int64_t row) const;
  const uint16_t* copy_row(const uint16_t* source, uint16_t*& copies) const;

  Conv2dGeometry g_;
  bool joins_columns_;
  int64_t channels_, row_positions_ = 0, longest_shift_ = 0;
  std::vector<Plane> planes_;
  std::vector<Tap> taps_;
  std::vector<bool> row_is_read_;
};

}  // namespace cnnx::ops
