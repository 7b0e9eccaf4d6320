// Training: one call per step, epochs that shuffle and batch a data set, and access to the
// gradients for accumulation over batches.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cnnx/augmentation.h"
#include "cnnx/checkpoint.h"
#include "cnnx/distributed.h"
#include "cnnx/export.h"
#include "cnnx/loss.h"
#include "cnnx/model.h"
#include "cnnx/optimizers.h"
#include "cnnx/profile.h"
#include "cnnx/schedules.h"
#include "cnnx/training_settings.h"

namespace cnnx {

// A term of a loss of several: its mean times its weight in the loss, and the divisor of the mean.
struct LossTermMean {
  double loss = 0, divisor = 0;
};

// Means over rows, weighted by Targets::weights, the loss by class weights too.
struct Metrics {
  double loss = 0;
  // Of classes; of single outputs for binary_cross_entropy. NaN for custom and regression losses.
  double accuracy = 0;
  // The divisors of both: sums of the weights of rows, of their positions if these have labels; of
  // the loss times those of the classes.
  double weight = 0, row_weight = 0;
  std::vector<Metrics> heads;  // of each output, if the model has several
  // Of a loss of several terms: by Trainer::evaluate, which sums each over all rows.
  std::vector<LossTermMean> terms;
};

// An exponential moving average of the weights and buffers: average = decay * average + (1 - decay)
// * weights. The decay after n averages is at most n / (n + 9), so the first average is a copy
// (Polyak and Juditsky 1992; the warm-up as in TensorFlow).
struct Averaging {
  double decay = 0.999;
  int64_t every = 1;  // steps from one average to the next

  static constexpr const char* kKind = "averaging";
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    visit("decay", self.decay, kBelowOne);
    visit("every", self.every, Limits{1, DBL_MAX, true, "at least 1 step"});
  }
};

struct TrainerOptions {
  uint64_t seed = 0;  // of all randomness except the initial weights
  std::vector<ParameterRule> rules;
  // Maximum global L2 norm of the gradients; 0: no clipping.
  double clip_norm = 0;
  // Saves few arrays of a step's forward and computes the others again in its backward: less
  // memory, more time, the same bits.
  bool recompute = false;
  // Cuts every batch into so many contiguous shards, whose gradients are computed one after the
  // other and added in a fixed order: activations take the memory of one shard. Each shard has its
  // own batch norm statistics, so another number of shards is another computation. Running
  // statistics become the mean over shards, weighted by their rows.
  int64_t shards = 1;
  std::optional<Averaging> averaging;
  Schedule schedule;

  // The numbers; the others describe themselves.
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    visit("seed", self.seed);
    visit("clip_norm", self.clip_norm, Limits{0, DBL_MAX, true, "a finite number >= 0"});
    visit("recompute", self.recompute);
    visit("shards", self.shards, Limits{1, 65536, true, "an integer from 1 to 65536"});
  }
};

// The position in an epoch: the steps done, and the sums over their rows that give the metrics.
struct EpochPosition {
  int64_t step = 0;
  double loss = 0, weight = 0;
  double correct = 0;
  // The sum of the row weights; empty if rows have none.
  std::optional<double> row_weight = {};
  // Of a place in a checkpoint: the settings that its epoch was begun with. begin_epoch refuses
  // others after the first step; empty: it compares none.
  std::vector<double> settings = {};
};

struct EpochOptions {
  std::vector<int64_t> rows;  // the rows to train on; empty: all
  int64_t batch_size = 64;    // the last batch may be shorter
  bool shuffle = true;
  // The number of the epoch, less than 2^48 - 1. With the trainer's seed it decides the order and
  // augmentation of images.
  uint64_t number = 0;
  Augmentation augmentation = {};  // default: no changes
  int64_t first_image = 0;         // the number of the first image, if these are part of a data set
  // Whether a separate thread gathers the next batch, which changes no bit. Empty: only for images
  // that are augmented or mapped.
  std::optional<bool> prefetch = {};
  EpochPosition position = {};  // where to resume

  // The plain values; the augmentation describes itself.
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    visit("batch_size", self.batch_size, Limits{1, DBL_MAX, true, "at least 1"});
    visit("shuffle", self.shuffle);
    visit("number", self.number);
    visit("first_image", self.first_image);
    visit("prefetch", self.prefetch);
  }
};

namespace training {
struct TrainerState;
struct EpochState;
}  // namespace training

