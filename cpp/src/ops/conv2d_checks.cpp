// Checks a convolution's shapes and settings and describes errors in a sentence.
#include "ops/conv2d_checks.h"

#include <algorithm>

namespace cnnx::ops {

std::string describe(const Padding& padding) {
  return "(" + describe(Pair{padding.top, padding.bottom}) + ", " +
         describe(Pair{padding.left, padding.right}) + ")";
}

void check_elements(const char* function, const char* what, const Shape& shape) {
  // By division, because products may overflow.
  int64_t left = kMostElements;
  for (const int64_t size : shape) {
    if (size > left) {
      refuse(function,
             std::string(what) + " of shape " + to_string(shape) + " has too many elements");
    }
    left /= std::max<int64_t>(size, 1);
  }
}

void check_arrays(const char* function, const Shape& x, const Shape& weight, const char* axes,
                  int64_t groups) {
  check_image_shape(function, x);
  if (weight.size() != 4) refuse_shape(function, "weight", weight, axes);
  for (const int64_t size : weight) {
    if (size >= 1) continue;
    refuse_shape(function, "weight", weight, "at least one element along every axis");
  }
  if (groups < 1 || x[3] % groups != 0) {
    refuse(function, "groups is " + std::to_string(groups) +
                         ", expected a divisor of in_channels = " + std::to_string(x[3]));
  }
  check_elements(function, "x", x);
  check_elements(function, "weight", weight);
}

void check_settings(const char* function, Pair kernel_size, const Conv2dOptions& options) {
  check_positive(function, "kernel_size", kernel_size);
  check_positive(function, "stride", options.stride);
  check_positive(function, "dilation", options.dilation);
  const Padding& padding = options.padding;
  if (padding.rule != Padding::Rule::explicit_sides) return;
  for (const int64_t side : {padding.top, padding.bottom, padding.left, padding.right}) {
    if (side >= 0 && side <= kMostSetting) continue;
    refuse(function, "padding is " + describe(padding) + ", expected 0 to " +
                         std::to_string(kMostSetting) + " on every side");
  }
}

Pair window_extent(Pair kernel_size, Pair dilation) {
  return {(kernel_size.height - 1) * dilation.height + 1,
          (kernel_size.width - 1) * dilation.width + 1};
}

void check_layer_groups(const char* function, int64_t groups, int64_t in_channels,
                        int64_t out_channels) {
  if (groups >= 1 && in_channels % groups == 0 && out_channels % groups == 0) return;
  refuse(function, "groups is " + std::to_string(groups) +
                       ", expected a divisor of in_channels = " + std::to_string(in_channels) +
                       " and of out_channels = " + std::to_string(out_channels));
}

}  // namespace cnnx::ops
