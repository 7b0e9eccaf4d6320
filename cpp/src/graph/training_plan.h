// How a batch is trained on: forward with every output kept that a backward reads, then backward,
// with each gradient in memory until whoever made the array has read it. Immutable.
#pragma once

#include <vector>

#include "graph/gradient_flow.h"
#include "graph/workspace.h"

namespace cnnx::graph {

// The arrays of a train step that outlive it, and where its time goes.
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

  // A workspace to run in, returned to the plan's pool when the lease ends. Only the first lease
  // allocates.
  WorkspaceLease lease() const;

  // Runs every layer. The result lies in the workspace until backward.
  const float* forward(const TrainingArguments& arguments, Workspace& workspace) const;

  // After forward: where to write the loss's gradient, then the gradients of all parameters that
  // are trained; the others' are left as they are.
  float* grad_output(Workspace& workspace) const;
  void backward(const TrainingArguments& arguments, Workspace& workspace, float* gradients) const;
  const std::vector<Step>& steps() const { return chain_.steps(); }

 private:
  ChainArguments chain_arguments(const TrainingArguments& arguments, Workspace& workspace) const;

  int64_t batch_;
  int threads_;
  Chain chain_;
  GradientFlow flow_;
  mutable WorkspacePool pool_;
};

}  // namespace cnnx::graph
