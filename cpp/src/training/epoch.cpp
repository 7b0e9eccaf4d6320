// The epoch loop: an order for the rows, one gathered batch and one train step at a time.
#include <algorithm>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "cnnx/runtime.h"
#include "cnnx/trainer.h"
#include "data/image.h"
#include "data/shuffle.h"
#include "runtime/check_settings.h"
#include "runtime/floating_point.h"
#include "runtime/sizes.h"
#include "runtime/thread_scope.h"
#include "training/batch_source.h"
#include "training/epoch_place.h"
#include "training/prefetch.h"

namespace cnnx {
namespace training {

// The batches of an epoch, and the shards of each that this process computes, which are numbered
// from 0 on.
struct EpochShards {
  int64_t rows, batch_size, shards;
  ShardSpan own;

  int64_t steps() const { return (rows + batch_size - 1) / batch_size; }
  int64_t count() const { return steps() * (own.end - own.first); }
  int64_t number(int64_t step, int64_t shard) const {
    return step * (own.end - own.first) + shard - own.first;
  }
  Rows batch(int64_t step) const {
    return {step * batch_size, std::min(batch_size, rows - step * batch_size)};
  }
  Rows batch_of(int64_t number) const { return batch(number / (own.end - own.first)); }
  Rows shard(int64_t number) const {
    const Rows whole = batch_of(number);
    const Rows part =
        rows_of_shard(whole.count, shards, own.first + number % (own.end - own.first));
    return {whole.first + part.first, part.count};
  }
};

struct EpochState {
  std::shared_ptr<TrainerState> trainer;
  BatchSource source;
  uint64_t number;
  EpochShards shards;
  int64_t step = 0;
  LossSum total;
  Batch batch;
  std::unique_ptr<Prefetch> prefetch;  // instead of `batch`
  std::vector<double> settings;        // for its place in a checkpoint
};

const std::vector<double>& settings_of_epoch(const EpochState& epoch) { return epoch.settings; }

}  // namespace training

Epoch::Epoch(std::unique_ptr<training::EpochState> state) : state_(std::move(state)) {}
Epoch::Epoch(Epoch&&) noexcept = default;
Epoch& Epoch::operator=(Epoch&&) noexcept = default;
Epoch::~Epoch() = default;

training::EpochState& Epoch::state() const {
  if (!state_) throw std::invalid_argument("epoch: it was moved from, expected one that was begun");
  return *state_;
}

uint64_t Epoch::number() const { return state().number; }
int64_t Epoch::steps() const { return state().shards.steps(); }
int64_t Epoch::step() const { return position().step; }
EpochPosition Epoch::position() const {
  const training::EpochState& s = state();
  const training::TrainerLock lock(s.trainer->mutex);
  EpochPosition position = {s.step, s.total.sum, s.total.weight, s.total.correct};
  if (s.source.has_weights() || s.trainer->loss.main_term().ignore_index())
    position.row_weight = s.total.row_weight;
  return position;
}
Metrics Epoch::metrics() const {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  const training::EpochState& s = state();
  const training::TrainerLock lock(s.trainer->mutex);
  return s.trainer->loss.metrics(s.total);
}

double Epoch::weight() const { return position().weight; }

double Epoch::row_weight() const {
  const training::EpochState& s = state();
  const training::TrainerLock lock(s.trainer->mutex);
  return s.total.row_weight;
}

bool Epoch::advance() {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  training::EpochState& s = this->state();
  const training::TrainerLock lock(s.trainer->mutex);
  if (s.step == s.shards.steps()) return false;
  const training::Rows rows = s.shards.batch(s.step);
  const auto input = [&s](int64_t shard) {
    const int64_t number = s.shards.number(s.step, shard);
    if (!s.prefetch)
      s.source.gather(s.shards.batch(s.step), s.shards.shard(number), get_num_threads(), s.batch);
    const training::Batch& batch = s.prefetch ? s.prefetch->batch(number) : s.batch;
    return training::ShardInput{batch.input, batch.targets};
  };
  s.total += s.trainer->step({rows.count, s.source.divisor(rows), input}, "fit");
  ++s.step;
  return true;
}

Epoch Trainer::begin_epoch(const ImageBatch& images, const Targets& targets,
                           const EpochOptions& options) {
  return begin_epoch(images, targets, options, "begin_epoch");
}

Epoch Trainer::begin_epoch(const ImageBatch& images, const Targets& targets,
                           const EpochOptions& options, const char* caller) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  runtime::check_settings(std::string(caller) + ": ", options);
  training::BatchSource source(*this->state(), images, targets, options.rows, caller);
  if (options.number >= data::kSplitEpoch) {
    throw std::invalid_argument(std::string(caller) + ": number is " +
                                std::to_string(options.number) + ", expected less than 2^48 - 1");
  }
  if (options.first_image < 0 ||
      options.first_image > std::numeric_limits<int64_t>::max() - images.count) {
    throw std::invalid_argument(std::string(caller) + ": first_image is " +
                                std::to_string(options.first_image) +
                                ", expected the number of an image");
  }
  const int64_t all = source.count();
  const int64_t batch_size = std::min(options.batch_size, std::max<int64_t>(all, 1));
  auto state = std::make_unique<training::EpochState>(training::EpochState{
      this->state(),
      std::move(source),
      options.number,
      {all, batch_size, this->state()->shards, this->state()->own_shards()},
      options.position.step,
      {options.position.loss, options.position.weight, options.position.correct, 0},
      {},
      {},
      training::epoch_settings(all, batch_size, options)});
  state->source.augment(options.augmentation, options.number, options.first_image);
  training::check_place(all, batch_size, options, caller);
  const int64_t steps = state->shards.steps();
  if (options.position.step < 0 || options.position.step > steps) {
    throw std::invalid_argument(std::string(caller) + ": the epoch goes on after step " +
                                std::to_string(options.position.step) + ", expected 0 to " +
                                std::to_string(steps));
  }
  const int64_t done = std::min(options.position.step * batch_size, all);
  state->total.row_weight = options.position.row_weight.value_or(
      static_cast<double>(done * this->state()->loss.labels_per_image()));
  if (options.shuffle) {
    std::vector<int64_t>& rows = state->source.rows();
    std::vector<int64_t> order(rows.size()), shuffled(rows.size());
    data::permutation(static_cast<int64_t>(rows.size()), this->state()->seed, options.number,
                      order.data());
    for (std::size_t i = 0; i < rows.size(); ++i)
      shuffled[i] = rows[static_cast<std::size_t>(order[i])];
    rows = std::move(shuffled);
  }
  // A program with a pool has all the threads that it wants.
  const bool slow = (images.mapped || !is_identity(options.augmentation)) &&
                    runtime::own_threads().pool == nullptr;
  if (options.prefetch.value_or(slow)) {
    state->prefetch = std::make_unique<training::Prefetch>(
        [&s = *state](int64_t number, int threads, training::Batch& batch) {
          s.source.gather(s.shards.batch_of(number), s.shards.shard(number), threads, batch);
        },
        state->shards.count());
  }
  return Epoch(std::move(state));
}

std::vector<int64_t> Trainer::split_order(int64_t count) const {
  if (count < 0 || count > data::kMostImages) {
    throw std::invalid_argument("split_order: count is " + std::to_string(count) +
                                ", expected 0 to " + std::to_string(data::kMostImages));
  }
  std::vector<int64_t> order(runtime::checked_size<int64_t>(count));
  data::permutation(count, this->state()->seed, data::kSplitEpoch, order.data());
  return order;
}

}  // namespace cnnx
