// A trainer in a C++ program: fit is a loop of epochs, and mismatched arguments are refused. The
// Python tests compare the bits of training, file by file.
#include "cnnx/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "cnnx/checkpoint.h"
#include "cnnx/error.h"
#include "cnnx/layers.h"
#include "cnnx/xo.h"
#include "temporary_folder.h"
#include "xo_samples.h"

namespace {

using namespace cnnx::layers;
using cnnx::Epoch;
using cnnx::EpochOptions;
using cnnx::ImageBatch;
using cnnx::Metrics;
using cnnx::Model;
using cnnx::Targets;
using cnnx::Trainer;

constexpr int64_t kSize = 16, kCount = 40;

using Samples = cnnx::test::Samples<kCount>;

Model small_model() {
  return Model({Conv2d(4, 3), ReLU(), Flatten(), Dense(2)}, {kSize, kSize, 1});
}

EpochOptions batches_of_16() {
  EpochOptions options;
  options.batch_size = 16;
  return options;
}

std::vector<float> weights(const Model& model) {
  std::vector<float> all;
  for (const cnnx::ParameterInfo& info : model.parameters()) {
    std::vector<float> values(static_cast<std::size_t>(cnnx::element_count(info.shape)));
    model.get_parameter(info, values.data());
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

void fit_is_a_loop_of_epochs() {
  const Samples samples;
  cnnx::TrainerOptions options;
  options.schedule.shape = cnnx::CosineDecay{};
  Model fitted = small_model(), looped = small_model();
  Trainer fitting(fitted, cnnx::Adam{}, {}, options), looping(looped, cnnx::Adam{}, {}, options);
  std::vector<int64_t> heard;
  EpochOptions which = batches_of_16();
  which.number = 5;
  const std::vector<Metrics> history = fitting.fit(samples.images(), samples.targets(), 3, which,
                                                   [&](int64_t done, const Metrics& metrics) {
                                                     heard.push_back(done);
                                                     CHECK(metrics.loss > 0);
                                                     return true;
                                                   });
  CHECK(heard == (std::vector<int64_t>{1, 2, 3}));
  CHECK_EQUAL(history.size(), std::size_t{3});
  looping.begin_schedule(3, 3);
  for (const Metrics& metrics : history) {
    Epoch epoch = looping.begin_epoch(samples.images(), samples.targets(), which);
    while (epoch.advance()) {
    }
    CHECK_EQUAL(epoch.metrics().loss, metrics.loss);
    ++which.number;
  }
  CHECK(weights(fitted) == weights(looped));
  CHECK(weights(fitted) != weights(small_model()));
}

void fit_ends_when_it_is_told_to() {
  const Samples samples;
  Model model = small_model();
  Trainer trainer(model);
  const auto history = trainer.fit(samples.images(), samples.targets(), 9, batches_of_16(),
                                   [](int64_t done, const Metrics&) { return done < 2; });
  CHECK_EQUAL(history.size(), std::size_t{2});
}

void what_does_not_fit_is_refused() {
  const Samples samples;
  Model model = small_model();
  Trainer trainer(model);
  const ImageBatch null_images(static_cast<const uint8_t*>(nullptr), kCount);
  const ImageBatch negative(samples.pixels.data(), -1), none(samples.pixels.data(), 0);
  const auto fit = [&](const ImageBatch& images, const Targets& targets, int64_t epochs,
                       const EpochOptions& options = {}) {
    trainer.fit(images, targets, epochs, options);
  };
  CHECK_THROWS(std::invalid_argument, "fit: epochs is 0, expected at least 1",
               fit(samples.images(), samples.targets(), 0));
  CHECK_THROWS(std::invalid_argument, "fit: the images' pixels are a null pointer",
               fit(null_images, samples.targets(), 1));
  CHECK_THROWS(std::invalid_argument, "fit: there are -1 images, expected 0 to",
               fit(negative, samples.targets(), 1));
  CHECK_THROWS(std::invalid_argument, "fit: there are no images, expected at least one",
               fit(none, samples.targets(), 1));
  CHECK_THROWS(std::invalid_argument, "trainer: cross_entropy takes labels, one per image",
               fit(samples.images(), {}, 1));
  const std::vector<float> values(kCount * 2, 0.5f);
  CHECK_THROWS(std::invalid_argument, "trainer: labels and values are given, but cross_entropy",
               fit(samples.images(), {samples.labels.data(), values.data()}, 1));
  EpochOptions options;
  options.position.step = 1;
  CHECK_THROWS(std::invalid_argument,
               "fit: position is after step 1, expected the beginning of an epoch",
               fit(samples.images(), samples.targets(), 1, options));
  options.position.step = 0;
  options.batch_size = 0;
  CHECK_THROWS(std::invalid_argument, "fit: batch_size is 0, expected at least 1",
               fit(samples.images(), samples.targets(), 1, options));
  CHECK_THROWS(std::invalid_argument, "begin_epoch: batch_size is 0, expected at least 1",
               trainer.begin_epoch(samples.images(), samples.targets(), options));
  CHECK_THROWS(std::invalid_argument, "begin_epoch: there are no images, expected at least one",
               trainer.begin_epoch(none, samples.targets()));
  CHECK_THROWS(std::invalid_argument, "trainer: the images' pixels are a null pointer",
               trainer.step(null_images, samples.targets()));
  CHECK_THROWS(std::invalid_argument, "trainer: there are -1 images",
               trainer.step(negative, samples.targets()));
  CHECK_THROWS(std::invalid_argument, "trainer: the batch is empty, expected at least one row",
               trainer.step(none, samples.targets()));
  CHECK_THROWS(std::invalid_argument, "evaluate: the images' pixels are a null pointer",
               trainer.evaluate(null_images, samples.targets()));
  CHECK_THROWS(std::invalid_argument, "split_order: count is -1, expected 0 to",
               trainer.split_order(-1));
  CHECK(weights(model) == weights(small_model()));
  cnnx::TrainerOptions clipped;
  clipped.clip_norm = -1;
  CHECK_THROWS(std::invalid_argument, "trainer: clip_norm is -1, expected a finite number >= 0",
               Trainer(model, cnnx::Adam{}, {}, clipped));
}

void metadata_have_the_values_of_their_shape() {
  const cnnx::test::TemporaryFolder folder("trainer_test");
  const std::string path = (folder / "run.ckpt").string();
  Model model = small_model();
  const Trainer trainer(model);
  CHECK_THROWS(
      std::invalid_argument,
      "save_checkpoint: the array \"place\" has 2 values, expected those of its shape, (3,)",
      trainer.save_checkpoint(path, {"", {{"place", {3}, std::vector<double>{1, 2}}}}));
  trainer.save_checkpoint(path);
  CHECK(cnnx::Checkpoint::load(path).metadata().arrays.empty());
}

void an_epoch_goes_on_where_its_place_says() {
  const cnnx::test::TemporaryFolder folder("trainer_test");
  const std::string path = (folder / "run.ckpt").string();
  const Samples samples;
  Model model = small_model();
  EpochOptions options = batches_of_16();
  options.number = 7;
  {
    Trainer trainer(model);
    Epoch epoch = trainer.begin_epoch(samples.images(), samples.targets(), options);
    epoch.advance();
    trainer.save_checkpoint(path, {"my own", {epoch.place()}});
    while (epoch.advance()) {
    }
  }
  const cnnx::Checkpoint checkpoint = cnnx::Checkpoint::load(path);
  Model again = checkpoint.model();
  Trainer trainer(again);
  trainer.restore(checkpoint);
  EpochOptions rest = batches_of_16();
  cnnx::resume(rest, checkpoint.metadata());
  Epoch epoch = trainer.begin_epoch(samples.images(), samples.targets(), rest);
  CHECK_EQUAL(epoch.number(), uint64_t{7});
  CHECK_EQUAL(epoch.step(), int64_t{1});
  while (epoch.advance()) {
  }
  CHECK(weights(again) == weights(model));
}

// The sums of an epoch whose images have weights, and the refusal of wrong weights.
void an_epoch_with_weights_goes_on_with_its_sums() {
  const Samples samples;
  std::vector<float> row_weights(kCount);
  for (std::size_t i = 0; i < row_weights.size(); ++i)
    row_weights[i] = static_cast<float>(i % 4) / 2.0f;
  Targets targets = samples.targets();
  targets.weights = row_weights.data();
  Model model = small_model();
  Trainer trainer(model, cnnx::Sgd{0.0});
  Epoch whole = trainer.begin_epoch(samples.images(), targets, batches_of_16());
  whole.advance();
  EpochOptions rest = batches_of_16();
  cnnx::resume(rest, {"", {whole.place()}});
  while (whole.advance()) {
  }
  Epoch epoch = trainer.begin_epoch(samples.images(), targets, rest);
  while (epoch.advance()) {
  }
  CHECK_EQUAL(epoch.metrics().loss, whole.metrics().loss);
  CHECK_EQUAL(epoch.metrics().accuracy, whole.metrics().accuracy);
  CHECK_EQUAL(whole.row_weight(), 30.0);
  CHECK_EQUAL(whole.weight(), 30.0);
  CHECK(std::abs(trainer.evaluate(samples.images(), targets).loss - whole.metrics().loss) < 1e-6);
  row_weights[7] = -1;
  CHECK_THROWS(std::invalid_argument,
               "trainer: weights has -1 for row 7, expected finite numbers >= 0",
               trainer.step(samples.images(), targets));
  row_weights[7] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS(std::invalid_argument, "trainer: weights has nan for row 7",
               trainer.evaluate(samples.images(), targets));
}

// The outputs that an evaluation measures, in the order of its rows.
void an_evaluation_passes_its_outputs_on() {
  const Samples samples;
  Model model = small_model();
  const Trainer trainer(model);
  std::vector<int64_t> rows(kCount);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = kCount - 1 - static_cast<int64_t>(i);
  const std::vector<float> all = model.run(samples.images());
  std::vector<float> observed(2 * kCount);
  int64_t next = 0;
  const auto observe = [&](const float* outputs, int64_t first, int64_t count) {
    CHECK_EQUAL(first, next);
    std::copy_n(outputs, 2 * count, observed.data() + 2 * first);
    next += count;
  };
  const Metrics metrics =
      trainer.evaluate(samples.images(), samples.targets(), rows, false, observe);
  CHECK_EQUAL(next, int64_t{kCount});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < 2; ++j)
      CHECK_EQUAL(observed[2 * i + j], all[2 * static_cast<std::size_t>(rows[i]) + j]);
  }
  CHECK_EQUAL(metrics.loss, trainer.evaluate(samples.images(), samples.targets(), rows).loss);
  const auto fail = [](const float*, int64_t, int64_t) { throw std::runtime_error("observed"); };
  CHECK_THROWS(std::runtime_error, "observed",
               trainer.evaluate(samples.images(), samples.targets(), {}, false, fail));
}

void metadata_without_a_place_are_refused() {
  EpochOptions options;
  const auto refused = [&](const cnnx::CheckpointMetadata& metadata) {
    CHECK_THROWS(cnnx::FormatError, "resume: the metadata hold no place in an epoch",
                 cnnx::resume(options, metadata));
  };
  using Doubles = std::vector<double>;
  refused({});
  refused({"", {{"another", {5}, Doubles{1, 2, 3, 4, 5}}}});
  refused({"", {{"epoch_place", {4}, Doubles{1, 2, 3, 4}}}});
  refused({"", {{"epoch_place", {5}, std::vector<float>{1, 2, 3, 4, 5}}}});
  refused({"", {{"epoch_place", {5}, Doubles{1, 2.5, 3, 4, 5}}}});
  refused({"", {{"epoch_place", {5}, Doubles{-1, 2, 3, 4, 5}}}});
  refused({"", {{"epoch_place", {5}, Doubles{1, 2, 3, 4, 1e300}}}});
  refused({"", {{"epoch_place", {5}, Doubles{1, std::nan(""), 3, 4, 5}}}});
  refused({"", {{"epoch_place", {6}, Doubles{1, 2, 3, 4, 5, -1}}}});
  refused({"", {{"epoch_place", {6}, Doubles{1, 2, 3, 4, std::nan(""), 6}}}});
  refused({"", {{"epoch_place", {7}, Doubles{1, 2, 3, 4, 5, 6, 7}}}});
  CHECK_EQUAL(options.number, uint64_t{0});
  CHECK_EQUAL(options.position.step, int64_t{0});
}

void what_was_moved_from_says_so() {
  const cnnx::test::TemporaryFolder folder("trainer_test");
  const std::string path = (folder / "run.ckpt").string();
  const Samples samples;
  Model model = small_model();
  Trainer first(model);
  Trainer second = std::move(first);
  const std::string trainer = "trainer: it was moved from, expected one that trains a model";
  CHECK_THROWS(std::invalid_argument, trainer, first.step(samples.images(), samples.targets()));
  CHECK_THROWS(std::invalid_argument, trainer,
               first.begin_epoch(samples.images(), samples.targets()));
  CHECK_THROWS(std::invalid_argument, trainer, first.learning_rate());
  CHECK_THROWS(std::invalid_argument, trainer, first.gradients());
  CHECK_THROWS(std::invalid_argument, trainer, first.save_checkpoint(path));
  Epoch begun = second.begin_epoch(samples.images(), samples.targets());
  Epoch epoch = std::move(begun);
  CHECK_THROWS(std::invalid_argument, "epoch: it was moved from", begun.advance());
  second.save_checkpoint(path);
  cnnx::Checkpoint loaded = cnnx::Checkpoint::load(path);
  const cnnx::Checkpoint checkpoint = std::move(loaded);
  CHECK_THROWS(std::invalid_argument, "checkpoint: it was moved from", loaded.model());
  CHECK_THROWS(std::invalid_argument, "checkpoint: it was moved from", loaded.metadata());
  CHECK_THROWS(std::invalid_argument, "checkpoint: it was moved from", second.restore(loaded));
  first = std::move(second);
  CHECK(first.learning_rate() == 1e-3);
  CHECK(epoch.advance());  // whose trainer has only moved
}

void a_refused_step_changes_nothing() {
  const Samples samples;
  cnnx::TrainerOptions options;
  options.schedule.shape = cnnx::CosineDecay{};
  Model model({Conv2d(4, 3), BatchNorm2d(), ReLU(), Flatten(), Dense(2)}, {kSize, kSize, 1});
  Model twin = model.clone();
  Trainer trainer(model, cnnx::Adam{}, {}, options), other(twin, cnnx::Adam{}, {}, options);
  Epoch epoch = trainer.begin_epoch(samples.images(), samples.targets(), batches_of_16());
  for (int i = 0; i < 2; ++i)
    CHECK_THROWS(std::invalid_argument, "begin_schedule before the first step", epoch.advance());
  CHECK_THROWS(std::invalid_argument, "begin_schedule before the first step",
               trainer.step(samples.images(), samples.targets()));
  CHECK_EQUAL(epoch.step(), 0);
  CHECK(epoch.weight() == 0);
  Epoch expected = other.begin_epoch(samples.images(), samples.targets(), batches_of_16());
  trainer.begin_schedule(1, 3);
  other.begin_schedule(1, 3);
  while (epoch.advance() && expected.advance()) {
  }
  CHECK(epoch.metrics().loss == expected.metrics().loss);
  CHECK(model.to_bytes() == twin.to_bytes());
}

void a_batch_may_be_larger_than_there_are_images() {
  const Samples samples;
  Model model = small_model();
  Trainer trainer(model);
  EpochOptions options;
  options.batch_size = std::numeric_limits<int64_t>::max();
  CHECK_EQUAL(trainer.begin_epoch(samples.images(), samples.targets(), options).steps(), 1);
  CHECK_EQUAL(trainer.fit(samples.images(), samples.targets(), 1, options).size(), 1u);
}

void a_regression_model_gives_values() {
  const Samples samples;
  Model model = small_model();
  cnnx::Loss squared;
  squared.kind = cnnx::Loss::Kind::mean_squared_error;
  const std::vector<float> targets(2 * kCount, 0.5f);
  Trainer trainer(model, cnnx::Adam{}, squared);
  trainer.step(samples.images(), Targets{nullptr, targets.data()});
  const std::vector<std::byte> bytes = model.to_bytes();
  const Model loaded = Model::from_bytes(bytes.data(), bytes.size());
  CHECK(loaded.probability_kind() == cnnx::Probabilities::none);
  CHECK_THROWS(std::invalid_argument, "trained with a regression loss",
               loaded.predict(samples.images()));
  CHECK(loaded.run(samples.images()) == model.run(samples.images()));
  const Trainer classifying(model);
  CHECK_EQUAL(static_cast<int64_t>(model.predict(samples.images()).size()), kCount);
}

void a_schedule_can_be_extended() {
  const Samples samples;
  cnnx::TrainerOptions options;
  options.schedule.shape = cnnx::StepDecay{0.5, 1, {}};
  Model model = small_model(), twin = small_model();
  Trainer extended(model, cnnx::Adam{}, {}, options), whole(twin, cnnx::Adam{}, {}, options);
  extended.begin_schedule(1, 1);
  whole.begin_schedule(4, 1);
  for (int step = 0; step < 4; ++step) {
    if (step == 1) extended.extend_schedule(4);
    extended.step(samples.images(), samples.targets());
    whole.step(samples.images(), samples.targets());
    CHECK(extended.last_learning_rate() == whole.last_learning_rate());
  }
  CHECK(model.to_bytes() == twin.to_bytes());
  CHECK_THROWS(std::invalid_argument, "epochs is 0", extended.extend_schedule(0));
}

// A program with a global trainer does this.
const bool saved_before_main = [] {
  Model model = small_model();
  const cnnx::test::TemporaryFolder folder("before_main");
  Trainer(model).save_checkpoint((folder / "run.ckpt").u8string());
  return weights(cnnx::Checkpoint::load((folder / "run.ckpt").u8string()).model()) ==
         weights(model);
}();

}  // namespace

int trainer_test(int, char*[]) {
  CHECK(saved_before_main);
  a_refused_step_changes_nothing();
  a_batch_may_be_larger_than_there_are_images();
  a_regression_model_gives_values();
  a_schedule_can_be_extended();
  fit_is_a_loop_of_epochs();
  fit_ends_when_it_is_told_to();
  what_does_not_fit_is_refused();
  metadata_have_the_values_of_their_shape();
  an_epoch_goes_on_where_its_place_says();
  an_epoch_with_weights_goes_on_with_its_sums();
  an_evaluation_passes_its_outputs_on();
  metadata_without_a_place_are_refused();
  what_was_moved_from_says_so();
  return cnnx::test::finish("trainer_test");
}
