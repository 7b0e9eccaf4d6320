// The train step: forward, loss, backward, update.
#include "training/trainer_state.h"

#include <algorithm>
#include <cmath>
#include <mutex>
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
#include "training/raw_outputs.h"

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

bool any_may_throw(const graph::Graph& graph) {
  return std::any_of(graph.nodes().begin(), graph.nodes().end(),
                     [](const graph::Node& node) { return node.op->may_throw(); });
}

}  // namespace

TrainerState::TrainerState(std::shared_ptr<graph::ModelState> trained_model,
                           const OptimizerSettings& settings, const Loss& how,
                           const TrainerOptions& options)
    : model(std::move(trained_model)),
      loss(how, model->graph.output_shape(), model->heads),
      optimizer(settings, model->graph.parameters().infos()),
      seed(options.seed),
      recompute(options.recompute),
      shards(options.shards),
      may_throw(any_may_throw(model->graph)),
      rules(options.rules),
      trained(trained_arrays(model->graph)),
      segments(parameter_segments(model->graph.parameters().infos(), trained, rules)),
      clipping(options.clip_norm),
      setting_texts(training::setting_texts(settings, how, options)),
      schedule(options.schedule) {
  if (model->graph.parameters().floats() == 0) {
    throw std::invalid_argument("trainer: the model has no parameters to train");
  }
  runtime::check_settings("trainer: ", options);
  check_schedule(schedule);
  check_outputs_are_raw(*model, loss);
  for (int i = 0; i < optimizer.slot_count(); ++i) {
    slots.emplace_back(model->graph.parameters().floats());
    slot_pointers.push_back(slots.back().data());
  }
  if (options.averaging) average.emplace(*options.averaging, *model);
}

LossSum TrainerState::step(const ShardedBatch& batch, const char* caller) {
  const double factor = scheduled_factor();  // refuses before any change
  const std::unique_lock<graph::ModelMutex> lock(model->mutex);
  const LossSum sum = compute_and_apply(batch, factor);
  if (!std::isfinite(sum.sum)) {
    undo_gradients();
    const char* value = std::isnan(sum.sum) ? "NaN" : "infinite";
    throw NotFiniteError(std::string(caller) + ": the loss is " + value + ", " +
                         why_not_finite(batch));
  }
  return sum;
}

bool TrainerState::is_large() const {
  constexpr int64_t kLeastFloats = 4000000;
  return model->graph.parameters().floats() >= kLeastFloats;
}

bool TrainerState::updates_in_backward() const {
  return is_large() && gradients.size() == 0 && optimizer.is_elementwise() &&
         !clipping.is_enabled() && shards == 1 && !distribution && !may_throw;
}

LossSum TrainerState::compute_and_apply(const ShardedBatch& batch, double rate_factor) {
  if (updates_in_backward()) {
    const StepScales scales = {rate_factor, 1.0};
    const LossSum sum = run(batch, &scales);
    const runtime::AddTime whole(profiler ? &profiler->seconds : nullptr);
    if (std::isfinite(sum.sum)) finish_update(rate_factor);
    return sum;
  }
  const LossSum sum = compute_gradients(batch);
  if (!std::isfinite(sum.sum)) return sum;
  try {
    apply_gradients(rate_factor);
  } catch (...) {  // of no memory
    undo_gradients();
    gradients_are_kept = false;
    throw;
  }
  return sum;
}

LossSum TrainerState::compute_gradients(const ShardedBatch& batch) {
  keep_gradients();
  return run(batch, nullptr);
}

LossSum TrainerState::run(const ShardedBatch& batch, const StepScales* scales) {
  const runtime::AddTime whole(profiler ? &profiler->seconds : nullptr);
  follow_trainable();
  buffers_before.assign(model->buffers.data(),
                        model->buffers.data() + model->graph.buffers().floats());
  failed_shard.reset();
  LossSum sum;
  try {
    sum = forward_and_backward(batch, scales);
  } catch (...) {  // of a custom loss or layer
    restore_buffers();
    gradients_are_kept = false;
    throw;
  }
  if (!scales || std::isfinite(sum.sum)) gradients_are_kept = !scales;
  gradients_computed += static_cast<uint64_t>(shards);
  if (model->buffers.size() > 0) model->parameters_changed();
  return sum;
}

