// Conversion of pixels of the input size to a network's input: to float32, normalised. Does not
// resize.
#pragma once

#include <cstdint>

#include "cnnx/image.h"
#include "cnnx/preprocessing.h"
#include "cnnx/shape.h"

namespace cnnx::data {

// out = (p / 255 - mean) / std if divide_by_255, else (p - mean) / std; a pixel is `channels`
// values. Threads: as get_num_threads(). `preprocessing` must have passed validate().
void normalise_pixels(const uint8_t* source, int64_t pixels, int64_t channels,
                      const Preprocessing& preprocessing, bool divide_by_255, float* out);
void normalise_pixels(const float* source, int64_t pixels, int64_t channels,
                      const Preprocessing& preprocessing, bool divide_by_255, float* out);

// Whether the pixels are divided by 255: those of uint8, and of float with integer_values.
inline bool divides_by_255(const ImageBatch& images) {
  return images.type == PixelType::uint8 || images.integer_values;
}

// Gathers and normalises the images rows[0], rows[1], ... of `images`, which have this shape.
// Threads: at most `threads`.
void gather_images(const ImageBatch& images, const int64_t* rows, int64_t count, const Shape& shape,
                   const Preprocessing& preprocessing, int threads, float* out);

}  // namespace cnnx::data
