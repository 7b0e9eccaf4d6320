// A program's floating-point mode, whatever it is, changes no bit: training and prediction with
// another rounding give those of round-to-nearest, and the mode is as before afterwards.
#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "check.h"
#include "cnnx/batch_norm2d.h"
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

// Of functions that compute outside of a model's training and predictions.
std::vector<float> of_single_calls(const std::vector<float>& x, const std::vector<float>& scales,
                                   std::vector<float> whole) {
  constexpr int64_t kPixels = 30, kChannels = 10;
  std::vector<float> outputs(kPixels * kChannels);
  cnnx::batch_norm2d({kPixels, kChannels, 1e-5f}, x.data(), x.data() + 7, x.data() + 20,
                     x.data() + 40, scales.data(), outputs.data());
  Model model({Flatten(), Dense(3).int8_weight(true)}, {4, 4, 1});
  const cnnx::ParameterInfo weight = model.parameters()[0], scale = model.buffers()[0];
  const std::vector<float> first(3, 0.0123f);
  model.set_buffer(scale, first.data());
  model.set_parameter(weight, whole.data());
  model.set_buffer(scale, scales.data());
  model.get_parameter(weight, whole.data());
  outputs.insert(outputs.end(), whole.begin(), whole.end());
  return outputs;
}

void another_rounding_gives_single_calls_the_same_bits() {
  if (cnnx::test::left_out_of_webassembly("other roundings", "it rounds to nearest alone")) return;
  std::vector<float> x, scales, whole;
  for (int i = 0; i < 300; ++i) x.push_back(std::sin(static_cast<float>(i) * 1.3f));
  for (int i = 0; i < 10; ++i) scales.push_back(0.0377f + 0.0131f * static_cast<float>(i));
  for (int i = 0; i < 48; ++i) whole.push_back(static_cast<float>(i - 24) * 0.0123f);
  const std::vector<float> expected = of_single_calls(x, scales, whole);
  for (const int rounding : {FE_UPWARD, FE_TOWARDZERO}) {
    CHECK_EQUAL(std::fesetround(rounding), 0);
    const std::vector<float> found = of_single_calls(x, scales, whole);
    CHECK_EQUAL(std::fegetround(), rounding);
    std::fesetround(FE_TONEAREST);
    CHECK(std::equal(found.begin(), found.begin() + 300, expected.begin()));
    CHECK(std::equal(found.begin() + 300, found.end(), expected.begin() + 300));
  }
}

}  // namespace

int floating_point_test(int, char*[]) {
  another_rounding_gives_the_same_bits();
  another_rounding_gives_single_calls_the_same_bits();
  return cnnx::test::finish("floating_point_test");
}
