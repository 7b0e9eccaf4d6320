// The plans that a model used last, for the next batch of the same size.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "graph/graph.h"
#include "runtime/fork.h"

namespace cnnx::graph {

// A plan is made for a number of images and of threads, and for settings of its own.
template <class Plan>
class PlanCache {
 public:
  template <class... Settings>
  std::shared_ptr<const Plan> get(const Graph& graph, int64_t batch, int threads,
                                  Settings... settings) {
    return plans_.use([&](Plans& plans) {
      const auto found = std::find_if(plans.begin(), plans.end(), [&](const auto& plan) {
        return plan->batch() == batch && plan->threads() == threads &&
               (plan->has_setting(settings) && ... && true);
      });
      if (found != plans.end()) {
        std::rotate(found, found + 1, plans.end());
        return plans.back();
      }
      auto plan = std::make_shared<const Plan>(graph, batch, threads, settings...);
      if (plans.size() == kMost) plans.erase(plans.begin());
      plans.push_back(plan);
      return plan;
    });
  }

  void clear() {
    plans_.use([](Plans& plans) { plans.clear(); });
  }

 private:
  // Enough for a batch, a short last one, and the same of a second user; few enough to stay small.
  static constexpr std::size_t kMost = 4;

  using Plans = std::vector<std::shared_ptr<const Plan>>;
  runtime::ForkSafeCache<Plans> plans_;  // the most recently used last
};

}  // namespace cnnx::graph
