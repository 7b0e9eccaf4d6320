// Gradient clipping by the global norm (Pascanu, Mikolov, Bengio 2013).
#pragma once

#include <vector>

#include "training/parameter_segments.h"

namespace cnnx::training {

class GradientClipping {
 public:
  // `norm` is finite and >= 0; 0 disables clipping.
  explicit GradientClipping(double norm) : norm_(norm) {}

  bool is_enabled() const { return norm_ > 0; }
  // The factor of the gradients of the trained segments: min(1, norm / (their norm + 1e-6)), as
  // PyTorch.
  double scale(const float* gradients, const std::vector<ParameterSegment>& segments,
               int threads) const;

 private:
  double norm_;
};

}  // namespace cnnx::training
