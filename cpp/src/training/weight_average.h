// An exponential moving average of a model's weights, stored in a model of its own.
#pragma once

#include <memory>

#include "cnnx/trainer.h"
#include "graph/model_state.h"

namespace cnnx::training {

class WeightAverage {
 public:
  // The caller holds the model's lock. Throws std::invalid_argument for settings out of range.
  WeightAverage(const Averaging& settings, const graph::ModelState& model);

  // Called after every step of the optimizer, numbered from 1. The number and the weights are the
  // whole state. The caller holds the model's lock.
  void update(const graph::ModelState& model, int64_t step, int threads);

  // Whether there is an average after this many steps.
  bool has_begun(int64_t steps) const { return steps >= settings_.every; }
  const std::shared_ptr<graph::ModelState>& model() const { return model_; }

 private:
  Averaging settings_;
  std::shared_ptr<graph::ModelState> model_;
};

}  // namespace cnnx::training
