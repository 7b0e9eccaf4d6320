// Training: one call per step, epochs shuffled and batched here, gradients open for those who add
// them up themselves.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cnnx/augmentation.h"
#include "cnnx/checkpoint.h"
#include "cnnx/export.h"
#include "cnnx/model.h"
#include "cnnx/optimizers.h"
#include "cnnx/profile.h"
#include "cnnx/schedules.h"

namespace cnnx {

// Each is the mean over the rows of a batch; all but cross-entropy are also a mean over outputs.
// With class weights the mean is weighted by those of the rows' classes, as cnnx/cross_entropy.h
// says. Both cross-entropies take logits, so a model that ends in Softmax or Sigmoid is refused.
struct Loss {
  enum class Kind {
    cross_entropy,
    binary_cross_entropy,
    mean_squared_error,
    mean_absolute_error,
    huber
  };
  Kind kind = Kind::cross_entropy;
  float label_smoothing = 0.0f;      // of cross_entropy, in [0, 1]
  std::vector<float> class_weights;  // of cross_entropy, one per class, >= 0; empty: all 1
  float delta = 1.0f;                // of huber, > 0
};

// One of the two: labels, one per row, for cross_entropy alone; values, one per output of every
// row, which for cross_entropy are shares of the classes that add up to 1.
struct Targets {
  const int64_t* labels = nullptr;
  const float* values = nullptr;
};

struct Metrics {
  double loss = 0;
  double accuracy = 0;  // share of right answers; NaN unless it is a cross-entropy
};

// An exponential moving average of the weights and buffers: average = decay * average + (1 - decay)
// * weights. The decay after n averages is at most n / (n + 9), so the first is a copy (Polyak and
// Juditsky 1992; the warm-up as in TensorFlow).
struct Averaging {
  double decay = 0.999;  // in [0, 1)
  int64_t every = 1;     // steps from one average to the next
};

struct TrainerOptions {
  uint64_t seed = 0;  // everything random but the weights
  std::vector<ParameterRule> rules;
  // The gradients of a step, as one vector, are made no longer than this; 0: they are taken as they
  // are.
  double clip_norm = 0;
  std::optional<Averaging> averaging;
  Schedule schedule;
};

// Where in an epoch training is: what is done, and the sums over the rows it was done with, from
// which metrics come.
struct EpochPosition {
  int64_t step = 0;
  double loss = 0, weight = 0;
  int64_t correct = 0;
};

struct EpochOptions {
  std::vector<int64_t> rows;  // which rows take part; empty: all
  int64_t batch_size = 64;    // the last batch may be shorter
  bool shuffle = true;
  // Of the epoch: with the trainer's seed it decides the order and the changes of each image.
  uint64_t number = 0;
  Augmentation augmentation = {};  // what changes the images; as they are by default
  int64_t first_image = 0;  // the number of the first one, where these are part of a data set
  // Whether the next batch is gathered in a thread of its own, which changes no bit; empty: where
  // images are changed or mapped.
  std::optional<bool> prefetch = {};
  EpochPosition position = {};  // where to go on
};

namespace training {
struct TrainerState;
struct EpochState;
}  // namespace training

// Takes number and position from the place of an Epoch that `metadata` hold. Throws FormatError if
// they hold none.
CNNX_API void resume(EpochOptions& options, const CheckpointMetadata& metadata);

// One pass over a data set, a step at a time. The images and targets must outlive it, and so must
// the trainer.
class CNNX_API Epoch {
 public:
  Epoch(Epoch&&) noexcept;
  Epoch& operator=(Epoch&&) noexcept;
  ~Epoch();
  uint64_t number() const;
  int64_t steps() const;  // how many there will be
  int64_t step() const;   // how many are done
  EpochPosition position() const;
  // Its number and position for a checkpoint's metadata, from which resume knows them again.
  MetadataArray place() const;
  // Trains on the next batch; false, and nothing happens, when the epoch is over. Throws
  // NotFiniteError for a loss that is NaN or infinite, with the model as it was before.
  bool advance();
  // Means over the rows trained so far, each measured before the update that its batch caused.
  Metrics metrics() const;
  // What metrics().loss is a mean of: rows, or the weights of their classes.
  double weight() const;

