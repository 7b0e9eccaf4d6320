// The train step: forward, loss, backward, update.
#include "training/trainer_state.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "cnnx/error.h"
#include "cnnx/runtime.h"
#include "cnnx/shape.h"
#include "graph/model_state.h"
#include "runtime/add_time.h"
#include "runtime/check_settings.h"
#include "training/not_finite.h"

namespace cnnx {
namespace training {
namespace {

// Whether the layer of each parameter array is trained, which may change between steps.
std::vector<bool> trained_arrays(const graph::Graph& graph) {
  std::vector<bool> trained(graph.parameters().infos().size());
  for (const graph::Node& node : graph.nodes()) {
    for (std::size_t i = 0; i < node.parameters.count; ++i)
      trained[node.parameters.first + i] = node.layer.trainable;
  }
  return trained;
}

std::vector<bool> trained_arrays(const graph::ModelState& model) {
  const std::shared_lock<graph::ModelMutex> lock(model.mutex);
  return trained_arrays(model.graph);
}

}  // namespace

TrainerState::TrainerState(std::shared_ptr<graph::ModelState> trained_model,
                           const OptimizerSettings& settings, const Loss& how,
                           const TrainerOptions& options)
    : model(std::move(trained_model)),
      loss(how, model->graph.output_shape()),
      optimizer(settings, model->graph.parameters().infos()),
      seed(options.seed),
      recompute(options.recompute),
      rules(options.rules),
      trained(trained_arrays(*model)),
      segments(parameter_segments(model->graph.parameters().infos(), trained, rules)),
      clipping(options.clip_norm),
      schedule(options.schedule) {
  if (model->graph.parameters().floats() == 0) {
    throw std::invalid_argument("trainer: the model has no parameters to train");
  }
  runtime::check_settings("trainer: ", options);
  check_schedule(schedule);
  const std::string& last = model->graph.nodes().back().layer.kind;
  if (loss.takes_logits() && (last == "softmax" || last == "sigmoid")) {
    throw std::invalid_argument(
        "trainer: the model ends in " + last + ", but " + loss.name() +
        " takes raw outputs and applies it itself: leave the last layer out");
  }
  for (int i = 0; i < optimizer.slot_count(); ++i) {
    slots.emplace_back(model->graph.parameters().floats());
    slot_pointers.push_back(slots.back().data());
  }
  if (options.averaging) average.emplace(*options.averaging, *model);
}

LossSum TrainerState::step(const float* images, const Targets& targets, int64_t rows,
                           double divisor, const char* caller) {
  const double factor = scheduled_factor();  // refuses before any change
  const std::unique_lock<graph::ModelMutex> lock(model->mutex);
  const LossSum sum = compute_and_apply(images, targets, rows, divisor, factor);
  if (!std::isfinite(sum.sum)) {
    const char* value = std::isnan(sum.sum) ? "NaN" : "infinite";
    throw NotFiniteError(std::string(caller) + ": the loss is " + value + ", " +
                         undo_gradients(images, rows));
  }
  return sum;
}

bool TrainerState::updates_in_backward() const {
  // A smaller block of gradients saves little memory.
  constexpr int64_t kLeastFloats = 4000000;
  return model->graph.parameters().floats() >= kLeastFloats && gradients.size() == 0 &&
         optimizer.is_elementwise() && !clipping.is_enabled();
}

LossSum TrainerState::compute_and_apply(const float* images, const Targets& targets, int64_t rows,
                                        double divisor, double rate_factor) {
  if (updates_in_backward()) {
    const StepScales scales = {rate_factor, 1.0};
    const LossSum sum = run(images, targets, rows, divisor, &scales);
    const runtime::AddTime whole(profiler ? &profiler->seconds : nullptr);
    if (std::isfinite(sum.sum)) finish_update(rate_factor);
    return sum;
  }
  const LossSum sum = compute_gradients(images, targets, rows, divisor);
  if (std::isfinite(sum.sum)) apply_gradients(rate_factor);
  return sum;
}

LossSum TrainerState::compute_gradients(const float* images, const Targets& targets, int64_t rows,
                                        double divisor) {
  keep_gradients();
  return run(images, targets, rows, divisor, nullptr);
}

LossSum TrainerState::run(const float* images, const Targets& targets, int64_t rows, double divisor,
                          const StepScales* scales) {
  const int threads = get_num_threads();
  const auto plan = model->training_plan(rows, threads, {recompute, scales == nullptr});
  const graph::WorkspaceLease workspace = model->lease(*plan);
  const runtime::AddTime whole(profiler ? &profiler->seconds : nullptr);
  follow_trainable();
  buffers_before.assign(model->buffers.data(),
                        model->buffers.data() + model->graph.buffers().floats());
  graph::StepTimes* const times = profiler ? profiler->times(*plan) : nullptr;
  const graph::TrainingArguments arguments{images, model->parameters.data(), model->buffers.data(),
                                           ops::TrainingStep{seed, gradients_computed++}, times};
  const float* output = plan->forward(arguments, *workspace);
  LossSum sum;
  {
    const runtime::AddTime time(profiler ? &profiler->loss : nullptr);
    sum = loss.sum(output, targets, rows, divisor, threads, plan->grad_output(*workspace));
  }
  if (!scales) {
    plan->backward(arguments, *workspace, gradients.data());
    gradients_are_kept = true;
  } else if (std::isfinite(sum.sum)) {
    optimizer.begin_step();
    plan->backward(arguments, *workspace,
                   [this, scales](int64_t first, int64_t count, const float* values) {
                     update({first, count}, values, *scales);
                   });
    gradients_are_kept = false;
  }
  if (model->buffers.size() > 0) model->parameters_changed();
  return sum;
}

void TrainerState::keep_gradients() {
  if (gradients.size() == 0) gradients = runtime::AlignedBuffer(model->graph.parameters().floats());
}

float* TrainerState::kept_gradients(const char* function) {
  keep_gradients();
  if (gradients_are_kept) return gradients.data();
  throw std::invalid_argument(
      std::string(function) +
      ": the last step of this large model kept no gradients, expected a compute_gradients after "
      "it, or a step after this call");
}

void TrainerState::update(const ParameterRange& range, const float* values,
                          const StepScales& scales) {
  const runtime::AddTime time(profiler ? &profiler->update : nullptr);
  optimizer.update({model->parameters.data(), values, slot_pointers.data(), segments, range},
                   scales, get_num_threads());
}

std::string TrainerState::undo_gradients(const float* images, int64_t rows) {
  std::copy(buffers_before.begin(), buffers_before.end(), model->buffers.data());
  model->parameters_changed();
  const std::string first = first_not_finite(*model, images, rows, {seed, --gradients_computed});
  const std::string undone = "; the model is as it was before this step, expected ";
  if (first == "the images")
    return "because " + first + " are not finite" + undone + "finite images";
  const std::string why = first.empty() ? "though every layer's output is finite"
                                        : "because " + first + " is not finite";
  return why + undone + "a finite loss: try a smaller learning rate";
}

void TrainerState::follow_trainable() {
  const std::vector<bool> before = std::exchange(trained, trained_arrays(model->graph));
  if (trained == before) return;
  const std::vector<ParameterInfo>& parameters = model->graph.parameters().infos();
  segments = parameter_segments(parameters, trained, rules);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (before[i] && !trained[i] && gradients.size() > 0) {
      std::fill_n(gradients.data() + parameters[i].offset, element_count(parameters[i].shape),
                  0.0f);
    }
  }
}

double TrainerState::scheduled_factor() const {
  const bool constant =
      std::holds_alternative<ConstantRate>(schedule.shape) && schedule.warmup_epochs == 0;
  if (!constant && schedule_state.steps_per_epoch == 0) {
    throw std::invalid_argument(
        "trainer: the schedule does not know how long training is, expected fit, or begin_schedule "
        "before the first step");
  }
  return schedule_factor(schedule, schedule_state);
}

void TrainerState::apply_gradients(double rate_factor) {
  const runtime::AddTime whole(profiler ? &profiler->seconds : nullptr);
  follow_trainable();
  StepScales scales = {rate_factor, 1.0};
  {
    const runtime::AddTime time(profiler ? &profiler->update : nullptr);
    scales.gradients = clipping.scale(gradients.data(), segments, get_num_threads());
  }
  optimizer.begin_step();
  update({0, model->graph.parameters().floats()}, gradients.data(), scales);
  finish_update(rate_factor);
}

void TrainerState::finish_update(double rate_factor) {
  const runtime::AddTime time(profiler ? &profiler->update : nullptr);
  if (profiler) ++profiler->steps;
  model->parameters_changed();
  model->temperature = 1;  // another one was fitted to other weights
  last_learning_rate = optimizer.state().learning_rate * rate_factor;
  ++schedule_state.step;
  if (average) average->update(*model, optimizer.state().step, get_num_threads());
}

void TrainerState::release() {
  input = runtime::AlignedBuffer();
  loss.release();
  const std::unique_lock<graph::ModelMutex> lock(model->mutex);
  model->release();
}

}  // namespace training
}  // namespace cnnx
