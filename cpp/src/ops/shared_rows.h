// The division of images into rows that threads share out, and the bands that these form.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/shares.h"

namespace cnnx::ops {

// Threads seldom have the same speed at the moment, so they take a few rows at a time: some whole
// tiles of pixels, and some microseconds. The rows that a thread takes together form bands.
class SharedRows {
 public:
  // Images of `rows` rows, of so much work each. `tile_rows` rows fill a kernel's tile. A band has
  // at most `band_rows` rows, or those that threads share.
  static SharedRows of_work(int64_t rows, int64_t tile_rows, int64_t row_multiply_adds,
                            int64_t band_rows) {
    constexpr int64_t kLeastMultiplyAdds = kGrainMultiplyAdds / 8;
    const int64_t tile_multiply_adds = std::max<int64_t>(1, row_multiply_adds * tile_rows);
    return {rows, divide_up(kLeastMultiplyAdds, tile_multiply_adds) * tile_rows, band_rows};
  }
  SharedRows(int64_t rows, int64_t shared_rows, int64_t band_rows)
      : rows_(rows), shared_(shared_rows), parts_(divide_up(rows, shared_rows)) {
    const int64_t most = std::max<int64_t>(1, band_rows / shared_rows);
    band_ = divide_up(parts_, std::max<int64_t>(1, divide_up(parts_, most)));
  }

  // Of each image.
  int64_t parts() const { return parts_; }
  int64_t most_band_rows() const { return std::min(band_ * shared_, rows_); }

  // Calls body(image, first row, last row) for each band of the parts from `begin` to `end` of all
  // images.
  template <class Body>
  void for_each_band(int64_t begin, int64_t end, const Body& body) const {
    for (int64_t i = begin, last; i < end; i = last) {
      const int64_t image = i / parts_, first_part = image * parts_;
      last = std::min({i + band_, end, first_part + parts_});
      body(image, (i - first_part) * shared_, std::min((last - first_part) * shared_, rows_));
    }
  }

 private:
  int64_t rows_, shared_;  // of an image; of a part
  int64_t parts_, band_;   // of an image; the most parts of a band
};

}  // namespace cnnx::ops
