// Batch normalisation of (batch, height, width, channels) arrays, each channel by itself (Ioffe,
// Szegedy: Batch Normalization, 2015).
//
//   output = (x - mean) / sqrt(variance + epsilon) * weight + bias
//
// In training mean and variance are those of the batch, over all its pixels; in inference they are
// the running ones. The variance is the biased one, the sum of squares over the count.
//
// Memory: all arrays are the caller's, 4-byte aligned, do not overlap; weight, bias, mean and
// variance have `channels` floats. Scratch is allocated per call (std::bad_alloc). Threads: as
// cnnx::get_num_threads(); sums are taken over chunks of pixels that depend on the shape alone.
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

// Writes the statistics of x to mean and variance, then as above. There is at least one pixel.
CNNX_API void batch_norm2d_training(const BatchNorm2dGeometry& geometry, const float* x,
                                    const float* weight, const float* bias, float* mean,
                                    float* variance, float* output);

// Of batch_norm2d_training, whose mean and variance these are. Overwrites the gradients.
CNNX_API void batch_norm2d_backward(const BatchNorm2dGeometry& geometry, const float* grad_output,
                                    const float* x, const float* weight, const float* mean,
                                    const float* variance, float* grad_input, float* grad_weight,
                                    float* grad_bias);

}  // namespace cnnx
