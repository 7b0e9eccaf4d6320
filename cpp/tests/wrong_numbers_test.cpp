// Numbers that no call can mean, and targets that change during an epoch, are refused.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "cnnx/augmentation.h"
#include "cnnx/checkpoint.h"
#include "cnnx/distributed.h"
#include "cnnx/error.h"
#include "cnnx/image.h"
#include "cnnx/layers.h"
#include "cnnx/model.h"
#include "cnnx/operator.h"
#include "cnnx/trainer.h"
#include "temporary_folder.h"
#include "xo_samples.h"

namespace {

using namespace cnnx::layers;
using cnnx::EpochOptions;
using cnnx::Model;
using cnnx::Trainer;
using Doubles = std::vector<double>;

constexpr int64_t kSize = 16, kCount = 8;
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();

Model small_model() {
  return Model({Conv2d(4, 3), ReLU(), Flatten(), Dense(2)}, {kSize, kSize, 1});
}

void numbers_that_no_checkpoint_can_hold() {
  Model model = small_model();
  Trainer trainer(model);
  const cnnx::test::Samples<kCount> samples;
  const int64_t beyond = int64_t{1} << 53;
  CHECK_THROWS(std::invalid_argument,
               "extend_schedule: the schedule has not begun, expected a call of begin_schedule",
               (trainer.extend_schedule(2), 0));
  trainer.begin_schedule(beyond - 1, beyond - 1);
  const char* sentence = "expected at least 1 and less than 2^53";
  CHECK_THROWS(std::invalid_argument, sentence, trainer.begin_schedule(1, beyond));
  CHECK_THROWS(std::invalid_argument, sentence, trainer.begin_schedule(kMost, 1));
  CHECK_THROWS(std::invalid_argument, sentence, trainer.extend_schedule(beyond));
  CHECK_THROWS(std::invalid_argument, sentence,
               trainer.fit(samples.images(), samples.targets(), kMost));
  EpochOptions options;
  for (const int64_t first : {int64_t{-1}, kMost - kCount + 1}) {
    options.first_image = first;
    CHECK_THROWS(std::invalid_argument, "expected the number of an image",
                 trainer.begin_epoch(samples.images(), samples.targets(), options));
  }
}

// The order and the changes of images have random numbers for fewer epochs than checkpoints hold.
void epochs_without_random_numbers() {
  Model model = small_model();
  Trainer trainer(model);
  const cnnx::test::Samples<kCount> samples;
  constexpr uint64_t kEpochs = uint64_t{1} << 48;
  EpochOptions options;
  options.number = kEpochs - 2;
  CHECK_EQUAL(trainer.begin_epoch(samples.images(), samples.targets(), options).number(),
              kEpochs - 2);
  for (const uint64_t number : {kEpochs - 1, kEpochs, kEpochs << 5}) {
    options.number = number;
    CHECK_THROWS(
        std::invalid_argument,
        "begin_epoch: number is " + std::to_string(number) + ", expected less than 2^48 - 1",
        trainer.begin_epoch(samples.images(), samples.targets(), options));
  }
  std::vector<float> images(kCount * kSize * kSize);
  cnnx::Augmentation augmentation;
  augmentation.flip = cnnx::Augmentation::Flip::random;
  const auto augment = [&](uint64_t epoch) {
    cnnx::augment_images(samples.images(), {kSize, kSize, 1}, {}, augmentation, 1, epoch,
                         images.data());
    return 0;
  };
  const auto augment_masks = [&](uint64_t epoch) {
    std::vector<int64_t> masks(kCount * kSize * kSize);
    cnnx::augment_masks({masks.data(), kCount, kSize, kSize}, {kSize, kSize}, augmentation, 1,
                        epoch, masks.data());
    return 0;
  };
  augment(kEpochs - 1);
  augment_masks(kEpochs - 1);
  CHECK_THROWS(std::invalid_argument,
               "augment_images: epoch is 281474976710656, expected less than 2^48",
               augment(kEpochs));
  CHECK_THROWS(std::invalid_argument,
               "augment_masks: epoch is 281474976710656, expected less than 2^48",
               augment_masks(kEpochs));
}

void places_that_no_epoch_has() {
  EpochOptions options;
  for (const double loss : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS(
        cnnx::FormatError, "resume: the metadata hold no place in an epoch",
        (cnnx::resume(options, {"", {{"epoch_place", {5}, Doubles{1, 2, loss, 4, 5}}}}), 0));
  }
  for (const double weight : {-4.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS(
        cnnx::FormatError, "resume: the metadata hold no place in an epoch",
        (cnnx::resume(options, {"", {{"epoch_place", {6}, Doubles{1, 2, 3, weight, 5, 6}}}}), 0));
  }
  cnnx::resume(options, {"", {{"epoch_place", {5}, Doubles{1, 2, -3, 4, 5}}}});
  CHECK_EQUAL(options.position.loss, -3.0);
}

// A file whose checksums have another name, which no reader compares.
std::string edited(std::string file, const std::string& from, const std::string& to) {
  const auto replace = [&](const std::string& old, const std::string& text) {
    const std::size_t place = file.find(old);
    if (place != std::string::npos) file.replace(place, old.size(), text);
    return place != std::string::npos;
  };
  replace("cnnx.checksums", "none.checksums");
  CHECK(replace(from, to));
  return file;
}

void schedules_of_no_length() {
  const cnnx::test::TemporaryFolder folder("wrong_numbers_test");
  const std::string path = (folder / "run.ckpt").u8string();
  Model model = small_model();
  Trainer trainer(model);
  trainer.begin_schedule(3, 5);
  trainer.save_checkpoint(path);
  std::ifstream stream(folder / "run.ckpt", std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(stream), {}};
  stream.close();
  const std::string epochs = R"(\"epochs\":3)", steps = R"(\"steps_per_epoch\":5)";
  const std::string no_epochs = R"(\"epochs\":0)", no_steps = R"(\"steps_per_epoch\":0)";
  const auto load = [&](const std::string& changed) {
    std::ofstream(folder / "run.ckpt", std::ios::binary) << changed;
    return cnnx::Checkpoint::load(path).model().parameters().size();
  };
  const char* sentence = "cnnx.trainer: schedule has ";
  CHECK_THROWS(cnnx::FormatError, sentence, load(edited(file, epochs, no_epochs)));
  CHECK_THROWS(cnnx::FormatError, sentence, load(edited(file, steps, no_steps)));
  CHECK_EQUAL(load(edited(file, epochs, epochs)), 4u);
  const std::string neither = edited(file, epochs, no_epochs);
  CHECK_EQUAL(load(edited(neither, steps, no_steps)), 4u);
}

void labels_that_change_during_an_epoch() {
  Model model = small_model();
  cnnx::Loss loss;
  loss.class_weights = {1.0f, 2.0f};
  Trainer plain(model), weighted(model, cnnx::Adam{}, loss);
  for (Trainer* trainer : {&plain, &weighted}) {
    for (const bool prefetch : {false, true}) {
      for (const int64_t wrong : {int64_t{2}, int64_t{-1000000}, int64_t{1} << 32, kLeast, kMost}) {
        cnnx::test::Samples<kCount> samples;
        EpochOptions options;
        options.batch_size = 2;
        options.shuffle = false;
        options.prefetch = prefetch;
        cnnx::Epoch epoch = trainer->begin_epoch(samples.images(), samples.targets(), options);
        // Before the first batch, because a thread may read the next one from then on.
        for (std::size_t i = 2; i < kCount; ++i) samples.labels[i] = wrong;
        CHECK(epoch.advance());
        CHECK_THROWS(std::invalid_argument, "is out of range, expected 0 to 1", [&] {
          while (epoch.advance()) {
          }
          return 0;
        }());
      }
    }
  }
}

void labels_that_stand_for_none_inside() {
  Model model = small_model();
  Trainer trainer(model);
  cnnx::test::Samples<kCount> samples;
  samples.labels[0] = kLeast;
  CHECK_THROWS(std::invalid_argument, "at row 0 is out of range, expected 0 to 1",
               trainer.step(samples.images(), samples.targets()));
  CHECK_THROWS(std::invalid_argument, "at row 0 is out of range, expected 0 to 1",
               trainer.evaluate(samples.images(), samples.targets()));
}

void counts_of_images() {
  const Model model = small_model();
  const cnnx::test::Samples<kCount> samples;
  std::vector<float> outputs = model.run(samples.images());
  for (const int64_t count : {int64_t{-1}, kMost})
    CHECK_THROWS(std::invalid_argument, "expected a number of images",
                 (model.outputs_to_probabilities(outputs.data(), count), 0));
  CHECK_THROWS(std::invalid_argument, "outputs is a null pointer",
               (model.outputs_to_probabilities(nullptr, 1), 0));
  for (const int64_t repetitions : {int64_t{0}, int64_t{-1}})
    CHECK_THROWS(std::invalid_argument, "repetitions is",
                 model.layer_times(samples.images(), repetitions));
}

void pixels_that_are_not_finite() {
  Model model({Conv2d(4, 3), ReLU(), Flatten(), Dense(2)}, {kSize, kSize, 1});
  const std::vector<float> ones(4 * 3 * 3, 1.0f);
  model.set_parameter(model.parameters()[0], ones.data());
  const float infinity = std::numeric_limits<float>::infinity();
  // A ReLU turns -infinity into 0, so that no output shows it.
  for (const float wrong : {-infinity, infinity, std::numeric_limits<float>::quiet_NaN()}) {
    for (const int64_t place : {int64_t{0}, 3 * kSize * kSize - 1}) {
      std::vector<float> pixels(3 * kSize * kSize, 0.5f);
      CHECK_EQUAL(model.predict({pixels.data(), 3}).size(), 3u);
      pixels[static_cast<std::size_t>(place)] = wrong;
      const char* sentence = "predict: an image holds NaN or infinity, expected finite pixels";
      CHECK_THROWS(std::invalid_argument, sentence, model.predict({pixels.data(), 3}));
      const float* image = pixels.data() + (place == 0 ? 0 : 2 * kSize * kSize);
      CHECK_THROWS(std::invalid_argument, sentence,
                   model.predict(cnnx::ImageView{image, kSize, kSize, 1}));
    }
  }
}

void gradients_that_are_not_finite() {
  Model model = small_model();
  Trainer trainer(model);
  const cnnx::test::Samples<kCount> samples;
  std::vector<float> pixels(kCount * kSize * kSize, std::numeric_limits<float>::quiet_NaN());
  const std::vector<std::byte> before = model.to_bytes();
  trainer.compute_gradients(cnnx::ImageBatch(pixels.data(), kCount), samples.targets());
  CHECK_THROWS(cnnx::NotFiniteError, "apply_gradients: the gradient of conv2d_1.weight holds NaN",
               (trainer.apply_gradients(), 0));
  CHECK(model.to_bytes() == before);
  trainer.compute_gradients(samples.images(), samples.targets());
  trainer.apply_gradients();
  CHECK(model.to_bytes() != before);
}

// A batch that cannot be trained on does not spoil predictions.
void running_statistics_that_would_not_be_finite() {
  const cnnx::test::Samples<kCount> samples;
  const std::vector<float> pixels(kCount * kSize * kSize, std::numeric_limits<float>::quiet_NaN());
  for (const int64_t shards : {int64_t{1}, int64_t{2}}) {
    Model model({Conv2d(4, 3), BatchNorm2d(), Flatten(), Dense(2)}, {kSize, kSize, 1});
    cnnx::TrainerOptions options;
    options.shards = shards;
    Trainer trainer(model, cnnx::Adam{}, {}, options);
    const std::vector<std::byte> before = model.to_bytes();
    const double loss =
        trainer.compute_gradients(cnnx::ImageBatch(pixels.data(), kCount), samples.targets());
    CHECK(std::isnan(loss));
    CHECK(model.to_bytes() == before);
    trainer.compute_gradients(samples.images(), samples.targets());
    CHECK(model.to_bytes() != before);
    trainer.apply_gradients();
    trainer.check_finite();
  }
}

void handles_without_an_object() {
  Model model = small_model();
  CHECK_THROWS(std::invalid_argument, "distribute: exchange is a null pointer",
               (Trainer(model).distribute(0, 1, nullptr), 0));
  cnnx::Operator op(ReLU(), {{1, 2, 2, 1}});
  const cnnx::Operator other = std::move(op);
  CHECK(other.output_shape() == cnnx::Shape({1, 2, 2, 1}));
  const char* sentence = "operator: it was moved from";
  CHECK_THROWS(std::invalid_argument, sentence, op.output_shape());
  CHECK_THROWS(std::invalid_argument, sentence, op.parameters());
  CHECK_THROWS(std::invalid_argument, sentence, op.buffers());
  CHECK_THROWS(std::invalid_argument, sentence, op.backward_reads_input());
  CHECK_THROWS(std::invalid_argument, sentence, op.backward_reads_output());
  CHECK_THROWS(std::invalid_argument, sentence, (op.forward({}), 0));
  CHECK_THROWS(std::invalid_argument, sentence, (op.backward({}), 0));
}

// Of a process whose others never answer.
class NoExchange : public cnnx::ShardExchange {
 public:
  void begin(int64_t) override {}
  void send(int64_t, int64_t) override {}
  void finish() override {}
  void share(double*, int64_t, int64_t) override {}
  std::string share(const std::string& text, int64_t) override { return text; }
};

void numbers_of_contributions() {
  Model model = small_model();
  cnnx::TrainerOptions options;
  options.shards = 2;
  Trainer trainer(model, cnnx::Adam{}, {}, options);
  trainer.distribute(0, 2, std::make_shared<NoExchange>());
  CHECK(trainer.contribution(0) != nullptr);
  for (const int64_t number : {int64_t{-1}, int64_t{1}, int64_t{7}, kMost})
    CHECK_THROWS(std::invalid_argument,
                 "contribution: number is " + std::to_string(number) + ", expected 0 to 0",
                 trainer.contribution(number));
  for (const int64_t shards : {int64_t{0}, int64_t{-2}})
    CHECK_THROWS(std::invalid_argument,
                 "has_rows: shards is " + std::to_string(shards) + ", expected at least 1",
                 cnnx::has_rows({0, 1, 0}, 3, shards));
  const std::vector<float> values(4, 1.0f);
  std::vector<float> sums(4);
  CHECK_THROWS(
      std::invalid_argument,
      "add_contributions: values has 1 arrays, expected one for each of 2 contributions",
      (cnnx::add_contributions({{0, 1, 0}, {1, 2, 0}}, {values.data()}, 4, sums.data()), 0));
}

void shapes_of_augmented_images() {
  const std::vector<float> pixels(kSize * kSize, 0.5f);
  std::vector<float> out(kSize * kSize);
  for (const cnnx::Shape& shape : {cnnx::Shape{}, {kSize, kSize}, {1, kSize, kSize, 1}})
    CHECK_THROWS(std::invalid_argument,
                 "augment_images: shape is " + cnnx::to_string(shape) +
                     ", expected (height, width, channels)",
                 (cnnx::augment_images({pixels.data(), 1}, shape, {}, {}, 1, 0, out.data()), 0));
}

}  // namespace

int wrong_numbers_test(int, char*[]) {
  numbers_that_no_checkpoint_can_hold();
  epochs_without_random_numbers();
  places_that_no_epoch_has();
  schedules_of_no_length();
  labels_that_change_during_an_epoch();
  labels_that_stand_for_none_inside();
  counts_of_images();
  pixels_that_are_not_finite();
  gradients_that_are_not_finite();
  running_statistics_that_would_not_be_finite();
  handles_without_an_object();
  numbers_of_contributions();
  shapes_of_augmented_images();
  return cnnx::test::finish("wrong_numbers_test");
}
