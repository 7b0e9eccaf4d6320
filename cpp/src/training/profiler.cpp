// Names the measured steps of the plan.
#include "training/profiler.h"

namespace cnnx::training {

graph::StepTimes* Profiler::times(const graph::TrainingPlan& plan) {
  if (nodes.empty()) {
    for (const graph::Step& step : plan.steps())
      nodes.emplace_back(step.first_node, step.last_node);
    step_times.forward.resize(nodes.size());
    step_times.backward.resize(nodes.size());
  }
  return &step_times;
}

Profile Profiler::profile(const graph::Graph& graph) const {
  Profile profile;
  profile.steps = steps;
  profile.seconds = seconds;
  profile.loss = loss;
  profile.update = update;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    LayerTime time;
    for (int id = nodes[i].first; id <= nodes[i].second; ++id)
      time.layers.push_back(graph.node(id).layer.name);
    time.forward = step_times.forward[i];
    time.backward = step_times.backward[i];
    profile.layers.push_back(std::move(time));
  }
  return profile;
}

}  // namespace cnnx::training