// Sets number and position to those of the epoch in `metadata`. In the middle of the epoch
// begin_epoch then refuses another number of rows, batch_size, shuffle, first_image or
// augmentation. The caller must pass the same images, targets and rows. Later epochs may have other
// options. Throws FormatError if the metadata hold no epoch.
CNNX_API void resume(EpochOptions& options, const CheckpointMetadata& metadata);

// One pass over a data set, a step at a time. The images, the targets and the trainer must outlive
// it. Threads may share it as they may share its trainer.
class CNNX_API Epoch {
 public:
  Epoch(Epoch&&) noexcept;
  Epoch& operator=(Epoch&&) noexcept;
  ~Epoch();
  uint64_t number() const;
  int64_t steps() const;  // total number of steps
  int64_t step() const;   // number of steps done
  EpochPosition position() const;
  // The number and position for a checkpoint's metadata, which resume reads again.
  MetadataArray place() const;
  // Trains on the next batch. Returns false, without training, when the epoch is over. Throws
  // NotFiniteError for a loss that is NaN or infinite. That and std::bad_alloc leave the model
  // unchanged.
  bool advance();
  // Means over the rows trained so far, each measured before the update of its batch.
  Metrics metrics() const;
  // The divisor of metrics().loss: the number of rows, or the sum of their weights.
  double weight() const;
  // The divisor of metrics().accuracy: the same without class weights.
  double row_weight() const;

 private:
  friend class Trainer;
  explicit Epoch(std::unique_ptr<training::EpochState> state);
  training::EpochState& state() const;
  std::unique_ptr<training::EpochState> state_;
};

// Shares the model and owns gradients and optimizer slots. Throws std::invalid_argument when model,
// loss and data do not fit together, and when the trainer or its model was moved from.
//
// Threads may share a trainer, whose calls run one after the other, and may use the model
// meanwhile. Predictions, saved files and copies of the model are of its state between two steps,
// never inside one. In a child forked while another thread was inside a call, the trainer, and if
// that call was changing the model the model too, throw std::invalid_argument.
class CNNX_API Trainer {
 public:
  explicit Trainer(Model& model, const OptimizerSettings& optimizer = Adam{}, const Loss& loss = {},
                   const TrainerOptions& options = {});
  Trainer(Trainer&&) noexcept;
  Trainer& operator=(Trainer&&) noexcept;
  ~Trainer();

  // compute_gradients, then apply_gradients, as one change of the model. Returns the mean loss
  // before the update. Throws NotFiniteError for a loss that is NaN or infinite. That and
  // std::bad_alloc leave the model unchanged.
  double step(const ImageBatch& images, const Targets& targets);

  // Overwrites gradients() with those of the summed loss of the rows over `divisor`, and returns
  // that loss. Divisor 0 means that of the mean: the number of rows or the sum of their weights.
  // With one divisor, batches add up: losses and gradients of 5 rows and of 3 rows sum to those of
  // 8. Updates the running statistics of batch norms, so between this and apply_gradients
  // other threads see new statistics with old weights. A loss that is not finite is returned, and
  // leaves the running statistics unchanged.
  double compute_gradients(const ImageBatch& images, const Targets& targets, double divisor = 0);
  // Throws NotFiniteError for a gradient that is NaN or infinite, and leaves the model unchanged.
  void apply_gradients();
  // gradient_count() floats, in the layout of Model::parameters. compute_gradients does not write
  // those of a layer that is not trainable, which are zero. Not locked: a step of another thread
  // overwrites them, and after distribute the pointer is no longer valid. A step of a model with
  // four million parameters or more keeps no gradients before the first call of this function,
  // unless clipping or Muon needs all of them at once. Throws std::invalid_argument, as does
  // apply_gradients, if the last step kept none.
  float* gradients();
  int64_t gradient_count() const;

  // From now on computes only the shards of one of `processes` processes, which divide the shards
  // and train equal models with equal settings. Every process makes the same calls with the same
  // images; step, Epoch::advance, compute_gradients and evaluate wait for the others in `exchange`.
  void distribute(int64_t process, int64_t processes, std::shared_ptr<ShardExchange> exchange);
  // For the exchange, after distribute: the segments of the block, in the order in which they are
  // sent; the block of a contribution; and the block for the sums of all, of shard_floats() floats.
  // Not locked, as gradients().
  std::vector<BlockSegment> segments() const;
  float* contribution(int64_t number);
  float* shard_sums();
  int64_t shard_floats() const;

