// Normalisation within each image, forward and backward: group norm (Wu, He: Group Normalization,
// 2018) of each group of neighbouring channels over all pixels of an image, and layer norm (Ba,
// Kiros, Hinton: Layer Normalization, 2016) over the last axis, one group per pixel.
//
//   output = (x - mean) / sqrt(variance + epsilon) * weight + bias
//
// Mean and variance are those of an image's group, in training and in inference. The variance is
// biased (the sum of squares divided by the count) and taken about the mean, so it stays accurate
// for a mean far from zero.
//
// Memory: all arrays are the caller's, 4-byte aligned, and do not overlap. weight, bias and their
// gradients have `channels` floats. Scratch is allocated per call (std::bad_alloc). Threads: as
// cnnx::get_num_threads(). The parts of a sum depend on the shape of one image alone, for
// grad_weight and grad_bias on the whole shape.
#pragma once

#include <cstdint>

#include "cnnx/export.h"
#include "cnnx/shape.h"

namespace cnnx {

struct GroupNormGeometry {
  int64_t images = 0;  // with layer norm every pixel is one
  int64_t pixels = 0;  // of one image
  int64_t channels = 0, groups = 0;
  float epsilon = 0;
};

// `x` is a shape, (batch, height, width, channels) or (batch, features). `groups` divides its last
// axis. Throws std::invalid_argument with one sentence that begins with "group_norm: ".
CNNX_API GroupNormGeometry group_norm_geometry(const Shape& x, int64_t groups, float epsilon);
// `x` is (batch, ..., channels). Error sentences begin with "layer_norm: ".
CNNX_API GroupNormGeometry layer_norm_geometry(const Shape& x, float epsilon);

CNNX_API void group_norm(const GroupNormGeometry& geometry, const float* x, const float* weight,
                         const float* bias, float* output);

// Mean and variance are treated as functions of x. Overwrites the gradients, or adds to them when
// `accumulate` is true. Each may be null.
CNNX_API void group_norm_backward(const GroupNormGeometry& geometry, const float* grad_output,
                                  const float* x, const float* weight, float* grad_input,
                                  float* grad_weight, float* grad_bias, bool accumulate = false);

}  // namespace cnnx
