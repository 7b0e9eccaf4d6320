// What a trainer owns: the model it shares, its gradients and its optimizer's slots.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cnnx/trainer.h"
#include "graph/model_state.h"
#include "runtime/memory.h"
#include "training/gradient_clipping.h"
#include "training/loss.h"
#include "training/optimizer.h"
#include "training/parameter_segments.h"
#include "training/profiler.h"
#include "training/weight_average.h"

namespace cnnx::training {

struct TrainerState {
  TrainerState(std::shared_ptr<graph::ModelState> model, const OptimizerSettings& optimizer,
               const Loss& loss, const TrainerOptions& options);

  // `input` is normalised; overwrites gradients.
  LossSum compute_gradients(const float* input, const Targets& targets, int64_t rows,
                            double divisor);
  void apply_gradients();
  // After compute_gradients of a loss that is not finite: the model becomes what it was before.
  // Returns why, and what was expected, as the end of a sentence.
  std::string undo_gradients(const float* images, int64_t rows);
  // Notices layers that have become trainable, or are no longer: then their gradients are zeros,
  // lest those of an earlier step train them when they are again.
  void follow_trainable();
  // Of the next step; throws std::invalid_argument before begin_schedule.
  double scheduled_factor() const;

  std::shared_ptr<graph::ModelState> model;
  LossFunction loss;
  Optimizer optimizer;
  uint64_t seed;
  uint64_t gradients_computed = 0;  // numbers a train step's random draws
  std::vector<ParameterRule> rules;
  std::vector<bool> trained;  // of each array of parameters, when `segments` were made
  std::vector<ParameterSegment> segments;
  GradientClipping clipping;
  std::optional<WeightAverage> average;
  Schedule schedule;
  ScheduleState schedule_state;
  double last_learning_rate = 0;
  runtime::AlignedBuffer gradients;
  std::vector<runtime::AlignedBuffer> slots;
  std::vector<float*> slot_pointers;   // into slots, as the optimizer takes them
  runtime::AlignedBuffer input;        // a step's images, normalised
  std::vector<float> buffers_before;   // the model's, before the last forward
  std::unique_ptr<Profiler> profiler;  // while a profile is wanted
};

}  // namespace cnnx::training
