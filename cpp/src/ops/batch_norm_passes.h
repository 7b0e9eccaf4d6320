// The passes of batch normalisation over an array, on several threads.
#pragma once

#include <cstdint>

#include "cnnx/batch_norm2d.h"
#include "kernels/batch_norm2d.h"
#include "ops/pixel_chunks.h"
#include "runtime/memory.h"

namespace cnnx::ops {

// Four numbers per channel, in the caller's memory, which forward uses and backward reads.
struct BatchNormLines {
  float *mean, *inverse, *scale, *shift;  // inverse: of the standard deviation
};

// Null pointers are not computed.
template <class Element>
struct BatchNormGradients {
  Element* values;
  float *weight, *bias;
  bool accumulate, accumulate_parameters;  // of the values, of the others
};

// Arrays of floats, or of bfloat16 as uint16_t.
template <class Element>
class BatchNorm {
 public:
  explicit BatchNorm(const BatchNorm2dGeometry& geometry)
      : g_(geometry),
        chunks_(g_.pixels, g_.channels),
        channels_(runtime::round_up_to_line(g_.channels)) {}

  const BatchNorm2dGeometry& geometry() const { return g_; }
  int64_t scratch_floats() const { return 2 * chunks_.count() * channels_ + lines_floats(); }
  int64_t lines_floats() const { return 4 * channels_; }
  BatchNormLines lines(float* memory) const {
    return {memory, memory + channels_, memory + 2 * channels_, memory + 3 * channels_};
  }
  // The end of scratch.
  BatchNormLines lines_in_scratch(float* scratch) const {
    return lines(scratch + 2 * chunks_.count() * channels_);
  }

  // Mean and variance of x.
  void statistics(const Element* x, int threads, float* scratch, float* mean,
                  float* variance) const;
  // Null weight and bias are ones and zeros.
  void fill(const float* mean, const float* variance, const float* weight, const float* bias,
            const BatchNormLines& lines) const;
  BatchNormForwardOf<Element> forward_pass(const BatchNormLines& lines, const Element* x,
                                           Element* output) const;
  void forward(const BatchNormForwardOf<Element>& pass, int threads) const;

  BatchNormBackwardOf<Element> backward_pass(const BatchNormLines& lines, Element* grad_output,
                                             const Element* x) const;
  void backward(const BatchNorm2dGradientKernelsOf<Element>& kernels,
                const BatchNormBackwardOf<Element>& pass, const float* inverse,
                bool statistics_are_constant, const BatchNormGradients<Element>& gradients,
                int threads, float* scratch) const;

 private:
  BatchNorm2dGeometry g_;
  PixelChunks chunks_;
  int64_t channels_;
};

}  // namespace cnnx::ops
