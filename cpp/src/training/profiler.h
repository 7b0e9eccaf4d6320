// Adds up the time of train steps by layer and phase.
#pragma once

#include "cnnx/profile.h"
#include "graph/training_plan.h"

namespace cnnx::training {

struct Profiler {
  // Where the plan adds its steps' seconds. Plans of one graph have the same steps.
  graph::StepTimes* times(const graph::TrainingPlan& plan);
  Profile profile(const graph::Graph& graph) const;

  graph::StepTimes step_times;
  std::vector<std::pair<int, int>> nodes;  // first and last of each step
  double loss = 0, update = 0, seconds = 0;
  int64_t steps = 0;
};

}  // namespace cnnx::training
