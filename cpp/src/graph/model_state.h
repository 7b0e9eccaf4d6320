// The state of a model, shared by its handle and its trainer: graph, parameters, plans,
// preprocessing and classes.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cnnx/model.h"
#include "graph/graph.h"
#include "graph/inference_plan.h"
#include "graph/model_mutex.h"
#include "graph/plan_cache.h"
#include "graph/training_plan.h"
#include "runtime/fork.h"
#include "runtime/memory.h"

namespace cnnx::graph {

class ModelState {
 public:
  // Draws no weights: all parameters are zero, and buffers have their initial values.
  ModelState(Graph graph, std::vector<std::string> classes, Preprocessing preprocessing);

  // The `given` parameters stay zero. Throws std::invalid_argument for a name that is none.
  void draw_parameters(uint64_t seed, const std::vector<std::string>& given = {});
  std::shared_ptr<ModelState> clone() const;
  // The same; the caller holds `mutex`, at least shared.
  std::shared_ptr<ModelState> copy() const;
  // A copy for images of another height and width. Throws std::invalid_argument, naming a layer
  // that does not allow it.
  std::shared_ptr<ModelState> resized(int64_t height, int64_t width) const;

  // The plan for this many images, made on first use; the last few are cached. The caller holds
  // `mutex`, at least shared, for this and for the workspace of an execution.
  std::shared_ptr<const InferencePlan> inference_plan(int64_t batch, int threads) const {
    return inference_plans_.get(graph, batch, threads);
  }
  std::shared_ptr<const TrainingPlan> training_plan(int64_t batch, int threads,
                                                    const TrainingSettings& settings) const {
    return training_plans_.get(graph, batch, threads, settings);
  }
  // Floats of the model's arrays.
  int64_t own_floats() const { return parameters.size() + buffers.size(); }
  // Floats of the memory that a prediction for so many images needs: the model's arrays, packed
  // weights, a workspace and normalised images. The caller holds `mutex`, at least shared.
  int64_t inference_floats(int64_t images, int threads) const;
  WorkspaceLease lease(const InferencePlan& plan) const { return plan.lease(inference_memory_); }
  WorkspaceLease lease(const TrainingPlan& plan) const { return plan.lease(training_memory_); }

  // The packed weights of inference plans, packed again after parameters_changed. The caller holds
  // `mutex`, at least shared, as long as it uses them.
  const float* packed(const InferencePlan& plan) const;
  // The caller holds `mutex` exclusively.
  void parameters_changed() { current_packed_ = nullptr; }
  // Frees plans, workspaces and packed weights, which the next execution makes again. The caller
  // holds `mutex` exclusively.
  void release();

  // The number of images that run at once: a large batch runs in parts, so that its activations
  // stay small. An image's bits do not depend on it.
  int64_t piece() const;
  // The same for so many threads: the same number of images for each. Threads that run their own
  // images need memory for one or a few images each, and only few activations grow with the part.
  int64_t piece(int threads) const;
  int64_t piece_with_all_outputs() const;

  // The first images of a batch as normalised floats, or the caller's own array if no conversion is
  // needed.
  const float* normalised(const ImageBatch& images, int64_t first, int64_t count,
                          runtime::AlignedBuffer& storage) const;

  // The caller holds `mutex`, at least shared.
  std::vector<Layer> layers() const;

  // The caller holds `mutex` exclusively. Throws std::invalid_argument for bfloat16 if a layer is
  // quantized.
  void set_compute_dtype(ComputeDtype dtype);

  // Throws std::invalid_argument for heads that the output does not have.
  void set_heads(std::vector<Head> heads);

  // The caller holds `mutex` exclusively. Throws std::invalid_argument for an unknown name.
  void set_trainable(const std::string& layer, bool trainable);

  Graph graph;                          // only the two setters change it
  const std::vector<InputInfo> inputs;  // empty for one input
  std::vector<std::string> classes;
  Preprocessing preprocessing;
  std::vector<Head> heads;  // under the lock; empty for one output
  // Set by a trainer's constructor, perhaps while another thread predicts.
  std::atomic<Probabilities> probabilities = Probabilities::softmax;
  bool uses_temperature() const {
    const Probabilities now = probabilities;
    return now == Probabilities::softmax || now == Probabilities::sigmoid;
  }

  // Inference holds the lock shared; a train step or an assignment holds it exclusively.
  mutable ModelMutex mutex;
  runtime::AlignedBuffer parameters;
  mutable runtime::AlignedBuffer buffers;       // inference does not write to them
  float temperature = 1;                        // read and written under the lock
  std::map<std::string, std::string> metadata;  // the user's own, under the lock too

 private:
  // A copy with this graph, whose arrays have the shapes of this model's. The caller holds `mutex`,
  // at least shared.
  std::shared_ptr<ModelState> copy_with(Graph other) const;
  // The heads with their shapes in this graph.
  std::vector<Head> heads_in(const Graph& other) const;

  mutable PlanCache<InferencePlan> inference_plans_;
  mutable PlanCache<TrainingPlan> training_plans_;
  // A train step needs much more memory than a prediction, so each has its own.
  mutable WorkspacePool inference_memory_, training_memory_;
  mutable runtime::ForkSafeCache<runtime::AlignedBuffer> packed_;
  mutable std::atomic<const float*> current_packed_ = nullptr;  // null after the weights changed
  mutable std::atomic<int64_t> whole_batch_floats_ = 0;         // 0 before the first use
};

}  // namespace cnnx::graph
