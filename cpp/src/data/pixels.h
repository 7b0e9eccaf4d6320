// Pixels of the right size made into a network's input: converted to float32 and normalised. Not
// resized.
#pragma once

#include <cstdint>

#include "cnnx/preprocessing.h"

namespace cnnx::data {

// out = (p / 255 - mean) / std when divide_by_255, else (p - mean) / std; a pixel is `channels`
// values. Threads: as get_num_threads(). `preprocessing` has passed validate().
void normalise_pixels(const uint8_t* source, int64_t pixels, int64_t channels,
                      const Preprocessing& preprocessing, bool divide_by_255, float* out);
void normalise_pixels(const float* source, int64_t pixels, int64_t channels,
                      const Preprocessing& preprocessing, bool divide_by_255, float* out);

// The images rows[0], rows[1], ... of a contiguous array of images, normalised, one after the
// other. uint8 pixels are divided by 255, and so are float pixels with integer_values. Threads: at
// most `threads`.
void gather_images(const void* source, PixelType type, bool integer_values, const int64_t* rows,
                   int64_t count, int64_t pixels, int64_t channels,
                   const Preprocessing& preprocessing, int threads, float* out);

}  // namespace cnnx::data
