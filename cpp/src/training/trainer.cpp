// The train step: forward, loss, backward, update; and evaluation with the same loss.
#include "cnnx/trainer.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "cnnx/error.h"
#include "cnnx/runtime.h"
#include "cnnx/shape.h"
#include "data/image.h"
#include "graph/model_state.h"
#include "runtime/add_time.h"
#include "runtime/check_settings.h"
#include "training/batch_source.h"
#include "training/not_finite.h"
#include "training/trainer_state.h"

namespace cnnx {

using training::TrainerLock;
using training::TrainerState;

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
      schedule(options.schedule),
      gradients(model->graph.parameters().floats()) {
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
  const LossSum sum = compute_gradients(images, targets, rows, divisor);
  if (!std::isfinite(sum.sum)) {
    const char* value = std::isnan(sum.sum) ? "NaN" : "infinite";
    throw NotFiniteError(std::string(caller) + ": the loss is " + value + ", " +
                         undo_gradients(images, rows));
  }
  apply_gradients(factor);
  return sum;
}

LossSum TrainerState::compute_gradients(const float* images, const Targets& targets, int64_t rows,
                                        double divisor) {
  const int threads = get_num_threads();
  const auto plan = model->training_plan(rows, threads, recompute);
  const graph::WorkspaceLease workspace = model->lease(*plan);
  const runtime::AddTime whole(profiler ? &profiler->seconds : nullptr);
  follow_trainable();
  buffers_before.assign(model->buffers.data(),
                        model->buffers.data() + model->graph.buffers().floats());
  graph::StepTimes* const times = profiler ? profiler->times(*plan) : nullptr;
  const graph::TrainingArguments arguments{
      images, model->parameters.data(), model->buffers.data(), {seed, gradients_computed++}, times};
  const float* output = plan->forward(arguments, *workspace);
  LossSum sum;
  {
    const runtime::AddTime time(profiler ? &profiler->loss : nullptr);
    sum = loss.sum(output, targets, rows, divisor, threads, plan->grad_output(*workspace));
  }
  plan->backward(arguments, *workspace, gradients.data());
  if (model->buffers.size() > 0) model->parameters_changed();
  return sum;
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
    if (before[i] && !trained[i]) {
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
  const runtime::AddTime time(profiler ? &profiler->update : nullptr);
  if (profiler) ++profiler->steps;
  follow_trainable();
  const int threads = get_num_threads();
  const StepScales scales = {rate_factor, clipping.scale(gradients.data(), segments, threads)};
  optimizer.update({model->parameters.data(), gradients.data(), slot_pointers.data(), segments},
                   scales, threads);
  model->parameters_changed();
  last_learning_rate = optimizer.state().learning_rate * rate_factor;
  ++schedule_state.step;
  if (average) average->update(*model, optimizer.state().step, threads);
}

void TrainerState::release() {
  input = runtime::AlignedBuffer();
  loss.release();
  const std::unique_lock<graph::ModelMutex> lock(model->mutex);
  model->release();
}

}  // namespace training

namespace {

// The model with the averaged weights; before the first average, the trained model itself.
const graph::ModelState& averaged_state(const TrainerState& state, const char* function) {
  if (!state.average) {
    throw std::invalid_argument(
        std::string(function) +
        ": the trainer averages no weights, expected one made with averaging");
  }
  const bool begun = state.average->has_begun(state.optimizer.state().step);
  return begun ? *state.average->model() : *state.model;
}

// How predict and probabilities interpret the outputs of a model that is trained with this loss.
Probabilities probabilities_for(const Loss& loss, const graph::ModelState& model) {
  const Probabilities now = model.probabilities;
  switch (loss.kind) {
    case Loss::Kind::cross_entropy:
      return Probabilities::softmax;
    case Loss::Kind::binary_cross_entropy:
      return Probabilities::sigmoid;
    case Loss::Kind::mean_squared_error:
    case Loss::Kind::mean_absolute_error:
    case Loss::Kind::huber:
      break;
  }
  // A model with class names, or with a last layer of probabilities, remains a classifier.
  return model.classes.empty() && now != Probabilities::outputs ? Probabilities::none : now;
}

}  // namespace

Trainer::Trainer(Model& model, const OptimizerSettings& optimizer, const Loss& loss,
                 const TrainerOptions& options)
    : state_(std::make_shared<TrainerState>(model.state(), optimizer, loss, options)) {
  const std::unique_lock<graph::ModelMutex> lock(model.state_->mutex);
  model.state_->probabilities = probabilities_for(loss, *model.state_);
}

Trainer::Trainer(Trainer&&) noexcept = default;
Trainer& Trainer::operator=(Trainer&&) noexcept = default;
Trainer::~Trainer() = default;

const std::shared_ptr<TrainerState>& Trainer::state() const {
  if (!state_)
    throw std::invalid_argument("trainer: it was moved from, expected one that trains a model");
  return state_;
}

namespace {

void check_batch(const TrainerState& state, const ImageBatch& images, const Targets& targets) {
  data::check_images(images, "trainer");
  if (images.count == 0)
    throw std::invalid_argument("trainer: the batch is empty, expected at least one row");
  state.loss.check(targets, images.count);
}

}  // namespace

double Trainer::compute_gradients(const ImageBatch& images, const Targets& targets,
                                  double divisor) {
  TrainerState& s = *state();
  check_batch(s, images, targets);
  if (!(divisor >= 0) || std::isinf(divisor)) {
    throw std::invalid_argument("trainer: divisor is " + std::to_string(divisor) +
                                ", expected a number > 0");
  }
  const double rows = divisor > 0 ? divisor : s.loss.divisor(targets, images.count);
  const TrainerLock lock(s.mutex);
  const float* input = s.model->normalised(images, 0, images.count, s.input);
  const std::unique_lock<graph::ModelMutex> model_lock(s.model->mutex);
  return s.compute_gradients(input, targets, images.count, rows).sum / rows;
}

void Trainer::apply_gradients() {
  TrainerState& s = *state();
  const TrainerLock lock(s.mutex);
  const double factor = s.scheduled_factor();
  const std::unique_lock<graph::ModelMutex> model_lock(s.model->mutex);
  s.apply_gradients(factor);
}

double Trainer::step(const ImageBatch& images, const Targets& targets) {
  TrainerState& s = *state();
  check_batch(s, images, targets);
  const double divisor = s.loss.divisor(targets, images.count);
  const TrainerLock lock(s.mutex);
  const float* input = s.model->normalised(images, 0, images.count, s.input);
  return s.step(input, targets, images.count, divisor, "step").sum / divisor;
}

double Trainer::learning_rate() const {
  const TrainerLock lock(state()->mutex);
  return state()->optimizer.state().learning_rate;
}

void Trainer::set_learning_rate(double value) {
  if (!(value >= 0 && value <= FLT_MAX)) {
    throw std::invalid_argument("trainer: learning_rate is " + std::to_string(value) +
                                ", expected a finite number >= 0");
  }
  const TrainerLock lock(state()->mutex);
  training::OptimizerState changed = state()->optimizer.state();
  changed.learning_rate = value;
  state()->optimizer.set_state(changed);
}

double Trainer::last_learning_rate() const {
  const TrainerLock lock(state()->mutex);
  return state()->last_learning_rate;
}

void Trainer::reset_optimizer() {
  const TrainerLock lock(state()->mutex);
  training::OptimizerState initial;
  initial.learning_rate = state()->optimizer.state().learning_rate;
  state()->optimizer.set_state(initial);
  for (runtime::AlignedBuffer& slot : state()->slots) std::fill_n(slot.data(), slot.size(), 0.0f);
}

void Trainer::begin_schedule(int64_t epochs, int64_t steps_per_epoch) {
  if (epochs < 1 || steps_per_epoch < 1) {
    throw std::invalid_argument("begin_schedule: there are " + std::to_string(epochs) +
                                " epochs of " + std::to_string(steps_per_epoch) +
                                " steps, expected at least 1 each");
  }
  const TrainerLock lock(state()->mutex);
  state()->schedule_state = {};
  state()->schedule_state.epochs = epochs;
  state()->schedule_state.steps_per_epoch = steps_per_epoch;
}

void Trainer::extend_schedule(int64_t epochs) {
  if (epochs < 1) {
    throw std::invalid_argument("extend_schedule: epochs is " + std::to_string(epochs) +
                                ", expected at least 1");
  }
  const TrainerLock lock(state()->mutex);
  state()->schedule_state.epochs = epochs;
}

void Trainer::check_finite() const {
  const std::shared_lock<graph::ModelMutex> lock(state()->model->mutex);
  const std::string name = training::first_not_finite(*state()->model);
  if (name.empty()) return;
  throw NotFiniteError("fit: " + name +
                       " holds NaN or an infinite number, expected finite weights: try a smaller "
                       "learning rate");
}

void Trainer::observe(double measure) {
  const TrainerLock lock(state()->mutex);
  cnnx::observe(state()->schedule, measure, state()->schedule_state);
}

Model Trainer::averaged_model() const {
  const TrainerLock trainer_lock(state()->mutex);
  auto copy = averaged_state(*state(), "averaged_model").clone();
  copy->probabilities = state()->model->probabilities.load();
  const std::shared_lock<graph::ModelMutex> lock(state()->model->mutex);
  const auto& nodes = state()->model->graph.nodes();
  for (std::size_t id = 0; id < nodes.size(); ++id)
    copy->graph.set_trainable(static_cast<int>(id), nodes[id].layer.trainable);
  return Model(std::move(copy));
}

void Trainer::start_profile() {
  const TrainerLock lock(state()->mutex);
  state()->profiler = std::make_unique<training::Profiler>();
}

Profile Trainer::profile() const {
  const TrainerLock lock(state()->mutex);
  return state()->profiler ? state()->profiler->profile(state()->model->graph) : Profile{};
}

float* Trainer::gradients() { return state()->gradients.data(); }
int64_t Trainer::gradient_count() const { return state()->gradients.size(); }

void Trainer::release() {
  const TrainerLock lock(state()->mutex);
  state()->release();
}

Metrics Trainer::evaluate(const ImageBatch& images, const Targets& targets,
                          const std::vector<int64_t>& rows, bool averaged) const {
  const training::BatchSource source(*state(), images, targets, rows, "evaluate");
  const TrainerLock trainer_lock(state()->mutex);
  const graph::ModelState& model =
      averaged ? averaged_state(*state(), "evaluate") : *state()->model;
  const int threads = get_num_threads();
  const int64_t piece = model.piece();
  training::LossSum total;
  training::Batch batch;
  const std::shared_lock<graph::ModelMutex> lock(model.mutex);
  for (int64_t first = 0; first < source.count(); first += piece) {
    const int64_t count = std::min(piece, source.count() - first);
    source.gather(first, count, threads, batch);
    const auto plan = model.inference_plan(count, threads);
    const graph::WorkspaceLease workspace = model.lease(*plan);
    const float* output = plan->forward(batch.input, model.parameters.data(), model.buffers.data(),
                                        model.packed(*plan), *workspace);
    total += state()->loss.sum(output, batch.targets, count, 1.0, threads, nullptr);
  }
  return state()->loss.metrics(total);
}

}  // namespace cnnx
