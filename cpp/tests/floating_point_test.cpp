// A program's floating-point mode, whatever it is, changes no bit: training and prediction with
// another rounding give those of round-to-nearest, and the mode is as before afterwards.
#include <cfenv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "check.h"
#include "cnnx/image.h"
#include "cnnx/layers.h"
#include "cnnx/model.h"
#include "cnnx/trainer.h"
#include "xo_samples.h"

namespace {

using namespace cnnx::layers;
using cnnx::Model;
using cnnx::Trainer;

constexpr int64_t kSize = 16, kCount = 40;

struct Results {
  std::vector<std::byte> weights;
  std::vector<float> outputs, probabilities, resized, gradients;
  double loss = 0, evaluated = 0;
};

// An optimizer with powers, a schedule, augmentation, folded norms. Made before the mode changes,
// because arithmetic of this program would round as the mode says.
struct Settings {
  std::vector<cnnx::Layer> layers = {Conv2d(4, 3).bias(false), BatchNorm2d(), ReLU(), Flatten(),
                                     Dense(2)};
  cnnx::ModelOptions options;
  cnnx::OptimizerSettings optimizer = cnnx::AdamW{1e-3};
  cnnx::Loss loss;
  cnnx::TrainerOptions trained;
  cnnx::EpochOptions epochs;

  Settings() {
    options.preprocessing.mean = {0.3f};
    options.preprocessing.std = {0.7f};
    loss.label_smoothing = 0.1f;
    loss.class_weights = {1.3f, 0.7f};
    trained.clip_norm = 0.5;
    trained.averaging = cnnx::Averaging{};
    trained.schedule.shape = cnnx::CosineDecay{};
    epochs.batch_size = 8;
    epochs.augmentation.rotate = 10;
    epochs.augmentation.mixup = 0.4f;
  }
};

// Of new weights, training, prediction, resizing and gradients.
Results results(const Settings& settings) {
  const cnnx::test::Samples<kCount> samples;
  Model model(settings.layers, {kSize, kSize, 1}, settings.options);
  Trainer trainer(model, settings.optimizer, settings.loss, settings.trained);
  Results found;
  found.loss = trainer.fit(samples.images(), samples.targets(), 2, settings.epochs).back().loss;
  found.evaluated = trainer.evaluate(samples.images(), samples.targets()).loss;
  found.weights = model.to_bytes();
  model.set_temperature(1.75f);
  found.outputs = model.run(samples.images());
  found.probabilities = trainer.averaged_model().probabilities(samples.images());
  const std::vector<uint8_t> pixels(23 * 31 * 3, 77);
  found.resized = model.predict(cnnx::ImageView{pixels.data(), 23, 31, 3}).probabilities;
  const std::vector<float> grad_outputs(2 * kCount, 0.25f);
  found.gradients.resize(kCount * kSize * kSize);
  model.gradients(samples.images(), grad_outputs.data(), "input", found.gradients.data());
  return found;
}

void another_rounding_gives_the_same_bits() {
  const Settings settings;
  const Results expected = results(settings);
  CHECK(std::isfinite(expected.loss));
  if (cnnx::test::left_out_of_webassembly("other roundings", "it rounds to nearest alone")) return;
  for (const int rounding : {FE_UPWARD, FE_TOWARDZERO}) {
    CHECK_EQUAL(std::fesetround(rounding), 0);
    const Results found = results(settings);
    CHECK_EQUAL(std::fegetround(), rounding);
    std::fesetround(FE_TONEAREST);
    CHECK(found.weights == expected.weights);
    CHECK(found.outputs == expected.outputs);
    CHECK(found.probabilities == expected.probabilities);
    CHECK(found.resized == expected.resized);
    CHECK(found.gradients == expected.gradients);
    CHECK(found.loss == expected.loss);
    CHECK(found.evaluated == expected.evaluated);
  }
}

}  // namespace

int main() {
  another_rounding_gives_the_same_bits();
  return cnnx::test::finish("floating_point_test");
}
