// Two-dimensional convolution (cross-correlation, as is usual for neural networks), forward and
// backward.
//
//   output[n, i, j, o] = bias[o] + sum over (u, v, c) of weight[u, v, c, o] * x[n, p, q, g + c],
//   p = i * stride.height + u * dilation.height - top,
//   q = j * stride.width + v * dilation.width - left
//
// x is (batch, height, width, in_channels), weight (kernel_height, kernel_width, in_channels /
// groups, out_channels), output (batch, out_height, out_width, out_channels). Output channel o
// belongs to group o / (out_channels / groups), whose input channels begin at g. Pixels outside the
// image are zero. Their product with an infinite or NaN weight may or may not be NaN. Channels and
// groups are in the order of PyTorch's Conv2d.
//
// The shapes choose between two methods, unless the layer's setting `algorithm` is direct. The bits
// of either depend neither on the batch around an image, nor on the number of threads, nor on the
// instruction set ("baseline" has no fused multiply-add and rounds twice).
//
// - Direct: every output is one chain of fused multiply-adds in the order (u, v, c), and every
//   input gradient one in the order (grad_output's rows, columns, channels). In groups of 2, 4 or
//   8 channels each way the order is (u, c, v), or rows, channels, columns. A weight gradient is at
//   most eight chains over the pixels, whose starts depend on the shapes alone.
// - Winograd's minimal filtering (A. Lavin, S. Gray: Fast Algorithms for Convolutional Neural
//   Networks, 2015), for 3x3, 5x5 and 7x7 kernels with stride 1 and at least 8 channels each way,
//   or groups of multiples of 16 channels: tiles of 4x4 or 2x2 outputs take a quarter or half of
//   the multiplications of a 3x3 kernel, and tiles of 2x2 outputs a third of those of a 5x5 kernel.
//   A 7x7 kernel without groups is the sum of nine kernels of up to 3x3. A tile reads up to 6x6
//   pixels together, so rounding errors are relative to the largest of them, also in outputs that
//   do not read it: at most about
//
//     2^-21 * in_channels / groups * max |x| over the tile * sum over (u, v, c) of |weight|
//
//   and usually a tenth of that. The direct method's are a sixteenth of it, relative to the pixels
//   of the output's own window. A NaN or infinity reaches its whole tile.
//
// Memory: all arrays are the caller's, 4-byte aligned, contiguous, and do not overlap. Scratch is
// allocated per call (std::bad_alloc): the packed weights (Winograd: up to seven times the
// weights), about 2 MB per thread, and up to 64 MB for weight gradients. Threads: as
// cnnx::get_num_threads(). Safe to call from several threads at once.
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

// The result of conv2d_geometry: checked once, shared by forward and backward. Tap (u, v) of output
// pixel (i, j) lies at row i * stride.height + u * dilation.height - top of the input, and so on.
// Output sizes are at least 1.
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
// 1) / stride) + 1, with Rule::same ceil(in / stride). Only the batch may be empty. Throws
// std::invalid_argument with one sentence that begins with "conv2d: ".
CNNX_API Conv2dGeometry conv2d_geometry(const Shape& x, const Shape& weight,
                                        const Conv2dOptions& options = {});

// Overrides the choice of the method, for tests and benchmarks that compare methods. Throws
// std::invalid_argument where the method does not apply (Winograd's needs kernel size 3, 5 with
// tiles of 2x2 or 7 with tiles of 4x4, stride 1, the same dilation both ways, and one group or
// groups of multiples of 16 channels; or stride 2, dilation 1, kernel size 3, 5 or 7 with tiles of
// 4x4, and one group. The input gradient of stride 2 is always direct).
enum class Conv2dMethod { chosen, direct, winograd2x2, winograd4x4 };

// The setting `algorithm` of a layer, "auto" or "direct": the method that the shapes choose, or the
// direct one.
enum class ConvolutionAlgorithm { automatic, direct };

// `bias` holds out_channels floats or is null.
CNNX_API void conv2d(const Conv2dGeometry& geometry, const float* x, const float* weight,
                     const float* bias, float* output, Conv2dMethod method = Conv2dMethod::chosen);

// The gradients of sum(grad_output * output). Each may be null and is then not computed. They are
// overwritten, or added to when `accumulate` is true.
CNNX_API void conv2d_backward(const Conv2dGeometry& geometry, const float* grad_output,
                              const float* x, const float* weight, float* grad_input,
                              float* grad_weight, float* grad_bias, bool accumulate = false,
                              Conv2dMethod method = Conv2dMethod::chosen);

}  // namespace cnnx
