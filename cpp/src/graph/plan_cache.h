// The plans that a model used last, for the next batch of the same size.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "graph/graph.h"
#include "runtime/fork.h"

namespace cnnx::graph {

// A plan is made for a number of images and of threads.
template <class Plan>
class PlanCache {
 public:
  std::shared_ptr<const Plan> get(const Graph& graph, int64_t batch, int threads) {
    const std::lock_guard<runtime::ForkSafeMutex> lock(mutex_);
    const auto found = std::find_if(plans_.begin(), plans_.end(), [&](const auto& plan) {
      return plan->batch() == batch && plan->threads() == threads;
    });
    if (found != plans_.end()) {
      std::rotate(found, found + 1, plans_.end());
      return plans_.back();
    }
    auto plan = std::make_shared<const Plan>(graph, batch, threads);
    if (plans_.size() == kMost) plans_.erase(plans_.begin());
    plans_.push_back(plan);
    return plan;
  }

  void clear() {
    const std::lock_guard<runtime::ForkSafeMutex> lock(mutex_);
    plans_.clear();
  }

 private:
  // Enough for a batch, a short last one, and the same of a second user; few enough to stay small.
  static constexpr std::size_t kMost = 4;

  runtime::ForkSafeMutex mutex_{"model"};
  std::vector<std::shared_ptr<const Plan>> plans_;  // the most recently used last
};

}  // namespace cnnx::graph
