// Transposed two-dimensional convolution, forward and backward: every input pixel adds a multiple
// of the kernel to the output, so a stride enlarges the image.
//
//   output[n, i * stride.height + u * dilation.height - top,
//             j * stride.width + v * dilation.width - left, g + o]
//     += weight[u, v, o, c] * x[n, i, j, c], beginning at bias[g + o]
//
// x is (batch, height, width, in_channels), weight (kernel_height, kernel_width, out_channels /
// groups, in_channels), output (batch, out_height, out_width, out_channels). Input channel c
// belongs to group c / (in_channels / groups), whose output channels begin at g. Contributions
// outside the output are dropped. Channels and groups are in the order of PyTorch's ConvTranspose2d
// (Zeiler et al.: Deconvolutional Networks, 2010; Dumoulin, Visin: A guide to convolution
// arithmetic for deep learning, 2016).
//
// The forward pass is the input gradient of the conv2d with the same weight that maps an image of
// the output's shape to one of x's shape. The input gradient is that conv2d itself. So both ops
// share their algorithms: methods, bits, memory and threads are as in cnnx/conv2d.h.
#pragma once

#include <cstdint>

#include "cnnx/conv2d.h"
#include "cnnx/export.h"
#include "cnnx/shape.h"

namespace cnnx {

struct ConvTranspose2dOptions {
  Pair stride;
  Padding padding;            // cut off the output
  Pair output_padding{0, 0};  // additional rows at the bottom and columns at the right
  Pair dilation;
  int64_t groups = 1;
};

// The result of conv_transpose2d_geometry: checked once, shared by forward and backward.
struct ConvTranspose2dGeometry {
  Conv2dGeometry convolution;  // the conv2d whose input gradient this is

  Shape input_shape() const { return convolution.output_shape(); }
  Shape weight_shape() const { return convolution.weight_shape(); }
  Shape output_shape() const { return convolution.input_shape(); }
};

// `x` and `weight` are shapes. The output size is (in - 1) * stride - padding + (kernel - 1) *
// dilation + output_padding + 1, with Rule::same in * stride, placed like conv2d's "same" on an
// image of that size. Each side of output_padding is less than the larger of stride and dilation,
// and 0 with Rule::same. Only the batch may be empty. Throws std::invalid_argument with one
// sentence that begins with "conv_transpose2d: ".
CNNX_API ConvTranspose2dGeometry conv_transpose2d_geometry(
    const Shape& x, const Shape& weight, const ConvTranspose2dOptions& options = {});

// `bias` holds out_channels floats or is null.
CNNX_API void conv_transpose2d(const ConvTranspose2dGeometry& geometry, const float* x,
                               const float* weight, const float* bias, float* output);

// The gradients of sum(grad_output * output). Each may be null and is then not computed. They are
// overwritten, or added to when `accumulate` is true.
CNNX_API void conv_transpose2d_backward(const ConvTranspose2dGeometry& geometry,
                                        const float* grad_output, const float* x,
                                        const float* weight, float* grad_input, float* grad_weight,
                                        float* grad_bias, bool accumulate = false);

}  // namespace cnnx
