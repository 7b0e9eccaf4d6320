// How a batch is trained on: forward with every output kept that a backward reads, then backward,
// where two more buffers take turns for the gradients between layers. Immutable.
#pragma once

#include <vector>

#include "graph/chain.h"
#include "graph/workspace.h"

namespace cnnx::graph {

class TrainingPlan {
 public:
  TrainingPlan(const Graph& graph, int64_t batch, int threads);

  int64_t batch() const { return batch_; }
  int threads() const { return threads_; }

  // A workspace to run in, returned to the plan's pool when the lease ends. Only the first lease
  // allocates.
  WorkspaceLease lease() const;

  // Runs every layer on `input` (batch pictures, float). The result lies in the workspace until the
  // lease ends. `times`, here and in backward, may be null.
  const float* forward(const float* input, const float* parameters, Workspace& workspace,
                       StepTimes* times) const;

  // After forward: where to write the loss's gradient, then the gradients of all parameters.
  float* grad_output(Workspace& workspace) const;
  void backward(const float* input, const float* parameters, Workspace& workspace, float* gradients,
                StepTimes* times) const;
  const std::vector<Step>& steps() const { return chain_.steps(); }

 private:
  struct GradientPlace {
    int64_t output, input;  // arena offsets
    bool wants_input;
    bool output_through, input_through;  // see ops::BackwardArguments
  };

  ChainArguments arguments(const float* input, const float* parameters, Workspace& workspace,
                           StepTimes* times) const;

  int64_t batch_;
  int threads_;
  Chain chain_;
  std::vector<GradientPlace> gradients_;  // one per step
  int64_t grad_output_ = 0;
  int64_t arena_floats_;
  mutable WorkspacePool pool_;
};

}  // namespace cnnx::graph
