// A custom loss gets the same targets from a step, an epoch and an evaluation.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "check.h"
#include "cnnx/layers.h"
#include "cnnx/model.h"
#include "cnnx/trainer.h"
#include "xo_samples.h"

namespace {

using namespace cnnx::layers;
using cnnx::Model;
using cnnx::Targets;
using cnnx::Trainer;

constexpr int64_t kSize = 16, kCount = 6, kMap = kSize * kSize;

using Samples = cnnx::test::Samples<kCount>;

// The targets of the images that the function was called with, in their order.
struct Seen {
  std::vector<int64_t> labels;
  std::vector<float> values;
  int64_t without_labels = 0, without_values = 0;  // images
};

cnnx::Loss observing(Seen& seen, int64_t labels_per_image, int64_t target_size, int64_t outputs) {
  cnnx::Loss loss;
  loss.kind = cnnx::Loss::Kind::custom;
  loss.target_size = target_size;
  loss.function = [=, &seen](const float*, const Targets& targets, int64_t images,
                             float* gradient) {
    if (targets.labels) {
      seen.labels.insert(seen.labels.end(), targets.labels,
                         targets.labels + images * labels_per_image);
    } else {
      seen.without_labels += images;
    }
    if (targets.values) {
      seen.values.insert(seen.values.end(), targets.values, targets.values + images * target_size);
    } else {
      seen.without_values += images;
    }
    if (gradient) std::fill_n(gradient, images * outputs, 0.0f);
    return 0.0;
  };
  return loss;
}

void labels_and_values_both_arrive() {
  const Samples samples;
  constexpr int64_t kValues = 3;
  std::vector<float> values(kCount * kValues);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const Targets targets{samples.labels.data(), values.data()};
  cnnx::EpochOptions options;
  options.batch_size = 4;
  options.shuffle = false;
  Seen stepped, trained, evaluated;
  for (Seen* seen : {&stepped, &trained, &evaluated}) {
    Model model({Flatten(), Dense(2)}, {kSize, kSize, 1});
    Trainer trainer(model, cnnx::Sgd{0.1}, observing(*seen, 1, kValues, 2));
    if (seen == &stepped) trainer.step(samples.images(), targets);
    if (seen == &trained) trainer.fit(samples.images(), targets, 1, options);
    if (seen == &evaluated) trainer.evaluate(samples.images(), targets);
    CHECK(seen->labels == samples.labels);
    CHECK(seen->values == values);
    CHECK_EQUAL(seen->without_labels + seen->without_values, 0);
  }
}

// Labels and values of the same positions move with their image.
void augmentation_moves_both() {
  const Samples samples;
  std::vector<int64_t> labels(kCount * kMap);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int64_t>(i);
  const std::vector<float> values(labels.begin(), labels.end());
  cnnx::EpochOptions options;
  options.augmentation.flip = cnnx::Augmentation::Flip::random;
  Seen seen;
  Model model({Conv2d(1, 3).padding(cnnx::Padding::same)}, {kSize, kSize, 1});
  Trainer trainer(model, cnnx::Sgd{0.1}, observing(seen, kMap, kMap, kMap));
  trainer.fit(samples.images(), Targets{labels.data(), values.data()}, 2, options);
  CHECK_EQUAL(static_cast<int64_t>(seen.labels.size()), 2 * kCount * kMap);
  CHECK(seen.values == std::vector<float>(seen.labels.begin(), seen.labels.end()));
  const auto is_flipped = [](int64_t left, int64_t right) { return right == left - 1; };
  CHECK(std::adjacent_find(seen.labels.begin(), seen.labels.end(), is_flipped) !=
        seen.labels.end());
}

}  // namespace

int custom_loss_test(int, char*[]) {
  labels_and_values_both_arrive();
  augmentation_moves_both();
  return cnnx::test::finish("custom_loss_test");
}
