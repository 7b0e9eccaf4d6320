// Gradient clipping: all gradients together are made no longer than a norm (Pascanu, Mikolov,
// Bengio 2013).
#pragma once

#include <vector>

#include "training/parameter_segments.h"

namespace cnnx::training {

class GradientClipping {
 public:
  // `norm` 0 clips nothing. Throws std::invalid_argument unless it is finite and >= 0.
  GradientClipping(double norm, const std::vector<ParameterSegment>& segments);

  double norm() const { return norm_; }
  // What the gradients are to be multiplied by: min(1, norm / (their norm + 1e-6)), as PyTorch.
  double scale(const float* gradients, int threads);

 private:
  struct Chunk {
    int64_t offset, count;
  };

  double norm_;
  // Sums begin and end with these, whatever threads they are shared out to.
  std::vector<Chunk> chunks_;
  std::vector<double> sums_;
};

}  // namespace cnnx::training
