// Converts one image of any size to a model's input before normalisation; checks images that have
// the input size already.
#pragma once

#include <cstdint>
#include <vector>

#include "cnnx/preprocessing.h"

namespace cnnx::data {

// resize_image() to floats: integers 0 to 255 if the image is uint8, else its own values.
std::vector<float> prepare_image(const ImageView& image, int64_t height, int64_t width,
                                 int64_t channels, Resize resize);

// More than any memory holds.
constexpr int64_t kMostImages = int64_t{1} << 40;

// Throws std::invalid_argument, in a sentence that begins with `caller`, for a count that is
// negative or too large, or null pixels.
void check_images(const ImageBatch& images, const char* caller);

}  // namespace cnnx::data