 private:
  friend class Trainer;
  explicit Epoch(std::unique_ptr<training::EpochState> state);
  training::EpochState& state() const;
  std::unique_ptr<training::EpochState> state_;
};

// Shares the model and owns gradients and optimizer slots. Not for several threads at once; the
// model may predict in others meanwhile. Throws std::invalid_argument when model, loss and data do
// not fit together, and when it, or the model it is made for, was moved from.
class CNNX_API Trainer {
 public:
  explicit Trainer(Model& model, const OptimizerSettings& optimizer = Adam{}, const Loss& loss = {},
                   const TrainerOptions& options = {});
  Trainer(Trainer&&) noexcept;
  Trainer& operator=(Trainer&&) noexcept;
  ~Trainer();

  // compute_gradients, then apply_gradients; returns the mean loss before the update.
  double step(const ImageBatch& images, const Targets& targets);

  // Overwrites gradients() with those of the sum of the rows' losses over `divisor` (0: what makes
  // it the mean, the number of rows or their classes' weights); returns that loss. With one
  // divisor, batches add up: losses and gradients of 5 rows and of 3 sum to those of 8.
  double compute_gradients(const ImageBatch& images, const Targets& targets, double divisor = 0);
  void apply_gradients();
  // gradient_count() floats, laid out as Model::parameters says. compute_gradients leaves those of
  // a layer that is not trainable as they are, zeros since it is not.
  float* gradients();
  int64_t gradient_count() const;

  // The optimizer's, which the schedule and the rules' factors multiply.
  double learning_rate() const;
  void set_learning_rate(double value);
  // What the schedule made of it in the last step; 0 before the first.
  double last_learning_rate() const;

  // A schedule must know how long training is: it starts here, and steps without it are refused.
  void begin_schedule(int64_t epochs, int64_t steps_per_epoch);
  // Tells a Plateau what its measure was after an epoch.
  void observe(double measure);
  // Throws NotFiniteError, which names the first parameter or buffer of the model that holds NaN or
  // an infinite number, if one does: a loss shows it only in the step after.
  void check_finite() const;

  // A model of its own with the averaged weights; before the first average, with those that there
  // are. Throws std::invalid_argument without averaging.
  Model averaged_model() const;

  // From now on steps are measured, anew from zero; profile() is empty before.
  void start_profile();
  Profile profile() const;

  // Starts the schedule, then trains `epochs` whole epochs: the first is number options.number, the
  // next one more. The weights are checked after each (check_finite); then `on_epoch` hears how
  // many are done and the epoch's metrics, tells a Plateau what it watches (observe), saves what it
  // wants saved, and answers whether to go on. Returns the metrics of every epoch.
  std::vector<Metrics> fit(
      const ImageBatch& images, const Targets& targets, int64_t epochs,
      const EpochOptions& options = {},
      const std::function<bool(int64_t epochs_done, const Metrics& metrics)>& on_epoch = {});
  // One epoch for a loop of your own, from options.position on.
  Epoch begin_epoch(const ImageBatch& images, const Targets& targets,
                    const EpochOptions& options = {});
  // Of the given rows, or of all when `rows` is empty, by the model or by its averaged weights.
  // Changes nothing.
  Metrics evaluate(const ImageBatch& images, const Targets& targets,
                   const std::vector<int64_t>& rows = {}, bool averaged = false) const;
  // A fixed order of `count` rows that depends on the seed alone, for splitting off a validation
  // set.
  std::vector<int64_t> split_order(int64_t count) const;

  // Replaces the file as a whole or leaves the old one.
  void save_checkpoint(const std::string& path, const CheckpointMetadata& metadata = {}) const;
  // Goes on where the checkpoint's trainer was. This one must have been made of the checkpoint's
  // model, whose weights stay as they are, with the settings of then, which the file does not hold.
  // Throws, with everything as it was, FormatError when its optimizer keeps another number of
  // arrays or it averages where that did not, std::invalid_argument when it trains another model.
  void restore(const Checkpoint& checkpoint);

 private:
  const std::shared_ptr<training::TrainerState>& state() const;
  std::shared_ptr<training::TrainerState> state_;
};

}  // namespace cnnx
