// The execution of a train step: forward saves the arrays that backward reads, then backward, whose
// gradients stay in memory until their last use. Immutable.
#pragma once

#include <vector>

#include "graph/gradient_flow.h"
#include "graph/workspace.h"

namespace cnnx::graph {

// The arrays of a train step that outlive it, and its timers.
struct TrainingArguments {
  const float* input;  // the batch's images
  const float* parameters;
  float* buffers;
  ops::TrainingStep step;
  StepTimes* times = nullptr;  // null: nothing is measured
};

class TrainingPlan {
 public:
  TrainingPlan(const Graph& graph, int64_t batch, int threads);

  int64_t batch() const { return batch_; }
  int threads() const { return threads_; }

  // A workspace for one execution, returned to the pool at the end of the lease. Only the first
  // lease allocates.
  WorkspaceLease lease(WorkspacePool& pool) const;

  // Runs every layer. The result lies in the workspace until backward.
  const float* forward(const TrainingArguments& arguments, Workspace& workspace) const;

  // After forward: the array for the loss's gradient; then the gradients of all trained parameters.
  // Those of other parameters are not written.
  float* grad_output(Workspace& workspace) const;
  void backward(const TrainingArguments& arguments, Workspace& workspace, float* gradients) const;
  const std::vector<Step>& steps() const { return chain_.steps(); }

 private:
  ChainArguments chain_arguments(const TrainingArguments& arguments, Workspace& workspace) const;

  int64_t batch_;
  int threads_;
  Chain chain_;
  GradientFlow flow_;
  int64_t scratch_floats_ = 0;
};

}  // namespace cnnx::graph
