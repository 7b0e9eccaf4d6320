// Fully connected layer, forward and backward.
//
//   output[n, o] = bias[o] + sum over i of x[n, i] * weight[i, o]
//
// x is (batch, in_features), weight (in_features, out_features), output (batch, out_features).
//
// Every output and every gradient is one chain of fused multiply-adds in the order of its index,
// for any number of threads and any instruction set ("baseline" has no such instruction and rounds
// twice). The bias gradient is eight chains. A row's output does not depend on the batch around it.
//
// Memory: all arrays are the caller's, 4-byte aligned, contiguous, and do not overlap. About 300 KB
// of scratch per thread are allocated per call (std::bad_alloc). Threads: as
// cnnx::get_num_threads(). Safe to call from several threads at once.
#pragma once

#include <cstdint>

#include "cnnx/export.h"
#include "cnnx/shape.h"

namespace cnnx {

// The result of dense_geometry: checked once, shared by forward and backward.
struct DenseGeometry {
  int64_t batch = 0, in_features = 0, out_features = 0;

  Shape input_shape() const { return {batch, in_features}; }
  Shape weight_shape() const { return {in_features, out_features}; }
  Shape output_shape() const { return {batch, out_features}; }
};

// `x` and `weight` are shapes. Only the batch may be empty. Throws std::invalid_argument with one
// sentence that begins with "dense: ".
CNNX_API DenseGeometry dense_geometry(const Shape& x, const Shape& weight);

// `bias` holds out_features floats or is null.
CNNX_API void dense(const DenseGeometry& geometry, const float* x, const float* weight,
                    const float* bias, float* output);

// The gradients of sum(grad_output * output). Each may be null and is then not computed. They are
// overwritten, or added to when `accumulate` is true.
CNNX_API void dense_backward(const DenseGeometry& geometry, const float* grad_output,
                             const float* x, const float* weight, float* grad_input,
                             float* grad_weight, float* grad_bias, bool accumulate = false);

}  // namespace cnnx
