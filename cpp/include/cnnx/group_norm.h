// Normalisation of every image by itself, forward and backward: group norm (Wu, He: Group
// Normalization, 2018), each group of neighbouring channels over all pixels of an image, and layer
// norm (Ba, Kiros, Hinton: Layer Normalization, 2016) over the last axis, which is one group per
// pixel.
//
//   output = (x - mean) / sqrt(variance + epsilon) * weight + bias
//
// Mean and variance are those of an image's group, in training and in inference; the variance is
// the biased one, the sum of squares over the count, and is taken about the mean, so that a mean
// far from zero costs it no digits.
//
// Memory: all arrays are the caller's, 4-byte aligned, do not overlap; weight, bias and their
// gradients have `channels` floats. Scratch is allocated per call (std::bad_alloc). Threads: as
// cnnx::get_num_threads(); sums are cut by the shape of one image alone, those of grad_weight and
// grad_bias by the whole shape.
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

// `x` is a shape, (batch, height, width, channels) or (batch, features), whose last axis `groups`
// divides. Throws std::invalid_argument with one sentence that begins with "group_norm: ".
CNNX_API GroupNormGeometry group_norm_geometry(const Shape& x, int64_t groups, float epsilon);
// `x` is (batch, ..., channels); "layer_norm: ".
CNNX_API GroupNormGeometry layer_norm_geometry(const Shape& x, float epsilon);

CNNX_API void group_norm(const GroupNormGeometry& geometry, const float* x, const float* weight,
                         const float* bias, float* output);

// Mean and variance count as functions of x. Overwrites the gradients, or adds to them when
// `accumulate` is true; each may be null.
CNNX_API void group_norm_backward(const GroupNormGeometry& geometry, const float* grad_output,
                                  const float* x, const float* weight, float* grad_input,
                                  float* grad_weight, float* grad_bias, bool accumulate = false);

}  // namespace cnnx
