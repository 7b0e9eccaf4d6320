// The two methods of normalising within images: along rows, for images of one pixel, and along the
// channels of larger images.
#pragma once

#include <cstdint>
#include <memory>

#include "cnnx/group_norm.h"

namespace cnnx::ops {

struct GradientKernels;

// Images are normalised, and the sums of a weight gradient taken, part by part: some rows,
// or one image. Smaller parts have more sums to add up at the end.
constexpr int64_t kLeastPartPixels = 64;

struct GroupNormArguments {
  const float* x;
  const float* weight;
  const float* bias;
  float* statistics;  // [image][mean, inverse standard deviation][group]
  float* output;

  const GradientKernels* kernels;  // of a backward, as all that follow
  const float* grad_output;
  bool accumulate;    // to grad_input
  float* grad_input;  // or null
  // Or null: [part][of grad_output, of its products with the normalised input][channel].
  float* sums;

  float* scratch;
  int threads;
};

// A null array is one that a function has no use for.
class GroupNorm {
 public:
  virtual ~GroupNorm() = default;
  virtual int64_t parts() const = 0;
  virtual int64_t scratch_floats(int threads) const = 0;
  virtual void measure(const GroupNormArguments& a) const = 0;  // writes the statistics
  virtual void forward(const GroupNormArguments& a) const = 0;  // and the output
  virtual void backward(const GroupNormArguments& a) const = 0;
};

// Needs images of one pixel.
std::unique_ptr<const GroupNorm> group_norm_of_rows(const GroupNormGeometry& geometry);
std::unique_ptr<const GroupNorm> group_norm_of_images(const GroupNormGeometry& geometry);

}  // namespace cnnx::ops
