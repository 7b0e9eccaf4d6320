// The calls of a trainer, each under its locks; and evaluation with the loss of training.
#include "cnnx/trainer.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "cnnx/error.h"
#include "cnnx/runtime.h"
#include "cnnx/shape.h"
#include "data/image.h"
#include "graph/int8_weights.h"
#include "graph/model_state.h"
#include "runtime/exact_count.h"
#include "runtime/floating_point.h"
#include "runtime/sizes.h"
#include "training/batch_source.h"
#include "training/not_finite.h"
#include "training/trainer_state.h"

namespace cnnx {

using training::TrainerLock;
using training::TrainerState;

namespace {

// The model with the averaged weights, which computes as the trained one does now; before the first
// average, the trained model itself.
const graph::ModelState& averaged_state(const TrainerState& state, const char* function) {
  if (!state.average) {
    throw std::invalid_argument(
        std::string(function) +
        ": the trainer averages no weights, expected one made with averaging");
  }
  if (!state.average->has_begun(state.optimizer.state().step)) return *state.model;
  graph::ModelState& average = *state.average->model();
  const std::shared_lock<graph::ModelMutex> lock(state.model->mutex);
  const std::unique_lock<graph::ModelMutex> average_lock(average.mutex);
  average.set_compute_dtype(state.model->graph.compute_dtype());
  return average;
}

// How predict and probabilities interpret the outputs of a model that is trained with this loss.
Probabilities probabilities_for(const training::LossTerm& loss, const graph::ModelState& model,
                                Probabilities now) {
  if (loss.takes_classes()) return Probabilities::softmax;
  if (loss.takes_logits()) return Probabilities::sigmoid;
  // A model with class names, or with a last layer of probabilities, remains a classifier.
  return model.classes.empty() && now != Probabilities::outputs ? Probabilities::none : now;
}

}  // namespace

namespace {

// An update would leave the multiples of the scale.
const std::shared_ptr<graph::ModelState>& without_int8_weights(
    const std::shared_ptr<graph::ModelState>& model) {
  for (const graph::Int8Weight& each : graph::int8_weights(model->graph)) {
    throw std::invalid_argument("trainer: " + each.weight.name +
                                " is int8, expected a model with float32 weights: train that one "
                                "and quantize it again");
  }
  return model;
}

bool fits_checkpoint(int64_t number) { return number >= 1 && number < runtime::kMostExactCount; }

void set_probabilities(graph::ModelState& model, const training::LossFunction& loss) {
  const std::vector<const training::LossTerm*> losses = loss.head_terms();
  for (std::size_t k = 0; k < model.heads.size(); ++k) {
    Probabilities& kind = model.heads[k].probabilities;
    kind = probabilities_for(*losses[k], model, kind);
  }
  if (model.heads.empty())
    model.probabilities = probabilities_for(*losses[0], model, model.probabilities);
}

std::shared_ptr<TrainerState> new_state(const std::shared_ptr<graph::ModelState>& model,
                                        const OptimizerSettings& optimizer, const Loss& loss,
                                        const TrainerOptions& options) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  const std::unique_lock<graph::ModelMutex> lock(model->mutex);
  auto state =
      std::make_shared<TrainerState>(without_int8_weights(model), optimizer, loss, options);
  set_probabilities(*model, state->loss);
  return state;
}

}  // namespace

Trainer::Trainer(Model& model, const OptimizerSettings& optimizer, const Loss& loss,
                 const TrainerOptions& options)
    : state_(new_state(model.state(), optimizer, loss, options)) {}

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

// Images in memory, which have passed check_batch. The trainer is locked.
training::ShardedBatch batch_of(TrainerState& state, const ImageBatch& images,
                                const Targets& targets, training::LossDivisor divisor) {
  return {images.count, std::move(divisor), [&state, &images, &targets](int64_t shard) {
            const training::Rows rows = training::rows_of_shard(images.count, state.shards, shard);
            const auto from = [&](const auto* array, int64_t row) {
              return array ? array + row : nullptr;
            };
            return training::ShardInput{
                state.model->normalised(images, rows.first, rows.count, state.input),
                {from(targets.labels, rows.first * state.loss.labels_per_image()),
                 from(targets.values, rows.first * state.loss.values_per_image()),
                 from(targets.weights, rows.first)}};
          }};
}

}  // namespace

