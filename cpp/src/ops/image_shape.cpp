// Checks that a shape is that of a batch of images, or of channels.
#include "ops/image_shape.h"

#include <stdexcept>
#include <string>

namespace cnnx::ops {
namespace {

// Far above any memory, far below an overflow of scratch sizes.
constexpr int64_t kMostElements = int64_t{1} << 48;

[[noreturn]] void refuse(const char* function, const Shape& x, const char* expected) {
  throw std::invalid_argument(std::string(function) + ": x has shape " + to_string(x) +
                              ", expected " + expected);
}

}  // namespace

void check_image_shape(const char* function, const Shape& x) {
  if (x.size() != 4) refuse(function, x, "(batch, height, width, channels)");
  if (x[0] < 0 || x[1] < 1 || x[2] < 1 || x[3] < 1)
    refuse(function, x, "at least one row, column and channel");
  element_count(x);
}

void check_channels(const char* function, const Shape& x) {
  if (x.size() < 2) refuse(function, x, "a batch axis and channels, the last axis");
  element_count(x);
}

int64_t rows_of_channels(const Shape& x) { return element_count(Shape(x.begin(), x.end() - 1)); }

Shape checked_output(const char* function, const Shape& output) {
  if (element_count(output) > kMostElements) {
    throw std::invalid_argument(std::string(function) + ": the output of shape " +
                                to_string(output) + " has too many elements");
  }
  return output;
}

}  // namespace cnnx::ops
