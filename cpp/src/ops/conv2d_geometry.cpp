// Checks shapes and settings of a convolution and describes errors in a sentence.
#include <string>

#include "cnnx/conv2d.h"
#include "ops/conv2d_checks.h"
#include "ops/window_placement.h"

namespace cnnx {

Conv2dGeometry conv2d_geometry(const Shape& x, const Shape& weight, const Conv2dOptions& options) {
  const char* const name = "conv2d";
  const int64_t groups = options.groups;
  ops::check_arrays(name, x, weight,
                    "(kernel_height, kernel_width, in_channels/groups, out_channels)", groups);
  if (weight[2] != x[3] / groups) {
    ops::refuse_shape(name, "weight", weight,
                      "in_channels/groups = " + std::to_string(x[3] / groups) + " in axis 2");
  }
  if (weight[3] % groups != 0) {
    ops::refuse_shape(name, "weight", weight,
                      "a multiple of groups = " + std::to_string(groups) + " in axis 3");
  }
  const Pair kernel = {weight[0], weight[1]};
  ops::check_settings(name, kernel, options);
  const Padding& padding = options.padding;
  const Pair extent = ops::window_extent(kernel, options.dilation);
  const ops::WindowPlacement vertical = ops::place_windows(
      x[1], extent.height, options.stride.height, padding.rule, padding.top, padding.bottom);
  const ops::WindowPlacement horizontal = ops::place_windows(
      x[2], extent.width, options.stride.width, padding.rule, padding.left, padding.right);
  const Pair padded = {x[1] + vertical.before + vertical.after,
                       x[2] + horizontal.before + horizontal.after};
  if (vertical.output < 1 || horizontal.output < 1) {
    ops::refuse(name, "kernel_size is " + ops::describe(kernel) + " and covers " +
                          ops::describe(extent) + ", expected at most the input's " +
                          ops::describe(padded) + " with its padding");
  }
  ops::check_elements(name, "the padded input", {padded.height, padded.width, x[3]});
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
  ops::check_elements(name, "the output", geometry.output_shape());
  return geometry;
}

}  // namespace cnnx
