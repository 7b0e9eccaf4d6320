// Transposed two-dimensional convolution, forward and backward: every input pixel adds a multiple
// of the kernel to the output, so that a stride enlarges the image.
//
//   output[n, i * stride.height + u * dilation.height - top,
//             j * stride.width + v * dilation.width - left, g + o]
//     += weight[u, v, o, c] * x[n, i, j, c], beginning at bias[g + o]
//
// x is (batch, height, width, in_channels), weight (kernel_height, kernel_width,
// out_channels / groups, in_channels), output (batch, out_height, out_width, out_channels). Input
// channel c belongs to group c / (in_channels / groups), whose output channels begin at g. What
// would fall outside the output is dropped. Channels and their groups are in the order of PyTorch's
// ConvTranspose2d (Zeiler et al.: Deconvolutional Networks, 2010; Dumoulin, Visin: A guide to
// convolution arithmetic for deep learning, 2016).
//
// It is the input gradient of the conv2d that has the same weight and turns an image of the
// output's shape into one of x's; conv2d, in turn, is the gradient of its input. So both share
// their algorithms: the methods, bits, memory and threads are those that cnnx/conv2d.h names.
#pragma once

#include <cstdint>

#include "cnnx/conv2d.h"
#include "cnnx/export.h"
#include "cnnx/shape.h"

namespace cnnx {

struct ConvTranspose2dOptions {
  Pair stride;
  Padding padding;            // cut off the output
  Pair output_padding{0, 0};  // more rows at the bottom and columns at the right
  Pair dilation;
  int64_t groups = 1;
};

// Made by conv_transpose2d_geometry: checked once, shared by forward and backward.
struct ConvTranspose2dGeometry {
  Conv2dGeometry convolution;  // whose input gradient this is

  Shape input_shape() const { return convolution.output_shape(); }
  Shape weight_shape() const { return convolution.weight_shape(); }
  Shape output_shape() const { return convolution.input_shape(); }
};

// `x` and `weight` are shapes. The output size is (in - 1) * stride - padding + (kernel - 1) *
// dilation + output_padding + 1, with Rule::same in * stride, placed as conv2d's "same" on a
// image of that size is. Each side of output_padding is less than the larger of stride and
// dilation, and 0 with Rule::same. The batch may be empty, nothing else. Throws
// std::invalid_argument with one sentence that begins with "conv_transpose2d: ".
CNNX_API ConvTranspose2dGeometry conv_transpose2d_geometry(
    const Shape& x, const Shape& weight, const ConvTranspose2dOptions& options = {});

// `bias` holds out_channels floats or is null.
CNNX_API void conv_transpose2d(const ConvTranspose2dGeometry& geometry, const float* x,
                               const float* weight, const float* bias, float* output);

// The gradients of sum(grad_output * output). Any of the three may be null: then it is not
// computed. They are overwritten, or added to when `accumulate` is true.
CNNX_API void conv_transpose2d_backward(const ConvTranspose2dGeometry& geometry,
                                        const float* grad_output, const float* x,
                                        const float* weight, float* grad_input, float* grad_weight,
                                        float* grad_bias, bool accumulate = false);

}  // namespace cnnx
