// An optimizer: its settings and its step count. The trainer owns the slots.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cnnx/model.h"
#include "cnnx/optimizers.h"
#include "training/muon_directions.h"
#include "training/parameter_segments.h"

namespace cnnx::training {

// The optimizer's part of a checkpoint, besides the slots. The powers are beta^step, multiplied
// step by step.
struct OptimizerState {
  int64_t step = 0;
  double beta1_product = 1, beta2_product = 1;
  double learning_rate = 0;  // the initial or the last assigned one
};

// Arrays of one length and layout, divided into segments.
struct UpdatedBlock {
  float* parameters;
  const float* gradients;
  float* const* slots;
  const std::vector<ParameterSegment>& segments;
};

// The factors of one step: the schedule's factor of the learning rate, and the clipping factor of
// the gradients.
struct StepScales {
  double learning_rate = 1, gradients = 1;
};

class Optimizer {
 public:
  // Throws std::invalid_argument as check_optimizer, and if Muon finds no matrix in `parameters`.
  explicit Optimizer(const OptimizerSettings& settings,
                     const std::vector<ParameterInfo>& parameters = {});

  // The number of arrays that update() stores in `slots`; they start at zero.
  int slot_count() const;

  // Updates all trained parameters: call once per step.
  void update(const UpdatedBlock& block, const StepScales& scales, int threads);

  const OptimizerState& state() const { return state_; }
  void set_state(const OptimizerState& state) { state_ = state; }

 private:
  OptimizerSettings settings_;
  OptimizerState state_;
  std::optional<MuonDirections> muon_;
};

}  // namespace cnnx::training
