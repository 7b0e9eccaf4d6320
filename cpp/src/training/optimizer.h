// An optimizer at work: its settings and where it is in its sequence of steps. The slots are the
// trainer's.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cnnx/model.h"
#include "cnnx/optimizers.h"
#include "training/muon_directions.h"
#include "training/parameter_segments.h"

namespace cnnx::training {

// What a checkpoint keeps beside the slots. The products are beta^step, multiplied up step by step.
struct OptimizerState {
  int64_t step = 0;
  double beta1_product = 1, beta2_product = 1;
  double learning_rate = 0;  // as the settings had it, or as it was set since
};

// Arrays of one length and layout, cut into segments.
struct UpdatedBlock {
  float* parameters;
  const float* gradients;
  float* const* slots;
  const std::vector<ParameterSegment>& segments;
};

// What one step multiplies with: the learning rate by its schedule, the gradients by their
// clipping.
struct StepScales {
  double learning_rate = 1, gradients = 1;
};

class Optimizer {
 public:
  // Throws std::invalid_argument as check_optimizer, and if Muon finds no matrix in `parameters`.
  explicit Optimizer(const OptimizerSettings& settings,
                     const std::vector<ParameterInfo>& parameters = {});

  // How many arrays update() keeps in `slots`; they start at zero.
  int slot_count() const;

  // One step of all parameters that are trained: call once per step.
  void update(const UpdatedBlock& block, const StepScales& scales, int threads);

  const OptimizerState& state() const { return state_; }
  void set_state(const OptimizerState& state) { state_ = state; }

 private:
  OptimizerSettings settings_;
  OptimizerState state_;
  std::optional<MuonDirections> muon_;
};

}  // namespace cnnx::training
