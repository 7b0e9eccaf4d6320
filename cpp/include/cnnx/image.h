// A picture, or many of one size, as their owner holds them: a pointer, sizes and the meaning of
// the pixels. Not a container, not a decoder.
#pragma once

#include <cstdint>

namespace cnnx {

enum class PixelType {
  uint8,    // 0 to 255
  float32,  // 0 to 1
};

// Pixels lie channel by channel within a pixel, pixel by pixel within a row, rows from the top.
// Nothing is copied or owned; the pixels must outlive the call they are passed to.
struct ImageView {
  const void* pixels = nullptr;
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;  // 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha
  PixelType type = PixelType::uint8;
  int64_t row_stride =
      0;  // bytes from one row to the next, a multiple of the pixel type's size; 0: no gap
};

// Pictures of one size, that of the model they are for, one after the other: (count, height, width,
// channels). uint8 pixels, and float pixels with `integer_values`, are divided by 255; then the
// model's mean and std apply.
struct PictureBatch {
  const void* pixels = nullptr;
  PixelType type = PixelType::float32;
  bool integer_values = false;
  int64_t count = 0;
  bool mapped = false;  // lie in a mapped file, perhaps not in memory; changes no result
};

}  // namespace cnnx