double Trainer::compute_gradients(const ImageBatch& images, const Targets& targets,
                                  double divisor) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  TrainerState& s = *state();
  check_batch(s, images, targets);
  if (!(divisor >= 0) || std::isinf(divisor)) {
    throw std::invalid_argument("trainer: divisor is " + std::to_string(divisor) +
                                ", expected a number > 0");
  }
  training::LossDivisor own = s.loss.divisor(targets, images.count);
  if (divisor > 0) own.total = divisor;
  const double rows = own.total;
  const TrainerLock lock(s.mutex);
  const std::unique_lock<graph::ModelMutex> model_lock(s.model->mutex);
  const double sum = s.compute_gradients(batch_of(s, images, targets, std::move(own))).sum;
  if (!std::isfinite(sum)) s.restore_buffers();
  return sum / rows;
}

void Trainer::apply_gradients() {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  TrainerState& s = *state();
  const TrainerLock lock(s.mutex);
  const double factor = s.scheduled_factor();
  const std::unique_lock<graph::ModelMutex> model_lock(s.model->mutex);
  const std::string name =
      training::first_not_finite_gradient(*s.model, s.kept_gradients("apply_gradients"));
  if (!name.empty()) {
    throw NotFiniteError("apply_gradients: the gradient of " + name +
                         " holds NaN or an infinite number, expected finite ones, which leave the "
                         "model usable");
  }
  s.apply_gradients(factor);
}

double Trainer::step(const ImageBatch& images, const Targets& targets) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  TrainerState& s = *state();
  check_batch(s, images, targets);
  training::LossDivisor divisor = s.loss.divisor(targets, images.count);
  const double rows = divisor.total;
  const TrainerLock lock(s.mutex);
  return s.step(batch_of(s, images, targets, std::move(divisor)), "step").sum / rows;
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
  if (!(fits_checkpoint(epochs) && fits_checkpoint(steps_per_epoch))) {
    throw std::invalid_argument("begin_schedule: there are " + std::to_string(epochs) +
                                " epochs of " + std::to_string(steps_per_epoch) +
                                " steps, expected at least 1 and less than 2^53 each");
  }
  const TrainerLock lock(state()->mutex);
  state()->schedule_state = {};
  state()->schedule_state.epochs = epochs;
  state()->schedule_state.steps_per_epoch = steps_per_epoch;
}

