// An optimizer at work: its settings and where it is in its sequence of steps. The slots are the
// trainer's.
#pragma once

#include <cstdint>

#include "cnnx/optimizers.h"

namespace cnnx::training {

// What a checkpoint keeps beside the slots. The products are beta^step, multiplied up step by step.
struct OptimizerState {
  int64_t step = 0;
  double beta1_product = 1, beta2_product = 1;
};

class Optimizer {
 public:
  // Throws std::invalid_argument as check_optimizer.
  explicit Optimizer(const OptimizerSettings& settings);

  // How many arrays of `count` floats update() keeps in `slots`; they start at zero.
  int slot_count() const;

  // One step of all parameters: call once per step, with all of them in one block.
  void update(float* parameters, const float* gradients, float* const* slots, int64_t count,
              int threads);

  const OptimizerState& state() const { return state_; }
  void set_state(const OptimizerState& state) { state_ = state; }

 private:
  OptimizerSettings settings_;
  OptimizerState state_;
};

}  // namespace cnnx::training
