// Converts one image of any size to a model's input before normalisation; checks images that have
// the input size already.
#pragma once

#include <cstdint>
#include <vector>

#include "cnnx/preprocessing.h"

namespace cnnx::data {

// The pixels of resize_image(), or those of an image that has the size already, in place.
class PreparedImage {
 public:
  PreparedImage(const ImageView& image, int64_t height, int64_t width, int64_t channels,
                Resize resize);
  PreparedImage(const PreparedImage&) = delete;
  PreparedImage& operator=(const PreparedImage&) = delete;

  // A batch of one image.
  const ImageBatch& pixels() const { return pixels_; }

 private:
  std::vector<uint8_t> bytes_;
  std::vector<float> floats_;
  ImageBatch pixels_;
};

// More than any memory holds.
constexpr int64_t kMostImages = int64_t{1} << 40;

// Throws std::invalid_argument, in a sentence that begins with `caller`, for a count that is
// negative or too large, or null pixels.
void check_images(const ImageBatch& images, const char* caller);

// Throws std::invalid_argument unless `count`, an argument of that name, is that of a batch.
void check_batch_size(int64_t count, const char* caller, const char* argument);

}  // namespace cnnx::data
