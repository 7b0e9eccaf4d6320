// Conversion of pixels of the input size to a network's input: to float32, normalised. Does not
// resize.
#pragma once

#include <cstdint>

#include "cnnx/preprocessing.h"

namespace cnnx::data {

// out = (p / 255 - mean) / std if divide_by_255, else (p - mean) / std; a pixel is `channels`
// values. Threads: as get_num_threads(). `preprocessing` must have passed validate().
void normalise_pixels(const uint8_t* source, int64_t pixels, int64_t channels,
                      const Preprocessing& preprocessing, bool divide_by_255, float* out);
void normalise_pixels(const float* source, int64_t pixels, int64_t channels,
                      const Preprocessing& preprocessing, bool divide_by_255, float* out);

// Gathers and normalises the images rows[0], rows[1], ... of a contiguous array of images. uint8
// pixels are divided by 255, and so are float pixels with integer_values. Threads: at most
// `threads`.
void gather_images(const void* source, PixelType type, bool integer_values, const int64_t* rows,
                   int64_t count, int64_t pixels, int64_t channels,
                   const Preprocessing& preprocessing, int threads, float* out);

}  // namespace cnnx::data
