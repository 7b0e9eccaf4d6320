// What runs: a graph bound to one batch size, with every array's place in one arena. Immutable.
//
// A plan for inference keeps only what the next node reads: two buffers in turn. A plan for
// training keeps every output that a backward reads, and two more buffers in turn for the gradients
// between layers.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "graph/graph.h"
#include "graph/workspace.h"

namespace cnnx::graph {

enum class Mode {
  inference,
  all_outputs,  // every layer's output stays: what layer_outputs shows
  training,
};

class Plan {
 public:
  Plan(const Graph& graph, int64_t batch, Mode mode);

  int64_t batch() const { return batch_; }

  // A workspace to run in, returned to the plan's pool when the lease ends. Only the first lease
  // allocates.
  WorkspaceLease lease(int threads) const;

  // Runs every node on `input` (batch pictures, float). The result lies in the workspace until the
  // lease ends.
  const float* forward(const float* input, const float* parameters, Workspace& workspace) const;

  // Mode::all_outputs: where node `id` left its output.
  const float* output_of(int id, const float* input, const Workspace& workspace) const;

  // Mode::training, after forward: where to write the loss's gradient, then the gradients of all
  // parameters.
  float* grad_output(Workspace& workspace) const;
  void backward(const float* input, const float* parameters, Workspace& workspace,
                float* gradients) const;

 private:
  // Where an array lies: at an offset of the arena, or in the caller's input.
  static constexpr int64_t kCallersInput = -1;

  struct Step {
    int node;
    std::unique_ptr<const ops::BoundOp> op;
    int64_t input, output;            // arena offsets
    int64_t grad_input, grad_output;  // arena offsets, in training
    bool wants_grad_input;
    std::vector<int64_t> parameters;  // offsets in the parameter block
  };

  void place_outputs(Mode mode);
  void place_gradients();
  int64_t scratch_floats(int threads) const;

  const Graph& graph_;
  int64_t batch_;
  Mode mode_;
  std::vector<Step> steps_;              // views (Flatten) have none
  std::vector<int64_t> output_of_node_;  // arena offset
  int64_t grad_output_ = 0;
  int64_t arena_floats_ = 0;
  mutable WorkspacePool pool_;
};

}  // namespace cnnx::graph
