// What an augmentation does to one image: the settings with all chance drawn.
#pragma once

#include <cstdint>

#include "cnnx/augmentation.h"
#include "cnnx/shape.h"

namespace cnnx::data {

// Validates, and refuses a crop that leaves an image of `shape` altogether.
void check_augmentation(const Augmentation& augmentation, const Shape& shape);

// Where pixel (row, column) of the new image comes from in the old one, in pixels.
struct AffineMap {
  float column_of_column, column_of_row, column_offset;
  float row_of_column, row_of_row, row_offset;
};

// One image's changes.
struct ImageChange {
  AffineMap map;
  bool flip;
  int64_t down, right;  // from a pixel of the crop to the same one of the whole image
  float contrast, brightness;
  int64_t cut_row, cut_column;  // the first of the cut square, perhaps outside
};

// Of image `row` of the data set.
ImageChange draw_change(const Augmentation& augmentation, const Shape& shape, uint64_t seed,
                        uint64_t epoch, int64_t row);

inline bool has_affine(const Augmentation& a) {
  return a.rotate != 0 || a.scale_low != 1 || a.scale_high != 1 || a.shift != 0;
}
inline bool has_colour(const Augmentation& a) { return a.contrast != 0 || a.brightness != 0; }

}  // namespace cnnx::data
