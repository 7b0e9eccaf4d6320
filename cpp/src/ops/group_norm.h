// The two methods of normalising within images: along rows, for images of one pixel, and along the
// channels of larger images.
#pragma once

#include <cstdint>
#include <memory>

#include "cnnx/group_norm.h"

namespace cnnx::ops {

// Images are normalised, and the sums of a weight's gradient taken, a piece at a time: some rows,
// or one image. A piece that is smaller costs more sums per number, to be added up at the end.
constexpr int64_t kLeastPiecePixels = 64;

struct GroupNormArguments {
  const float* x;
  const float* weight;
  const float* bias;
  float* statistics;  // [image][mean, inverse standard deviation][group]
  float* output;

  const float* grad_output;
  bool accumulate;    // to grad_input
  float* grad_input;  // or null
  float*
      sums;  // or null: [piece][of grad_output, of its products with what is normalised][channel]

  float* scratch;
  int threads;
};

// A null array is one that a function has no use for.
class GroupNorm {
 public:
  virtual ~GroupNorm() = default;
  virtual int64_t pieces() const = 0;
  virtual int64_t scratch_floats(int threads) const = 0;
  virtual void measure(const GroupNormArguments& a) const = 0;  // writes the statistics
  virtual void forward(const GroupNormArguments& a) const = 0;  // and the output
  virtual void backward(const GroupNormArguments& a) const = 0;
};

// Needs images of one pixel.
std::unique_ptr<const GroupNorm> group_norm_of_rows(const GroupNormGeometry& geometry);
std::unique_ptr<const GroupNorm> group_norm_of_images(const GroupNormGeometry& geometry);

}  // namespace cnnx::ops
