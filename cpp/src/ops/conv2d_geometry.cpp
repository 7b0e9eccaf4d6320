// Checks shapes and settings of a convolution and says in a sentence what does not fit.
#include <stdexcept>
#include <string>

#include "ops/window_placement.h"

#include "cnnx/conv2d.h"

namespace cnnx {
namespace {

// Far above any real setting, far below where sums and products of two overflow.
constexpr int64_t kMostSetting = int64_t{1} << 24;
// Far above any memory, far below where sizes of scratch overflow.
constexpr int64_t kMostElements = int64_t{1} << 48;

[[noreturn]] void refuse(const std::string& reason) {
  throw std::invalid_argument("conv2d: " + reason);
}

[[noreturn]] void refuse(const char* argument, const Shape& came, const std::string& expected) {
  refuse(std::string(argument) + " has shape " + to_string(came) + ", expected " + expected);
}

std::string describe(Pair pair) { return to_string(Shape{pair.height, pair.width}); }

void check_elements(const char* what, const Shape& shape) {
  if (element_count(shape) <= kMostElements) return;
  refuse(std::string(what) + " of shape " + to_string(shape) + " has too many elements");
}

void check_setting(const char* name, Pair pair) {
  for (const int64_t value : {pair.height, pair.width}) {
    if (value >= 1 && value <= kMostSetting) continue;
    refuse(std::string(name) + " is " + describe(pair) + ", expected 1 to " +
           std::to_string(kMostSetting) + " in height and width");
  }
}

}  // namespace

Conv2dGeometry conv2d_geometry(const Shape& x, const Shape& weight, const Conv2dOptions& options) {
  if (x.size() != 4) refuse("x", x, "(batch, height, width, channels)");
  if (x[0] < 0 || x[1] < 1 || x[2] < 1 || x[3] < 1)
    refuse("x", x, "at least one row, column and channel");
  if (weight.size() != 4) {
    refuse("weight", weight, "(kernel_height, kernel_width, in_channels/groups, out_channels)");
  }
  for (const int64_t size : weight) {
    if (size < 1) refuse("weight", weight, "at least one element along every axis");
  }
  const int64_t groups = options.groups;
  if (groups < 1 || x[3] % groups != 0) {
    refuse("groups is " + std::to_string(groups) +
           ", expected a divisor of in_channels = " + std::to_string(x[3]));
  }
  if (weight[2] != x[3] / groups) {
    refuse("weight", weight,
           "in_channels/groups = " + std::to_string(x[3] / groups) + " in axis 2");
  }
  if (weight[3] % groups != 0) {
    refuse("weight", weight, "a multiple of groups = " + std::to_string(groups) + " in axis 3");
  }
  check_elements("x", x);
  check_elements("weight", weight);
  const Pair kernel = {weight[0], weight[1]};
  check_setting("kernel_size", kernel);
  check_setting("stride", options.stride);
  check_setting("dilation", options.dilation);
  const Padding& padding = options.padding;
  if (padding.rule == Padding::Rule::explicit_sides) {
    for (const int64_t side : {padding.top, padding.bottom, padding.left, padding.right}) {
      if (side >= 0 && side <= kMostSetting) continue;
      refuse("padding is ((" + std::to_string(padding.top) + ", " + std::to_string(padding.bottom) +
             "), (" + std::to_string(padding.left) + ", " + std::to_string(padding.right) +
             ")), expected 0 to " + std::to_string(kMostSetting) + " on every side");
    }
  }
  const Pair extent = {(kernel.height - 1) * options.dilation.height + 1,
                       (kernel.width - 1) * options.dilation.width + 1};
  const ops::WindowPlacement vertical = ops::place_windows(
      x[1], extent.height, options.stride.height, padding.rule, padding.top, padding.bottom);
  const ops::WindowPlacement horizontal = ops::place_windows(
      x[2], extent.width, options.stride.width, padding.rule, padding.left, padding.right);
  const Pair padded = {x[1] + vertical.before + vertical.after,
                       x[2] + horizontal.before + horizontal.after};
  if (vertical.output < 1 || horizontal.output < 1) {
    refuse("kernel_size is " + describe(kernel) + " and covers " + describe(extent) +
           ", expected at most the input's " + describe(padded) + " with its padding");
  }
  check_elements("the padded input", {padded.height, padded.width, x[3]});
  Conv2dGeometry geometry;
  geometry.batch = x[0];
  geometry.in_height = x[1];
  geometry.in_width = x[2];
  geometry.in_channels = x[3];
  geometry.out_height = vertical.output;
  geometry.out_width = horizontal.output;
  geometry.out_channels = weight[3];
  geometry.kernel_size = kernel;
  geometry.stride = options.stride;
  geometry.dilation = options.dilation;
  geometry.top = vertical.before;
  geometry.left = horizontal.before;
  geometry.groups = groups;
  check_elements("the output", geometry.output_shape());
  return geometry;
}

}  // namespace cnnx
