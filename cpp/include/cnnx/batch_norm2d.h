// Batch normalisation of (batch, height, width, channels) arrays, per channel (Ioffe, Szegedy:
// Batch Normalization, 2015).
//
//   output = (x - mean) / sqrt(variance + epsilon) * weight + bias
//
// Training uses the mean and variance over all pixels of the batch, inference the running ones. The
// variance is biased: the sum of squares divided by the count.
//
// Memory: all arrays are the caller's, 4-byte aligned, and do not overlap. weight, bias, mean and
// variance have `channels` floats. Scratch is allocated per call (std::bad_alloc). Threads: as
// cnnx::get_num_threads(). Sums are taken over chunks of pixels that depend on the shape alone.
#pragma once

#include <cstdint>

#include "cnnx/export.h"

namespace cnnx {

struct BatchNorm2dGeometry {
  int64_t pixels;  // batch * height * width
  int64_t channels;
  float epsilon;
};

CNNX_API void batch_norm2d(const BatchNorm2dGeometry& geometry, const float* x, const float* weight,
                           const float* bias, const float* mean, const float* variance,
                           float* output);

// Writes the statistics of x to mean and variance, then normalises with them. Needs at least one
// pixel.
CNNX_API void batch_norm2d_training(const BatchNorm2dGeometry& geometry, const float* x,
                                    const float* weight, const float* bias, float* mean,
                                    float* variance, float* output);

// The gradients of batch_norm2d_training, with its mean and variance. Overwrites the gradients.
CNNX_API void batch_norm2d_backward(const BatchNorm2dGeometry& geometry, const float* grad_output,
                                    const float* x, const float* weight, const float* mean,
                                    const float* variance, float* grad_input, float* grad_weight,
                                    float* grad_bias);

}  // namespace cnnx
