// The execution of a train step: forward saves the arrays that backward reads, or backward computes
// them again; gradients stay in memory until their last use. Immutable.
//
// In the form of inference (frozen statistics, no dropout) it computes the gradient of one layer's
// output, or of the images, instead of those of the parameters.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "graph/training_timeline.h"
#include "graph/workspace.h"

namespace cnnx::graph {

constexpr int kParameters = -2;

// The arrays of a train step that outlive it, and its timers.
struct TrainingArguments {
  const float* input;  // the batch's images
  const float* parameters;
  float* buffers;
  std::optional<ops::TrainingStep> step;  // of inference: none
  StepTimes* times = nullptr;             // null: nothing is measured
};

// The arrays of forward that backward computes again.
enum class Recompute {
  quick,  // large ones that one pass over memory computes
  cheap,  // also very large ones that take few multiply-adds
  most,
};

struct TrainingSettings {
  Recompute recompute = Recompute::quick;
  bool keeps_gradients = true;  // see TrainingMemory
  // What backward computes: the gradients of the trained parameters, or that of a node's output or
  // of kGraphInput.
  int wanted = kParameters;

  friend bool operator==(const TrainingSettings& a, const TrainingSettings& b) {
    return a.recompute == b.recompute && a.keeps_gradients == b.keeps_gradients &&
           a.wanted == b.wanted;
  }
};

// Takes the gradients of `count` parameters from offset `first` on.
using TakeGradients = std::function<void(int64_t first, int64_t count, const float* gradients)>;

class TrainingPlan {
 public:
  TrainingPlan(const Graph& graph, int64_t batch, int threads, const TrainingSettings& settings);

  int64_t batch() const { return batch_; }
  int threads() const { return threads_; }
  bool has_setting(const TrainingSettings& settings) const { return settings == settings_; }

  // A workspace for one execution, returned to the pool at the end of the lease. Only the first
  // lease allocates.
  WorkspaceLease lease(WorkspacePool& pool) const {
    return pool.lease(arena_floats(), scratch_floats());
  }
  // Of a workspace.
  int64_t arena_floats() const { return arena_floats_; }
  int64_t scratch_floats() const { return timeline_.scratch_floats(); }

  // Runs every layer. The result lies in the workspace until backward.
  const float* forward(const TrainingArguments& arguments, Workspace& workspace) const;

  // After forward: the array for the loss's gradient; then the gradients of all trained parameters.
  // Those of other parameters are not written. With a wanted array, `gradients` is null.
  float* grad_output(Workspace& workspace) const;
  void backward(const TrainingArguments& arguments, Workspace& workspace, float* gradients) const;
  // With settings that keep no gradients: passes on each layer's after its backward. Nothing reads
  // the layer's parameters after that, so `take` may change them.
  void backward(const TrainingArguments& arguments, Workspace& workspace,
                const TakeGradients& take) const;
  // After backward: the gradient of the wanted array.
  const float* wanted_gradient(Workspace& workspace) const;
  const std::vector<Step>& steps() const { return chain_.steps(); }

 private:
  ChainArguments chain_arguments(const TrainingArguments& arguments, Workspace& workspace,
                                 const TrainingEvent& event) const;
  StepArrays arrays(const TrainingEvent& event, const ChainArguments& arguments) const;
  float* place(std::size_t arena_buffer, Workspace& workspace) const {
    return workspace.arena.data() + arena_buffers_[arena_buffer].offset;
  }
  // Calls run(event, chain arguments) for each backward, and computes values again before.
  template <class Run>
  void for_each_backward(const TrainingArguments& arguments, Workspace& workspace,
                         const Run& run) const;
  void run_backward(const TrainingEvent& event, const ChainArguments& arguments,
                    Workspace& workspace, float* gradients, int64_t first_parameter) const;

  int64_t batch_;
  int threads_;
  TrainingSettings settings_;
  Chain chain_;
  GradientFlow flow_;
  TrainingTimeline timeline_;
  std::vector<ArenaBuffer> arena_buffers_;
  int64_t arena_floats_;
};

}  // namespace cnnx::graph
