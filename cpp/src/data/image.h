// One image of any size made into what a model expects, short of normalisation; and what is asked
// of images that have the size already.
#pragma once

#include <cstdint>
#include <vector>

#include "cnnx/preprocessing.h"

namespace cnnx::data {

// resize_image() into floats: whole numbers 0 to 255 when the image is uint8, else as they
// come.
std::vector<float> prepare_image(const ImageView& image, int64_t height, int64_t width,
                                 int64_t channels, Resize resize);

// More than any memory holds.
constexpr int64_t kMostImages = int64_t{1} << 40;

// Throws std::invalid_argument, in a sentence that `caller` begins, for a count that is negative
// or absurd, or pixels that are a null pointer.
void check_images(const ImageBatch& images, const char* caller);

}  // namespace cnnx::data
