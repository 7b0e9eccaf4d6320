// Two-dimensional convolution (cross-correlation, as neural networks use the word), forward and
// backward.
//
//   output[n, i, j, o] = bias[o] + sum over (u, v, c) of weight[u, v, c, o] * x[n, p, q, g + c],
//   p = i * stride.height + u * dilation.height - top,
//   q = j * stride.width + v * dilation.width - left
//
// x is (batch, height, width, in_channels), weight (kernel_height, kernel_width,
// in_channels / groups, out_channels), output (batch, out_height, out_width, out_channels). Output
// channel o belongs to group o / (out_channels / groups), whose input channels begin at g. Pixels
// outside the image are zero. Whether what meets them becomes NaN, where the other factor is
// infinite or NaN, is not promised. Channels and their groups are in the order of PyTorch's Conv2d.
//
// Shapes choose between two methods; the bits of either depend neither on the batch around a
// image, nor on the number of threads, nor on the instruction set ("baseline" has no fused
// multiply-add and rounds twice).
// - Direct: every output is one chain of fused multiply-adds in the order (u, v, c), every input
//   gradient one in the order (grad_output's rows, columns, channels); in groups of 2, 4 or 8
//   channels each way in the order (u, c, v), or rows, channels, columns. A weight gradient is at
//   most eight chains over the pixels, begun at places that depend on shapes alone.
// - Winograd's minimal filtering (A. Lavin, S. Gray: Fast Algorithms for Convolutional Neural
//   Networks, 2015), for 3x3 kernels with stride 1 and at least 8 channels each way, or groups of
//   whole sixteens of them: tiles of 4x4 or 2x2 outputs cost a quarter or half of the products.
//   Rounding errors are larger than those of the direct method, a few millionths of the largest
//   output, and NaN or infinity reach the whole tile.
//
// Memory: all arrays are the caller's, 4-byte aligned, contiguous, and do not overlap. Scratch is
// allocated per call (std::bad_alloc): the packed weights (Winograd: four times the weights), some
// 2 MB per thread, and up to 64 MB for weight gradients. Threads: as cnnx::get_num_threads(); safe
// to call from several threads at once.
#pragma once

#include <cstdint>

#include "cnnx/export.h"
#include "cnnx/shape.h"

namespace cnnx {

struct Conv2dOptions {
  Pair stride;
  Padding padding;
  Pair dilation;
  int64_t groups = 1;
};

// Made by conv2d_geometry: checked once, shared by forward and backward. Tap (u, v) of output pixel
// (i, j) lies at row i * stride.height + u * dilation.height - top of the input, and so on; output
// sizes are at least 1.
struct Conv2dGeometry {
  int64_t batch = 0, in_height = 0, in_width = 0, in_channels = 0;
  int64_t out_height = 0, out_width = 0, out_channels = 0;
  Pair kernel_size, stride, dilation;
  int64_t top = 0, left = 0;
  int64_t groups = 1;

  Shape input_shape() const { return {batch, in_height, in_width, in_channels}; }
  Shape weight_shape() const {
    return {kernel_size.height, kernel_size.width, in_channels / groups, out_channels};
  }
  Shape output_shape() const { return {batch, out_height, out_width, out_channels}; }
};

// `x` and `weight` are shapes. The output size is floor((in + padding - (kernel - 1) * dilation -
// 1) / stride) + 1, with Rule::same ceil(in / stride). The batch may be empty, nothing else. Throws
// std::invalid_argument with one sentence that begins with "conv2d: ".
CNNX_API Conv2dGeometry conv2d_geometry(const Shape& x, const Shape& weight,
                                        const Conv2dOptions& options = {});

// For tests and benchmarks that compare them; everybody else lets the shapes choose. Where a method
// does not fit (Winograd's: kernel size 3, stride 1, dilation 1, one group or groups of whole
// sixteens of channels), std::invalid_argument.
enum class Conv2dMethod { chosen, direct, winograd2x2, winograd4x4 };

// `bias` holds out_channels floats or is null.
CNNX_API void conv2d(const Conv2dGeometry& geometry, const float* x, const float* weight,
                     const float* bias, float* output, Conv2dMethod method = Conv2dMethod::chosen);

// The gradients of sum(grad_output * output). Any of the three may be null: then it is not
// computed. They are overwritten, or added to when `accumulate` is true.
CNNX_API void conv2d_backward(const Conv2dGeometry& geometry, const float* grad_output,
                              const float* x, const float* weight, float* grad_input,
                              float* grad_weight, float* grad_bias, bool accumulate = false,
                              Conv2dMethod method = Conv2dMethod::chosen);

}  // namespace cnnx
