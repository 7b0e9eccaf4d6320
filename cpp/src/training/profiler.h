// Adds up the time of train steps by layer and phase.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "cnnx/profile.h"
#include "graph/training_plan.h"

namespace cnnx::training {

struct Profiler {
  // Where the plan adds its steps' seconds.
  graph::StepTimes* times(const graph::TrainingPlan& plan);
  // Steps of which nodes are in common have one entry: a conversion to or from bfloat16 and the
  // step that needs it, and steps of plans that fuse different layers.
  Profile profile(const graph::Graph& graph) const;

  // Plans of one graph whose steps have the same nodes: those of one compute_dtype.
  struct PlanTimes {
    std::vector<std::pair<int, int>> nodes;  // first and last of each step
    graph::StepTimes times;
  };
  std::deque<PlanTimes> plans;
  double loss = 0, update = 0, seconds = 0;
  int64_t steps = 0;
};

}  // namespace cnnx::training