void Trainer::extend_schedule(int64_t epochs) {
  if (!fits_checkpoint(epochs)) {
    throw std::invalid_argument("extend_schedule: epochs is " + std::to_string(epochs) +
                                ", expected at least 1 and less than 2^53");
  }
  const TrainerLock lock(state()->mutex);
  if (state()->schedule_state.steps_per_epoch == 0) {
    throw std::invalid_argument(
        "extend_schedule: the schedule has not begun, expected a call of begin_schedule before");
  }
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
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  const TrainerLock trainer_lock(state()->mutex);
  auto copy = averaged_state(*state(), "averaged_model").clone();
  const graph::ModelState& trained = *state()->model;
  const std::shared_lock<graph::ModelMutex> lock(trained.mutex);
  // The average's own are those of the trainer's beginning.
  copy->probabilities = trained.probabilities.load();
  copy->heads = trained.heads;
  copy->metadata = trained.metadata;
  copy->temperature = trained.temperature;
  const auto& nodes = trained.graph.nodes();
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

void Trainer::distribute(int64_t process, int64_t processes,
                         std::shared_ptr<ShardExchange> exchange) {
  TrainerState& s = *state();
  const TrainerLock lock(s.mutex);
  const bool is_null = !exchange;
  auto distribution = std::make_unique<training::Distribution>(s.model->graph, s.shards, process,
                                                               processes, std::move(exchange));
  if (is_null) throw std::invalid_argument("distribute: exchange is a null pointer");
  s.distribution = std::move(distribution);
  s.gradients = runtime::AlignedBuffer(s.distribution->floats());
}

namespace {

training::Distribution& distribution_of(TrainerState& state) {
  if (state.distribution) return *state.distribution;
  throw std::invalid_argument("trainer: it is the only one, expected a call of distribute before");
}

}  // namespace

std::vector<BlockSegment> Trainer::segments() const {
  const TrainerLock lock(state()->mutex);
  return distribution_of(*state()).segments();
}

float* Trainer::contribution(int64_t number) {
  const TrainerLock lock(state()->mutex);
  return distribution_of(*state()).contribution(number);
}

float* Trainer::shard_sums() {
  const TrainerLock lock(state()->mutex);
  distribution_of(*state());
  return state()->gradients.data();
}

int64_t Trainer::shard_floats() const {
  const TrainerLock lock(state()->mutex);
  return distribution_of(*state()).floats();
}

float* Trainer::gradients() {
  const TrainerLock lock(state()->mutex);
  return state()->kept_gradients("gradients");
}
int64_t Trainer::gradient_count() const { return state()->model->graph.parameters().floats(); }

int64_t Trainer::memory_bytes(int64_t batch_size) const {
  data::check_batch_size(batch_size, "memory_bytes", "batch_size");
  const TrainerLock lock(state()->mutex);
  const std::shared_lock<graph::ModelMutex> model_lock(state()->model->mutex);
  return state()->step_floats(batch_size) * static_cast<int64_t>(sizeof(float));
}

void Trainer::release() {
  const TrainerLock lock(state()->mutex);
  state()->release();
}

Metrics Trainer::evaluate(
    const ImageBatch& images, const Targets& targets, const std::vector<int64_t>& rows,
    bool averaged,
    const std::function<void(const float* outputs, int64_t first, int64_t count)>& observe) const {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  const training::BatchSource source(*state(), images, targets, rows, "evaluate");
  const TrainerLock trainer_lock(state()->mutex);
  const graph::ModelState& model =
      averaged ? averaged_state(*state(), "evaluate") : *state()->model;
  const int threads = get_num_threads();
  const int64_t piece = model.piece();
  const int64_t pieces = (source.count() + piece - 1) / piece;
  training::Distribution* const shared = state()->distribution.get();
  const training::Rows own = shared ? shared->own_rows(pieces) : training::Rows{0, pieces};
  const std::size_t terms = state()->loss.term_count();
  std::vector<training::LossSum> sums(
      runtime::checked_size<training::LossSum>(pieces * static_cast<int64_t>(terms)));
  training::Batch batch;
  const std::shared_lock<graph::ModelMutex> lock(model.mutex);
  for (int64_t i = own.first; i < own.first + own.count; ++i) {
    const training::Rows part = {i * piece, std::min(piece, source.count() - i * piece)};
    source.gather(part, part, threads, batch);
    const auto plan = model.inference_plan(part.count, threads);
    const graph::WorkspaceLease workspace = model.lease(*plan);
    const float* output = plan->forward(batch.input, model.parameters.data(), model.buffers.data(),
                                        model.packed(*plan), *workspace);
    const auto of_piece = state()->loss.sums(output, batch.targets, part.count, threads);
    std::copy(of_piece.begin(), of_piece.end(),
              sums.begin() + static_cast<std::ptrdiff_t>(i) * static_cast<std::ptrdiff_t>(terms));
    if (observe) observe(output, part.first, part.count);
  }
  if (shared) shared->share(sums, static_cast<int64_t>(terms));
  std::vector<training::LossSum> totals(terms);
  for (std::size_t i = 0; i < sums.size(); ++i) totals[i % terms] += sums[i];
  return state()->loss.metrics(totals, source.image_weight());
}

}  // namespace cnnx
