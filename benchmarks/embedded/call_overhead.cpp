// What one call for one image takes: prints the median microseconds of Model::run and of
// Model::predict, for LeNet and for its layers with next to nothing to compute.
//
//   call_overhead SAMPLES
#include <cnnx/cnnx.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

// LeNet's layers, with kernels of so many pixels' side and so many channels and features, for
// images of size x size pixels.
cnnx::Model lenet(std::int64_t size, std::int64_t kernel, std::int64_t channels1,
                  std::int64_t channels2, std::int64_t features1, std::int64_t features2,
                  std::int64_t outputs) {
  using namespace cnnx::layers;
  return cnnx::Model(
      {Conv2d(channels1, kernel), ReLU(), MaxPool2d(2), Conv2d(channels2, kernel), ReLU(),
       MaxPool2d(2), Flatten(), Dense(features1), ReLU(), Dense(features2), ReLU(), Dense(outputs)},
      {size, size, 1});
}

// The median over samples of some calls each.
template <class Call>
double microseconds(int samples, const Call& call) {
  using Clock = std::chrono::steady_clock;
  constexpr int kCalls = 200;
  for (int i = 0; i < kCalls; ++i) call();
  std::vector<double> times;
  for (int sample = 0; sample < samples; ++sample) {
    const auto begun = Clock::now();
    for (int i = 0; i < kCalls; ++i) call();
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begun).count() /
                    kCalls);
  }
  std::nth_element(times.begin(), times.begin() + samples / 2, times.end());
  return times[static_cast<std::size_t>(samples / 2)];
}

void measure(const char* name, const cnnx::Model& model, int samples) {
  const std::int64_t size = model.input_shape()[0];
  const std::vector<float> image(static_cast<std::size_t>(size * size), 0.5f);
  const std::vector<std::uint8_t> bytes(image.size(), 128);
  std::vector<float> outputs(static_cast<std::size_t>(model.output_shape()[0]));
  const cnnx::ImageBatch one(image.data(), 1);
  const double run = microseconds(samples, [&] { model.run(one, outputs.data()); });
  const double predict =
      microseconds(samples, [&] { model.predict(cnnx::ImageView{bytes.data(), size, size, 1}); });
  std::printf("%s %.3f %.3f\n", name, run, predict);
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count != 2 || std::atoi(arguments[1]) < 1) {
    std::fprintf(stderr, "usage: call_overhead SAMPLES\n");
    return 2;
  }
  const int samples = std::atoi(arguments[1]);
  measure("lenet", lenet(32, 5, 6, 16, 120, 84, 10), samples);
  measure("nothing", lenet(4, 1, 1, 1, 1, 1, 2), samples);
}
