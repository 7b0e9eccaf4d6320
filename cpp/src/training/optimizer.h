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

// Arrays of one length and layout, divided into segments, and the range of them to update.
struct UpdatedBlock {
  float* parameters;
  const float* gradients;  // of the range alone
  float* const* slots;
  const std::vector<ParameterSegment>& segments;
  ParameterRange range;
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

  // Once per step, before its updates.
  void begin_step();
  // Updates the trained parameters of a range: every range once per step.
  void update(const UpdatedBlock& block, const StepScales& scales, int threads);
  // Whether a step may update the block in several ranges.
  bool is_elementwise() const { return !muon_; }

  const OptimizerState& state() const { return state_; }
  void set_state(const OptimizerState& state) { state_ = state; }

 private:
  OptimizerSettings settings_;
  OptimizerState state_;
  std::optional<MuonDirections> muon_;
};

}  // namespace cnnx::training
