// Trainers of models with several outputs: what they read of the heads, and averaged models.
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "cnnx/layers.h"
#include "cnnx/model.h"
#include "cnnx/trainer.h"
#include "xo_samples.h"

namespace {

using namespace cnnx::layers;
using cnnx::Loss;
using cnnx::Model;
using cnnx::Probabilities;
using cnnx::Targets;
using cnnx::Trainer;

constexpr int64_t kSize = 16, kCount = 8, kMap = kSize * kSize;

using Samples = cnnx::test::Samples<kCount>;

// A map of two classes, logits and values.
Model model_of_heads() {
  Model model(
      {Conv2d(2, 3).padding(cnnx::Padding::same),
       Parallel({{Flatten()}, {GlobalAvgPool2d(), Dense(3)}, {GlobalAvgPool2d(), Dense(1)}})},
      {kSize, kSize, 1});
  model.set_heads({{"map", {kSize, kSize, 2}}, {"parts", {3}}, {"size", {1}}});
  return model;
}

Loss loss_of_heads() {
  Loss loss;
  loss.kind = Loss::Kind::heads;
  loss.terms.resize(3);
  loss.terms[1].kind = Loss::Kind::binary_cross_entropy;
  loss.terms[2].kind = Loss::Kind::mean_squared_error;
  return loss;
}

// Labels of the map, then four values.
std::vector<float> targets_of_heads() {
  std::vector<float> values(kCount * (kMap + 4));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i / 3 % 2);
  return values;
}

std::vector<Probabilities> kinds(const Model& model) {
  std::vector<Probabilities> found;
  for (const cnnx::Head& head : model.heads()) found.push_back(head.probabilities);
  return found;
}

void an_averaged_model_has_the_heads_and_metadata_of_the_trained_one() {
  const Samples samples;
  const std::vector<float> values = targets_of_heads();
  cnnx::TrainerOptions options;
  options.averaging = cnnx::Averaging{0.5, 1};
  Model model = model_of_heads();
  Trainer trainer(model, cnnx::Adam{}, loss_of_heads(), options);
  const std::vector<Probabilities> expected = {Probabilities::softmax, Probabilities::sigmoid,
                                               Probabilities::none};
  CHECK(kinds(model) == expected);
  CHECK(kinds(trainer.averaged_model()) == expected);
  trainer.step(samples.images(), Targets{nullptr, values.data()});
  model.set_metadata({{"author", "somebody"}});
  CHECK(kinds(trainer.averaged_model()) == expected);
  CHECK(trainer.averaged_model().metadata() == model.metadata());
  std::vector<cnnx::Head> renamed = model.heads();
  renamed[2].name = "weight";
  model.set_heads(renamed);
  CHECK_EQUAL(trainer.averaged_model().heads()[2].name, "weight");
}

// A trainer has the heads of its beginning: targets have their order.
void heads_may_change_after_a_trainer_was_made() {
  const Samples samples;
  const std::vector<float> values = targets_of_heads();
  const Targets targets{nullptr, values.data()};
  Model model = model_of_heads(), twin = model_of_heads();
  Trainer trainer(model, cnnx::Adam{}, loss_of_heads());
  Trainer other(twin, cnnx::Adam{}, loss_of_heads());
  cnnx::EpochOptions options;
  options.augmentation.flip = cnnx::Augmentation::Flip::random;
  model.set_heads({});
  const double loss = trainer.fit(samples.images(), targets, 1, options)[0].loss;
  model.set_heads({{"all", {2 * kMap + 4}}});
  trainer.fit(samples.images(), targets, 1, options);
  CHECK_EQUAL(loss, other.fit(samples.images(), targets, 1, options)[0].loss);
  other.fit(samples.images(), targets, 1, options);
  model.set_heads(twin.heads());
  CHECK(model.to_bytes() == twin.to_bytes());
}

}  // namespace

int trainer_heads_test(int, char*[]) {
  an_averaged_model_has_the_heads_and_metadata_of_the_trained_one();
  heads_may_change_after_a_trainer_was_made();
  return cnnx::test::finish("trainer_heads_test");
}
