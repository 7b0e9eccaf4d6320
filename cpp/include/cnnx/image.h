// Views of one image or of a batch of images: a pointer, sizes and the meaning of the pixels.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cnnx/export.h"

namespace cnnx {

// A number made from any integer type, so that a std::size_t needs no cast, even in braces.
struct Integer {
  int64_t value;
  template <class Number, std::enable_if_t<std::is_integral_v<Number>, int> = 0>
  constexpr Integer(Number number) : value(static_cast<int64_t>(number)) {}
};

enum class PixelType {
  uint8,    // 0 to 255
  float32,  // 0 to 1
};

// Of the colours of a pixel with 3 or 4 channels. Alpha is the fourth in both.
enum class ChannelOrder { rgb, bgr };

// Pixels are stored channel by channel within a pixel, pixel by pixel within a row, rows from the
// top. Nothing is copied or owned; the pixels must outlive the call.
struct ImageView {
  const void* pixels = nullptr;
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;  // 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha
  PixelType type = PixelType::uint8;
  // Bytes from one row to the next, a multiple of the pixel type's size; 0: no gap.
  int64_t row_stride = 0;
  ChannelOrder order = ChannelOrder::rgb;

  ImageView() = default;
  ImageView(const void* pixels_, Integer height_, Integer width_, Integer channels_,
            PixelType type_, Integer row_stride_ = 0)
      : pixels(pixels_),
        height(height_.value),
        width(width_.value),
        channels(channels_.value),
        type(type_),
        row_stride(row_stride_.value) {}
  // The pointer type gives the pixel type.
  ImageView(const uint8_t* pixels_, Integer height_, Integer width_, Integer channels_,
            Integer row_stride_ = 0)
      : ImageView(pixels_, height_, width_, channels_, PixelType::uint8, row_stride_) {}
  ImageView(const float* pixels_, Integer height_, Integer width_, Integer channels_,
            Integer row_stride_ = 0)
      : ImageView(pixels_, height_, width_, channels_, PixelType::float32, row_stride_) {}

  // A view of a rectangle of this one. Throws std::invalid_argument unless it lies inside.
  [[nodiscard]] CNNX_API ImageView region(Integer top, Integer left, Integer region_height,
                                          Integer region_width) const;
};

// Images of a model's input size, one after the other: (count, height, width, channels). uint8
// pixels, and float pixels with `integer_values`, are divided by 255. Then the model's mean and std
// apply.
struct ImageBatch {
  const void* pixels = nullptr;
  PixelType type = PixelType::float32;
  bool integer_values = false;
  int64_t count = 0;
  bool mapped = false;  // the pixels lie in a mapped file, perhaps not in memory; changes no result

  ImageBatch() = default;
  ImageBatch(const void* pixels_, PixelType type_, bool integer_values_, Integer count_,
             bool mapped_ = false)
      : pixels(pixels_),
        type(type_),
        integer_values(integer_values_),
        count(count_.value),
        mapped(mapped_) {}
  // The pointer type gives the pixel type.
  ImageBatch(const uint8_t* pixels_, Integer count_)
      : ImageBatch(pixels_, PixelType::uint8, true, count_) {}
  ImageBatch(const float* pixels_, Integer count_)
      : ImageBatch(pixels_, PixelType::float32, false, count_) {}
};

}  // namespace cnnx
