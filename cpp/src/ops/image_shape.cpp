// Checks that a shape is that of a batch of images, or of channels.
#include "ops/image_shape.h"

#include <stdexcept>

namespace cnnx::ops {

void refuse(const char* function, const std::string& reason) {
  throw std::invalid_argument(std::string(function) + ": " + reason);
}

void refuse_shape(const char* function, const char* argument, const Shape& came,
                  const std::string& expected) {
  refuse(function,
         std::string(argument) + " has shape " + to_string(came) + ", expected " + expected);
}

std::string describe(Pair pair) { return to_string(Shape{pair.height, pair.width}); }

void check_positive(const char* function, const char* name, Pair pair) {
  for (const int64_t value : {pair.height, pair.width}) {
    if (value >= 1 && value <= kMostSetting) continue;
    refuse(function, std::string(name) + " is " + describe(pair) + ", expected 1 to " +
                         std::to_string(kMostSetting) + " in height and width");
  }
}

void check_image_shape(const char* function, const Shape& x) {
  if (x.size() != 4) refuse_shape(function, "x", x, "(batch, height, width, channels)");
  if (x[0] < 0 || x[1] < 1 || x[2] < 1 || x[3] < 1)
    refuse_shape(function, "x", x, "at least one row, column and channel");
  element_count(x);
}

void check_channels(const char* function, const Shape& x) {
  if (x.size() < 2) refuse_shape(function, "x", x, "a batch axis and channels, the last axis");
  element_count(x);
}

int64_t rows_of_channels(const Shape& x) { return element_count(Shape(x.begin(), x.end() - 1)); }

Shape shape_of_all(const char* function, const std::vector<Shape>& inputs) {
  for (const Shape& input : inputs) {
    if (input == inputs[0]) continue;
    refuse(function, "its inputs have shapes " + to_string(inputs[0]) + " and " + to_string(input) +
                         ", expected equal ones");
  }
  return inputs[0];
}

Shape checked_output(const char* function, const Shape& output) {
  if (element_count(output) > kMostElements) {
    refuse(function, "the output of shape " + to_string(output) + " has too many elements");
  }
  return output;
}

}  // namespace cnnx::ops
