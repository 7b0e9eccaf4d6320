// Trains a small network on the X/O data set, prints its accuracy on a test set, and saves it.
//
//   train_xo MODEL
#include <cnnx/cnnx.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <vector>

namespace {

constexpr std::int64_t kSize = 32;

struct Samples {
  std::vector<std::uint8_t> pixels;
  std::vector<std::int64_t> labels;

  Samples(std::int64_t count, std::uint64_t seed)
      : pixels(static_cast<std::size_t>(count * kSize * kSize)),
        labels(static_cast<std::size_t>(count)) {
    cnnx::draw_xo(count, kSize, seed, pixels.data(), labels.data());
  }
  cnnx::ImageBatch images() const {
    return {pixels.data(), static_cast<std::int64_t>(labels.size())};
  }
  cnnx::Targets targets() const { return {labels.data()}; }
};

cnnx::Model new_model() {
  using namespace cnnx::layers;
  cnnx::ModelOptions options;
  options.classes = {"X", "O"};
  return cnnx::Model({Conv2d(16, 3).padding(cnnx::Padding::same), ReLU(), MaxPool2d(2),
                      Conv2d(32, 3).padding(cnnx::Padding::same), ReLU(), MaxPool2d(2), Flatten(),
                      Dense(64), ReLU(), Dense(2)},
                     {kSize, kSize, 1}, options);
}

bool report(std::int64_t epochs_done, const cnnx::Metrics& metrics) {
  std::printf("epoch %d: loss %.4f, accuracy %.1f %%\n", static_cast<int>(epochs_done),
              metrics.loss, 100 * metrics.accuracy);
  return true;  // continue
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count != 2) {
    std::fprintf(stderr, "usage: train_xo MODEL\n");
    return 2;
  }
  try {
    const Samples training(2000, 1), test(1000, 2);
    cnnx::Model model = new_model();
    cnnx::Trainer trainer(model, cnnx::Adam{1e-3});
    trainer.fit(training.images(), training.targets(), 6, {}, report);
    const cnnx::Metrics metrics = trainer.evaluate(test.images(), test.targets());
    std::printf("test accuracy %.1f %%\n", 100 * metrics.accuracy);
    model.save(arguments[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "train_xo: %s\n", error.what());
    return 1;
  }
  return 0;
}
