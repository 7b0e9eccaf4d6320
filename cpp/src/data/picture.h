// One picture of any size made into what a model expects, short of normalisation.
#pragma once

#include <cstdint>
#include <vector>

#include "cnnx/preprocessing.h"

namespace cnnx::data {

// resize_picture() into floats: whole numbers 0 to 255 when the picture is uint8, else as they
// come.
std::vector<float> prepare_picture(const ImageView& image, int64_t height, int64_t width,
                                   int64_t channels, Resize resize);

}  // namespace cnnx::data
