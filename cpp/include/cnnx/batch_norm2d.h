// Batch normalisation of (batch, height, width, channels) arrays, per channel (Ioffe, Szegedy:
// Batch Normalization, 2015).
//
//   output = (x - mean) / sqrt(variance + epsilon) * weight + bias
//
// Training uses the mean and variance over all pixels of the batch, inference the running ones. The
// variance is biased: the sum of squares divided by the count.
//
// Memory: all arrays are the caller's, 4-byte aligned, and do not overlap. x, output and their
// gradients have pixels * channels floats; weight, bias, mean, variance and the gradients of weight
// and bias have `channels`. Scratch is allocated per call. Threads: as cnnx::get_num_threads().
// Sums are taken over chunks of pixels that depend on the shape alone.
//
// Errors: std::bad_alloc. Arguments are not checked: the caller must ensure that there is at least
// one pixel and one channel, that the variance plus epsilon is above 0, and that no pointer is
// null.
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

// Writes the statistics of x to mean and variance, then normalises with them.
CNNX_API void batch_norm2d_training(const BatchNorm2dGeometry& geometry, const float* x,
                                    const float* weight, const float* bias, float* mean,
                                    float* variance, float* output);

// The gradients of batch_norm2d_training, with its mean and variance. Overwrites the gradients.
CNNX_API void batch_norm2d_backward(const BatchNorm2dGeometry& geometry, const float* grad_output,
                                    const float* x, const float* weight, const float* mean,
                                    const float* variance, float* grad_input, float* grad_weight,
                                    float* grad_bias);

}  // namespace cnnx
