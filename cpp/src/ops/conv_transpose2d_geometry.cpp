// Checks shapes and settings of a transposed convolution, and finds the convolution whose input
// gradient it is.
#include <algorithm>
#include <string>

#include "cnnx/conv_transpose2d.h"
#include "ops/conv2d_checks.h"
#include "ops/conv_transpose2d_checks.h"
#include "ops/window_placement.h"

namespace cnnx {
namespace ops {

void check_output_padding(const char* function, const ConvTranspose2dOptions& options) {
  const Pair padding = options.output_padding;
  const Pair most = {std::max(options.stride.height, options.dilation.height),
                     std::max(options.stride.width, options.dilation.width)};
  const bool same = options.padding.rule == Padding::Rule::same;
  if (same && (padding.height != 0 || padding.width != 0)) {
    refuse(function, "output_padding is " + describe(padding) +
                         ", expected 0 with padding \"same\", which decides the output's size");
  }
  if (padding.height < 0 || padding.width < 0) {
    refuse(function,
           "output_padding is " + describe(padding) + ", expected 0 or more on each side");
  }
  if (padding.height >= most.height || padding.width >= most.width) {
    refuse(function, "output_padding is " + describe(padding) +
                         ", expected less than the larger of stride and dilation, " +
                         describe(most));
  }
}

}  // namespace ops

namespace {

// Along one axis. The output may be empty.
struct Placement {
  int64_t output, before;
};

Placement place(int64_t input, int64_t extent, int64_t stride, int64_t more, Padding::Rule rule,
                int64_t before, int64_t after) {
  if (rule == Padding::Rule::same) {
    const int64_t output = input * stride;
    return {output, ops::place_windows(output, extent, stride, rule, 0, 0).before};
  }
  if (rule == Padding::Rule::valid) before = after = 0;
  return {(input - 1) * stride + extent + more - before - after, before};
}

}  // namespace

ConvTranspose2dGeometry conv_transpose2d_geometry(const Shape& x, const Shape& weight,
                                                  const ConvTranspose2dOptions& options) {
  const char* const name = "conv_transpose2d";
  const int64_t groups = options.groups;
  ops::check_arrays(name, x, weight,
                    "(kernel_height, kernel_width, out_channels/groups, in_channels)", groups);
  if (weight[3] != x[3]) {
    ops::refuse_shape(name, "weight", weight,
                      "in_channels = " + std::to_string(x[3]) + " in axis 3");
  }
  const Pair kernel = {weight[0], weight[1]}, stride = options.stride;
  const Padding& padding = options.padding;
  ops::check_settings(name, kernel, {stride, padding, options.dilation, groups});
  ops::check_output_padding(name, options);
  const Pair extent = ops::window_extent(kernel, options.dilation);
  // Before sizes are multiplied by strides, which may overflow.
  ops::check_elements(name, "x with its stride", {x[1], stride.height});
  ops::check_elements(name, "x with its stride", {x[2], stride.width});
  const Placement vertical =
      place(x[1], extent.height, stride.height, options.output_padding.height, padding.rule,
            padding.top, padding.bottom);
  const Placement horizontal = place(x[2], extent.width, stride.width, options.output_padding.width,
                                     padding.rule, padding.left, padding.right);
  if (vertical.output < 1 || horizontal.output < 1) {
    ops::refuse(name, "padding is " + ops::describe(padding) + " and leaves an output of " +
                          ops::describe(Pair{vertical.output, horizontal.output}) +
                          ", expected at least one row and column");
  }
  Conv2dGeometry convolution;
  convolution.batch = x[0];
  convolution.in_height = vertical.output;
  convolution.in_width = horizontal.output;
  convolution.in_channels = weight[2] * groups;
  convolution.out_height = x[1];
  convolution.out_width = x[2];
  convolution.out_channels = x[3];
  convolution.kernel_size = kernel;
  convolution.stride = stride;
  convolution.dilation = options.dilation;
  convolution.top = vertical.before;
  convolution.left = horizontal.before;
  convolution.groups = groups;
  ops::check_elements(name, "the output", convolution.input_shape());
  ops::check_elements(name, "the output with its padding",
                      {(x[1] - 1) * stride.height + extent.height,
                       (x[2] - 1) * stride.width + extent.width, convolution.in_channels});
  return {convolution};
}

}  // namespace cnnx