  // The optimizer's learning rate, which the schedule and the factors of the rules multiply.
  double learning_rate() const;
  void set_learning_rate(double value);
  // The learning rate of the last step, after the schedule; 0 before the first.
  double last_learning_rate() const;
  // Sets the optimizer's slots and step count to those of a new trainer, for another phase of
  // training, whose new layers have no moments yet. Averaging begins again, too. The learning rate
  // and the schedule stay.
  void reset_optimizer();

  // Starts the schedule, which must know the length of training. Steps before this call are
  // refused.
  void begin_schedule(int64_t epochs, int64_t steps_per_epoch);
  // Changes the number of epochs of a schedule that has begun, and is refused before. The next
  // factor is that of a schedule with this number from its beginning.
  void extend_schedule(int64_t epochs);
  // Passes a Plateau its measure after an epoch.
  void observe(double measure);
  // Throws NotFiniteError if a parameter or buffer of the model holds NaN or infinity, and names
  // the first. A loss shows this only one step later.
  void check_finite() const;

  // An independent model with the averaged weights; before the first average, with the current
  // ones. Throws std::invalid_argument without averaging.
  Model averaged_model() const;

  // Measures steps from now on, starting from zero. profile() is empty before.
  void start_profile();
  Profile profile() const;

  // Starts the schedule, then trains `epochs` whole epochs, numbered from options.number. The
  // weights are checked after each epoch (check_finite). Then `on_epoch` is called with the number
  // of epochs done and the epoch's metrics. It may observe for a Plateau and save, and returns
  // whether to continue. Returns the metrics of every epoch.
  std::vector<Metrics> fit(
      const ImageBatch& images, const Targets& targets, int64_t epochs,
      const EpochOptions& options = {},
      const std::function<bool(int64_t epochs_done, const Metrics& metrics)>& on_epoch = {});
  // One epoch for a custom loop, from options.position on.
  Epoch begin_epoch(const ImageBatch& images, const Targets& targets,
                    const EpochOptions& options = {});
  // Metrics of the given rows, or of all when `rows` is empty, with the model's weights or its
  // averaged ones. Changes nothing. `observe`, for metrics of one's own, is called in their order
  // with the outputs of `count` rows from the `first` one on, valid during the call, which must use
  // neither the trainer nor the evaluated model: both refuse it. Of several processes each observes
  // its part.
  Metrics evaluate(const ImageBatch& images, const Targets& targets,
                   const std::vector<int64_t>& rows = {}, bool averaged = false,
                   const std::function<void(const float* outputs, int64_t first, int64_t count)>&
                       observe = {}) const;
  // An order of `count` rows that depends on the seed alone, for splitting off a validation set.
  std::vector<int64_t> split_order(int64_t count) const;

  // Replaces the file as Model::save does.
  void save_checkpoint(const std::string& path, const CheckpointMetadata& metadata = {}) const;
  // Resumes the state of the checkpoint's trainer, with its learning rate. This trainer must have
  // been created with the checkpoint's model, whose weights stay unchanged, and with the same
  // settings: all of the optimizer except its learning rate, the loss except a custom function, and
  // the seed, rules, clip_norm, shards, averaging and schedule. Threads, processes and recompute
  // change no bit and may differ. Afterwards set_learning_rate, extend_schedule and begin_schedule
  // change the course of training as they always do. Throws, without any change, FormatError when a
  // setting differs, which names it and both values, and std::invalid_argument when this trainer
  // trains another model. Checkpoints of earlier versions hold only the numbers of optimizer slots
  // and shards and whether weights are averaged; other settings are not compared.
  void restore(const Checkpoint& checkpoint);

  // Bytes of memory that steps of so many rows take at their peak: the model, its gradients, the
  // optimizer's slots, averaged weights, activations and normalised images. Images and targets of
  // the caller are not included, nor what other processes send. Nothing is run or allocated, so a
  // program can choose a batch size that fits.
  [[nodiscard]] int64_t memory_bytes(int64_t batch_size) const;

  // Frees the memory of the last batches, the model's included (Model::release). The next step
  // allocates it again.
  void release();

 private:
  // Errors begin with the name of the caller.
  Epoch begin_epoch(const ImageBatch& images, const Targets& targets, const EpochOptions& options,
                    const char* caller);
  const std::shared_ptr<training::TrainerState>& state() const;
  std::shared_ptr<training::TrainerState> state_;
};

}  // namespace cnnx