LossSum TrainerState::forward_and_backward(const ShardedBatch& batch, const StepScales* scales) {
  if (distribution) return run_own_shards(batch);
  if (shards > 1) return run_shards(batch);
  const ShardPass pass = forward(batch, 0, scales == nullptr);
  if (!scales) {
    pass.plan->backward(pass.arguments, *pass.workspace, gradients.data());
  } else if (std::isfinite(pass.sum.sum)) {
    optimizer.begin_step();
    pass.plan->backward(pass.arguments, *pass.workspace,
                        [this, scales](int64_t first, int64_t count, const float* values) {
                          update({first, count}, values, *scales);
                        });
  }
  return pass.sum;
}

LossSum TrainerState::run_shards(const ShardedBatch& batch) {
  std::vector<ShardSpan> spans;
  for (int64_t shard = 0; shard < shards; ++shard)
    if (rows_of_shard(batch.rows, shards, shard).count > 0) spans.push_back({shard, shard + 1});
  const std::vector<ShardPlace> places = places_of(spans);
  shard_sums.begin(places, gradients.size());
  LossSum sum;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    sum += run_shard(batch, spans[i].first, [&](const ParameterRange& range, const float* values) {
      shard_sums.add(places[i], range, values, get_num_threads(), gradients.data());
    });
  }
  add_buffer_changes();
  return sum;
}

LossSum TrainerState::run_own_shards(const ShardedBatch& batch) {
  Distribution& shared = *distribution;
  shared.begin(batch.rows, trained);
  std::vector<LossSum> losses(static_cast<std::size_t>(shards));
  for (int64_t shard = shared.own().first; shard < shared.own().end; ++shard) {
    shared.begin_shard(shard);
    if (rows_of_shard(batch.rows, shards, shard).count > 0) {
      losses[static_cast<std::size_t>(shard)] =
          run_shard(batch, shard, [&](const ParameterRange& range, const float* values) {
            shared.add(shard, range, values);
          });
    }
    shared.end_shard(shard);
  }
  shared.exchange().finish();
  add_buffer_changes();
  shared.share(losses);
  LossSum sum;
  for (std::size_t shard = 0; shard < losses.size(); ++shard) {
    sum += losses[shard];
    if (!std::isfinite(losses[shard].sum) && !failed_shard)
      failed_shard = static_cast<int64_t>(shard);
  }
  return sum;
}

LossSum TrainerState::run_shard(const ShardedBatch& batch, int64_t shard, const TakeShard& take) {
  const ShardPass pass = forward(batch, shard, /*keeps_gradients=*/false);
  pass.plan->backward(
      pass.arguments, *pass.workspace,
      [&](int64_t first, int64_t count, const float* values) { take({first, count}, values); });
  const int64_t rows = rows_of_shard(batch.rows, shards, shard).count;
  const std::vector<float>& changes =
      take_buffer_changes(static_cast<double>(rows) / static_cast<double>(batch.rows));
  take({model->graph.parameters().floats(), static_cast<int64_t>(changes.size())}, changes.data());
  return pass.sum;
}

std::shared_ptr<const graph::TrainingPlan> TrainerState::plan_for(int64_t rows,
                                                                  bool keeps_gradients) const {
  // The sums of shards take the memory that the cheap arrays leave.
  const bool adds_up = own_shards().end - own_shards().first > 1;
  const auto plain = adds_up && is_large() ? graph::Recompute::cheap : graph::Recompute::quick;
  return model->training_plan(rows, get_num_threads(),
                              {recompute ? graph::Recompute::most : plain, keeps_gradients});
}

int64_t TrainerState::step_floats(int64_t rows) const {
  const int64_t parameters = model->graph.parameters().floats();
  const int64_t buffers = model->graph.buffers().floats();
  const bool keeps = !updates_in_backward();
  const int64_t shard_rows = rows_of_shard(rows, shards, 0).count;
  const auto plan = plan_for(shard_rows, keeps && shards == 1 && !distribution);
  int64_t floats = model->own_floats() + optimizer.slot_count() * parameters + buffers;
  if (average) floats += model->own_floats();
  if (keeps) floats += kept_floats();
  if (shards > 1) floats += buffers;
  // A second group of several shards has a sum of its own.
  if (std::min(shards, rows) > kShardsOfGroup + 1) floats += kept_floats();
  return floats + plan->arena_floats() + plan->scratch_floats() +
         shard_rows * element_count(model->graph.input_shape());
}

