// The state of a trainer: the shared model, the gradients and the optimizer's slots.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cnnx/trainer.h"
#include "graph/model_state.h"
#include "graph/training_plan.h"
#include "runtime/fork.h"
#include "runtime/memory.h"
#include "training/distribution.h"
#include "training/gradient_clipping.h"
#include "training/loss.h"
#include "training/optimizer.h"
#include "training/parameter_segments.h"
#include "training/profiler.h"
#include "training/setting_texts.h"
#include "training/shards.h"
#include "training/weight_average.h"

namespace cnnx::training {

// One call at a time uses it: every function of Trainer and Epoch that reads or writes more than
// constants holds `mutex`, and takes the model's lock after it.
struct TrainerState {
  // The caller holds the model's lock.
  TrainerState(std::shared_ptr<graph::ModelState> model, const OptimizerSettings& optimizer,
               const Loss& loss, const TrainerOptions& options);

  // A whole step under one lock of the model, so that other threads see the model between steps
  // only. Throws NotFiniteError, whose sentence begins with `caller`, for a loss that is not
  // finite. Whatever it throws, model and trainer are as they were.
  LossSum step(const ShardedBatch& batch, const char* caller);

  // The two halves of a step; the caller holds the model's lock exclusively. The first overwrites
  // gradients.
  LossSum compute_gradients(const ShardedBatch& batch);
  void apply_gradients(double rate_factor);
  // Both halves, without an update for a loss that is not finite.
  LossSum compute_and_apply(const ShardedBatch& batch, double rate_factor);
  // Whether the block of gradients is a large part of a step's memory.
  bool is_large() const;
  // Whether each layer's update may follow its backward, so that no gradients are kept: of a large
  // model, unless clipping, the optimizer or shards need all gradients at once, the caller reads
  // them, or a backward may throw, which must leave the model as it was.
  bool updates_in_backward() const;
  // For the caller, from now on also those of a step. Throws std::invalid_argument, naming the
  // function, if the last step kept none.
  float* kept_gradients(const char* function);
  // After compute_gradients: restores the buffers and the number of computed gradients.
  void undo_gradients();
  // The running statistics from before the last forward.
  void restore_buffers();
  // After undo_gradients of a loss that is not finite: the reason and the expectation, as the end
  // of a sentence. All processes have that of the one with the first such shard.
  std::string why_not_finite(const ShardedBatch& batch);
  std::string why_shard_failed(const ShardedBatch& batch);
  // The shards that this process computes.
  ShardSpan own_shards() const { return distribution ? distribution->own() : ShardSpan{0, shards}; }
  // Updates the segments after layers have become trainable or frozen. Sets their gradients to
  // zero, so that gradients of earlier steps are not used when the layers are trained again.
  void follow_trainable();
  // Of the next step; throws std::invalid_argument before begin_schedule.
  double scheduled_factor() const;

  // Floats of the memory that a step of so many rows needs, and the plan of its largest shard.
  int64_t step_floats(int64_t rows) const;
  std::shared_ptr<const graph::TrainingPlan> plan_for(int64_t rows, bool keeps_gradients) const;

  // The memory that the next step allocates again.
  void release();

  // Makes the array of gradients, or of their sums over shards and of those of buffers' changes.
  void keep_gradients();
  int64_t kept_floats() const;
  // Forward, loss and backward. Null scales keep the gradients; otherwise updates follow each
  // layer's backward, unless the loss is not finite.
  LossSum run(const ShardedBatch& batch, const StepScales* scales);
  LossSum forward_and_backward(const ShardedBatch& batch, const StepScales* scales);
  LossSum run_shards(const ShardedBatch& batch);
  // Those of this process; then the sums of all processes.
  LossSum run_own_shards(const ShardedBatch& batch);
  // Forward and loss of one shard, ready for its backward.
  struct ShardPass {
    std::shared_ptr<const graph::TrainingPlan> plan;
    graph::WorkspaceLease workspace;
    graph::TrainingArguments arguments;
    LossSum sum;
  };
  ShardPass forward(const ShardedBatch& batch, int64_t shard, bool keeps_gradients);
  // Takes a range of a shard's gradients, or of its changes of the buffers, which follow them in
  // the block of sums.
  using TakeShard = std::function<void(const ParameterRange& range, const float* values)>;
  // Forward, loss and backward of one shard. The buffers are then as before the step.
  LossSum run_shard(const ShardedBatch& batch, int64_t shard, const TakeShard& take);
  // A shard's changes of the buffers, times its share of the rows; undoes them.
  const std::vector<float>& take_buffer_changes(double share);
  // Makes the changes of all shards.
  void add_buffer_changes();
  // Updates a range by its gradients. And what follows all updates of a step.
  void update(const ParameterRange& range, const float* values, const StepScales& scales);
  void finish_update(double rate_factor);

  mutable runtime::ForkSafeMutex mutex{"trainer"};
  std::shared_ptr<graph::ModelState> model;
  LossFunction loss;
  Optimizer optimizer;
  uint64_t seed;
  bool recompute;
  int64_t shards;
  uint64_t gradients_computed = 0;  // of shards; numbers the random numbers of a train step
  const bool may_throw;             // forward and backward of a layer
  std::vector<ParameterRule> rules;
  std::vector<bool> trained;  // of each parameter array, when `segments` were made
  std::vector<ParameterSegment> segments;
  GradientClipping clipping;
  const std::vector<SettingText> setting_texts;  // for checkpoints
  std::optional<WeightAverage> average;
  Schedule schedule;
  ScheduleState schedule_state;
  double last_learning_rate = 0;
  runtime::AlignedBuffer gradients;  // empty until a step or a caller needs them
  bool gradients_are_kept = true;    // by the last step
  std::vector<runtime::AlignedBuffer> slots;
  std::vector<float*> slot_pointers;  // into slots, as the optimizer takes them
  runtime::AlignedBuffer input;       // a step's images, normalised
  std::vector<float> buffers_before;  // the model's buffers before the last step
  // Of the last step, the first with a loss that is not finite.
  std::optional<int64_t> failed_shard;
  // With shards: `gradients` is the block of their sums, which the changes of the buffers end.
  ShardSums shard_sums;
  std::vector<float> shard_changes;
  // Of several processes: they exchange the block.
  std::unique_ptr<Distribution> distribution;
  std::unique_ptr<Profiler> profiler;  // while profiling
};

using TrainerLock = std::unique_lock<runtime::ForkSafeMutex>;

}  // namespace cnnx::training
