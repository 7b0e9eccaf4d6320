// The direct algorithm of conv2d: every product is computed as the formula says. Its plans are made
// once per shape, allocate nothing when they run, and may run in several threads at once.
#pragma once

#include <cstdint>
#include <vector>

#include "cnnx/conv2d.h"
#include "kernels/conv2d.h"
#include "ops/conv2d_algorithm.h"
#include "ops/conv2d_chunks.h"
#include "ops/conv2d_phases.h"

namespace cnnx::ops {

// Eight channels fill half of a 512-bit vector, and CPUs that work on such vectors in two halves
// (Zen 4) would take twice as long over them: AVX2's kernels run, whose bits are the same.
constexpr bool fits_half_a_vector(int64_t group_outputs) { return group_outputs <= 8; }

// The kernels for so many output channels in a group.
const Conv2dKernels& direct_kernels(int64_t group_outputs);

// Windows over a source image that make a target image: forward, or the input gradient, which
// is the same with flipped weights over grad_output.
class DirectConvolution {
 public:
  static DirectConvolution forward(const Conv2dGeometry& geometry);
  static DirectConvolution input_gradient(const Conv2dGeometry& geometry);

  // The weights in the panels that the other two read.
  int64_t panels_floats() const;
  void pack(const float* weight, int threads, float* panels) const;

  int64_t scratch_floats(int threads) const;
  void run(const float* source, const float* panels, const Epilogue& epilogue, int threads,
           float* scratch, float* target) const;

 private:
  DirectConvolution(const Conv2dGeometry& geometry, std::vector<Phase> vertical,
                    std::vector<Phase> horizontal, bool transposed);
  Convolution convolution() const;
  const Conv2dKernels& kernels() const;
  int64_t band_count(int threads) const;
  int64_t most_band_rows() const;
  int64_t copy_floats() const;
  int64_t slot_floats() const;
  int64_t part_count(int threads, bool whole) const;
  void run_pooled(const float* source, const float* panels, const Epilogue& epilogue, int threads,
                  float* scratch, float* target) const;
  // Units of an image, blocks of output channels, and a thread's scratch.
  struct Share {
    int64_t image, first, last, first_block, last_block;
    float* slot;
  };
  template <class Convolve>
  void for_each_band(int threads, int64_t units, int64_t parts, float* scratch,
                     const Convolve& convolve) const;

  Conv2dGeometry geometry_;
  std::vector<Phase> vertical_, horizontal_;
  std::vector<ConvolutionPass> passes_;  // every pair of phases
  bool transposed_;                      // the weight's input channels are the target's
  WindowedImage source_;
  int64_t target_height_, target_width_, target_channels_;
  Pair step_;
  int64_t group_inputs_, group_outputs_;
  bool covers_target_;  // false: some target pixels see no tap
};

// Weight and bias gradients, as sums over chunks of the batch that are added up at the end.
class DirectWeightGradient {
 public:
  explicit DirectWeightGradient(const Conv2dGeometry& geometry);

  int64_t scratch_floats(int threads) const;
  // Either gradient may be null.
  void run(const GradientKernels& kernels, const float* x, const float* grad_output,
           bool accumulate, int threads, float* scratch, float* grad_weight,
           float* grad_bias) const;

 private:
  int64_t weight_sums_floats() const;
  int64_t chunk_floats() const;
  int64_t copy_floats() const;
  int64_t slot_floats() const;
  void run_share(const Conv2dGradientKernels& kernels, const float* x, const float* grad_output,
                 int64_t chunk, int64_t first_block, int64_t last_block, bool with_weight,
                 bool with_bias, float* scratch, float* sums) const;

  Conv2dGeometry geometry_;
  WindowedImage source_;
  WindowAxis vertical_, horizontal_;
  int64_t group_inputs_, group_outputs_, depth_;
  GradientChunks chunks_;
  int64_t band_images_ = 1, band_rows_ = 1;
};

}  // namespace cnnx::ops