TrainerState::ShardPass TrainerState::forward(const ShardedBatch& batch, int64_t shard,
                                              bool keeps_gradients) {
  const int threads = get_num_threads();
  const int64_t rows = rows_of_shard(batch.rows, shards, shard).count;
  const ShardInput made = batch.input(shard);
  const auto plan = plan_for(rows, keeps_gradients);
  graph::StepTimes* const times = profiler ? profiler->times(*plan) : nullptr;
  ShardPass pass{
      plan,
      model->lease(*plan),
      {made.images, model->parameters.data(), model->buffers.data(),
       ops::TrainingStep{seed, gradients_computed + static_cast<uint64_t>(shard)}, times},
      {}};
  const float* output = plan->forward(pass.arguments, *pass.workspace);
  const runtime::AddTime time(profiler ? &profiler->loss : nullptr);
  pass.sum = loss.sum(output, made.targets, rows, batch.divisor, threads,
                      plan->grad_output(*pass.workspace));
  if (!std::isfinite(pass.sum.sum) && !failed_shard) failed_shard = shard;
  return pass;
}

const std::vector<float>& TrainerState::take_buffer_changes(double share) {
  shard_changes.resize(buffers_before.size());
  for (std::size_t k = 0; k < shard_changes.size(); ++k) {
    float& now = model->buffers.data()[k];
    const double change = static_cast<double>(now) - static_cast<double>(buffers_before[k]);
    shard_changes[k] = static_cast<float>(share * change);
    now = buffers_before[k];
  }
  return shard_changes;
}

void TrainerState::add_buffer_changes() {
  const float* const changes = gradients.data() + model->graph.parameters().floats();
  for (std::size_t k = 0; k < buffers_before.size(); ++k)
    model->buffers.data()[k] = buffers_before[k] + changes[k];
}

int64_t TrainerState::kept_floats() const {
  const int64_t changes = shards > 1 ? model->graph.buffers().floats() : 0;
  return model->graph.parameters().floats() + changes;
}

void TrainerState::keep_gradients() {
  if (gradients.size() == 0) gradients = runtime::AlignedBuffer(kept_floats());
}

float* TrainerState::kept_gradients(const char* function) {
  keep_gradients();
  if (gradients_are_kept) return gradients.data();
  throw std::invalid_argument(
      std::string(function) +
      ": the last step, of a large model or one that failed, kept no gradients, expected a "
      "compute_gradients after it, or a step after this call");
}

void TrainerState::update(const ParameterRange& range, const float* values,
                          const StepScales& scales) {
  const runtime::AddTime time(profiler ? &profiler->update : nullptr);
  optimizer.update({model->parameters.data(), values, slot_pointers.data(), segments, range},
                   scales, get_num_threads());
}

void TrainerState::restore_buffers() {
  std::copy(buffers_before.begin(), buffers_before.end(), model->buffers.data());
  model->parameters_changed();
}

void TrainerState::undo_gradients() {
  restore_buffers();
  gradients_computed -= static_cast<uint64_t>(shards);
}

std::string TrainerState::why_not_finite(const ShardedBatch& batch) {
  if (!distribution) return why_shard_failed(batch);
  const int64_t process = distribution->process_of(failed_shard.value_or(0));
  const bool is_own = process == distribution->process();
  return distribution->exchange().share(is_own ? why_shard_failed(batch) : "", process);
}

std::string TrainerState::why_shard_failed(const ShardedBatch& batch) {
  const int64_t shard = failed_shard.value_or(0);
  const std::string first = first_not_finite(
      *model, batch.input(shard).images, rows_of_shard(batch.rows, shards, shard).count,
      {seed, gradients_computed + static_cast<uint64_t>(shard)});
  const std::string undone = "; the model is as it was before this step, expected ";
  if (first == "the images")
    return "because " + first + " are not finite" + undone + "finite images";
  const std::string why = first.empty() ? "though every layer's output is finite"
                                        : "because " + first + " is not finite";
  return why + undone + "a finite loss: try a smaller learning rate";
}

void TrainerState::follow_trainable() {
  std::vector<bool> before = trained_arrays(model->graph);
  if (trained == before) return;
  const std::vector<ParameterInfo>& parameters = model->graph.parameters().infos();
  // Memory may run out here, so nothing has changed yet.
  std::vector<ParameterSegment> changed = parameter_segments(parameters, before, rules);
  trained.swap(before);
  segments.swap(changed);
  if (distribution) distribution->clear();
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
  const OptimizerState before = optimizer.state();
  optimizer.begin_step();
  try {
    update({0, model->graph.parameters().floats()}, gradients.data(), scales);
  } catch (...) {  // of no memory for Muon, before any change of a block
    optimizer.set_state(before);
    throw;
  }
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
  shard_sums.release();
  const std::unique_lock<graph::ModelMutex> lock(model->mutex);
  model->release();
}

}  // namespace training
}  // namespace cnnx
