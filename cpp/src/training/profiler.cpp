// Names the measured steps of the plan.
#include "training/profiler.h"

#include <algorithm>

namespace cnnx::training {

graph::StepTimes* Profiler::times(const graph::TrainingPlan& plan) {
  std::vector<std::pair<int, int>> nodes;
  for (const graph::Step& step : plan.steps()) nodes.emplace_back(step.first_node, step.last_node);
  for (PlanTimes& known : plans)
    if (known.nodes == nodes) return &known.times;
  const std::size_t count = nodes.size();
  plans.push_back({std::move(nodes), {}});
  graph::StepTimes& times = plans.back().times;
  times.forward.resize(count);
  times.backward.resize(count);
  return &times;
}

Profile Profiler::profile(const graph::Graph& graph) const {
  struct Entry {
    int first, last;  // nodes
    double forward, backward;
  };
  std::vector<Entry> entries;
  for (const PlanTimes& plan : plans) {
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
      const auto [first, last] = plan.nodes[i];
      entries.push_back({first, last, plan.times.forward[i], plan.times.backward[i]});
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.first < b.first; });
  std::vector<Entry> merged;
  for (const Entry& entry : entries) {
    if (merged.empty() || entry.first > merged.back().last) {
      merged.push_back(entry);
      continue;
    }
    Entry& before = merged.back();
    before.last = std::max(before.last, entry.last);
    before.forward += entry.forward;
    before.backward += entry.backward;
  }
  Profile profile;
  profile.steps = steps;
  profile.seconds = seconds;
  profile.loss = loss;
  profile.update = update;
  for (const Entry& entry : merged) {
    LayerTime time;
    for (int id = entry.first; id <= entry.last; ++id)
      time.layers.push_back(graph.node(id).layer.name);
    time.forward = entry.forward;
    time.backward = entry.backward;
    profile.layers.push_back(std::move(time));
  }
  return profile;
}

}  // namespace cnnx::training
