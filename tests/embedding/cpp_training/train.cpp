// The training runs that test_cpp_training.py also does in Python; prints every epoch's loss
// exactly.
//
//   train fit THREADS MODEL                 whole epochs, Adam
//   train loop THREADS MODEL                a custom loop with every option of a recipe
//   train begin THREADS CHECKPOINT STEPS    the same, stopped after so many steps
//   train resume THREADS CHECKPOINT MODEL   and resumed
#include <cnnx/cnnx.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <limits>
#include <string>
#include <vector>

namespace {

using namespace cnnx::layers;

constexpr std::int64_t kCount = 200, kSize = 24, kEpochs = 3;

struct Samples {
  std::vector<std::uint8_t> pixels = std::vector<std::uint8_t>(kCount * kSize * kSize);
  std::vector<std::int64_t> labels = std::vector<std::int64_t>(kCount);

  Samples() { cnnx::draw_xo(kCount, kSize, 1, pixels.data(), labels.data()); }
  cnnx::ImageBatch images() const { return {pixels.data(), kCount}; }
  cnnx::Targets targets() const { return {labels.data()}; }
};

void print(const cnnx::Metrics& metrics) { std::printf("%a %a\n", metrics.loss, metrics.accuracy); }

void fit(const char* path) {
  cnnx::Model model(
      {Conv2d(8, 3), ReLU(), MaxPool2d(2), Conv2d(16, 3), ReLU(), Flatten(), Dense(2)},
      {kSize, kSize, 1}, {{"X", "O"}, {}, 0});
  cnnx::Trainer trainer(model);
  const Samples samples;
  for (const cnnx::Metrics& metrics : trainer.fit(samples.images(), samples.targets(), kEpochs))
    print(metrics);
  print(trainer.evaluate(samples.images(), samples.targets()));
  model.save(path);
}

cnnx::Model loop_model() {
  return cnnx::Model({Conv2d(16, 3).padding(cnnx::Padding::same).bias(false), BatchNorm2d(), ReLU(),
                      Residual({Conv2d(16, 3).padding(cnnx::Padding::same), BatchNorm2d(), ReLU()}),
                      MaxPool2d(4), Flatten(), Dropout(0.3), Dense(2)},
                     {kSize, kSize, 1}, {{"X", "O"}, {}, 2});
}

cnnx::Trainer loop_trainer(cnnx::Model& model) {
  cnnx::Sgd sgd;
  sgd.learning_rate = 0.05;
  sgd.momentum = 0.9;
  sgd.nesterov = true;
  sgd.weight_decay = 5e-4;
  cnnx::Loss loss;
  loss.label_smoothing = 0.1f;
  cnnx::TrainerOptions options;
  options.seed = 3;
  options.rules = {{"*.bias", 1, 0}};
  options.clip_norm = 5;
  options.averaging = cnnx::Averaging{0.9, 1};
  options.schedule = {cnnx::CosineDecay{}, 0.5};
  return cnnx::Trainer(model, sgd, loss, options);
}

// Trains from `options` on for `steps` more steps or to the end of the last epoch. If there is a
// checkpoint path, saves the position there.
void train(cnnx::Trainer& trainer, cnnx::EpochOptions options, std::int64_t steps,
           const char* checkpoint) {
  options.batch_size = 48;
  options.augmentation.flip = cnnx::Augmentation::Flip::random;
  options.augmentation.crop_padding = 2;
  options.augmentation.rotate = 10;
  options.augmentation.brightness = 0.1f;
  const Samples samples;
  for (; options.number < kEpochs; ++options.number) {
    cnnx::Epoch epoch = trainer.begin_epoch(samples.images(), samples.targets(), options);
    if (options.number == 0 && epoch.step() == 0) trainer.begin_schedule(kEpochs, epoch.steps());
    while (steps > 0 && epoch.advance()) --steps;
    if (steps == 0) {
      return trainer.save_checkpoint(checkpoint, {"", {epoch.place()}});
    }
    print(epoch.metrics());
    options.position = {};
  }
}

void finish(const cnnx::Trainer& trainer, const cnnx::Model& model, const std::string& path) {
  model.save(path);
  trainer.averaged_model().save(path + ".averaged");
}

void loop(const char* path) {
  cnnx::Model model = loop_model();
  cnnx::Trainer trainer = loop_trainer(model);
  train(trainer, {}, std::numeric_limits<std::int64_t>::max(), nullptr);
  finish(trainer, model, path);
}

void begin(const char* checkpoint, std::int64_t steps) {
  cnnx::Model model = loop_model();
  cnnx::Trainer trainer = loop_trainer(model);
  train(trainer, {}, steps, checkpoint);
}

void resume(const char* path, const char* result) {
  const cnnx::Checkpoint checkpoint = cnnx::Checkpoint::load(path);
  cnnx::Model model = checkpoint.model();
  cnnx::Trainer trainer = loop_trainer(model);
  trainer.restore(checkpoint);
  cnnx::EpochOptions options;
  cnnx::resume(options, checkpoint.metadata());
  train(trainer, options, std::numeric_limits<std::int64_t>::max(), nullptr);
  finish(trainer, model, result);
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count < 4) return 2;
  try {
    const std::string what = arguments[1];
    cnnx::set_num_threads(std::atoi(arguments[2]));
    if (what == "fit") {
      fit(arguments[3]);
    } else if (what == "loop") {
      loop(arguments[3]);
    } else if (argument_count == 5 && what == "begin") {
      begin(arguments[3], std::atoll(arguments[4]));
    } else if (argument_count == 5 && what == "resume") {
      resume(arguments[3], arguments[4]);
    } else {
      return 2;
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
