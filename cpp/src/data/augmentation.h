// The changes of one image: an augmentation's settings with all random numbers drawn.
#pragma once

#include <cstdint>

#include "cnnx/augmentation.h"
#include "cnnx/shape.h"

namespace cnnx::data {

// Validates the settings, and refuses a crop whose padding is not less than the image's sides.
void check_augmentation(const Augmentation& augmentation, const Shape& shape);

// The source position of pixel (row, column) of the new image, in pixels.
struct AffineMap {
  float column_of_column, column_of_row, column_offset;
  float row_of_column, row_of_row, row_offset;
};

// One image's changes.
struct ImageChange {
  AffineMap map;
  bool flip;
  int64_t down, right;  // from a pixel of the crop to the same pixel of the whole image
  float contrast, brightness;
  int64_t cut_row, cut_column;  // first row and column of the cutout, perhaps outside
};

// Throws std::invalid_argument for an epoch without random numbers of its own.
void check_epoch(const char* function, uint64_t epoch);

// For image `row` of the data set.
ImageChange draw_change(const Augmentation& augmentation, const Shape& shape, uint64_t seed,
                        uint64_t epoch, int64_t row);

inline bool has_affine(const Augmentation& a) {
  return a.rotate != 0 || a.scale_low != 1 || a.scale_high != 1 || a.shift != 0;
}
inline bool moves_pixels(const Augmentation& a) {
  return has_affine(a) || a.flip != Augmentation::Flip::never || a.crop_padding != 0;
}
inline bool has_colour(const Augmentation& a) { return a.contrast != 0 || a.brightness != 0; }

}  // namespace cnnx::data
