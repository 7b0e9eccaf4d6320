// Gradient clipping: all gradients together are made no longer than a norm (Pascanu, Mikolov,
// Bengio 2013).
#pragma once

#include <vector>

#include "training/parameter_segments.h"

namespace cnnx::training {

class GradientClipping {
 public:
  // `norm` 0 clips nothing. Throws std::invalid_argument unless it is finite and >= 0.
  explicit GradientClipping(double norm);

  // What the gradients of the trained segments are to be multiplied by: min(1, norm / (their norm +
  // 1e-6)), as PyTorch.
  double scale(const float* gradients, const std::vector<ParameterSegment>& segments,
               int threads) const;

 private:
  double norm_;
};

}  // namespace cnnx::training
