// What one call for one image takes: prints the median microseconds of Model::run and of
// Model::predict, for LeNet and for its layers with next to nothing to compute; then of the first
// and the second prediction of new LeNets, without and with Model::warm_up.
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

double median(std::vector<double>& times) {
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
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
  return median(times);
}

void measure(const char* name, const cnnx::Model& model, int samples) {
  const std::int64_t size = model.input_shape()[0];
  const std::vector<float> image(static_cast<std::size_t>(size * size), 0.5f);
  const std::vector<std::uint8_t> bytes(image.size(), 128);
  std::vector<float> outputs(static_cast<std::size_t>(model.output_shape()[0]));
  const cnnx::ImageBatch one(image.data(), 1);
  const double run = microseconds(samples, [&] { model.run(one, outputs.data()); });
  const double predict =
      microseconds(samples, [&] { (void)model.predict({bytes.data(), size, size, 1}); });
  std::printf("%s %.3f %.3f\n", name, run, predict);
}

// The medians over new models of the first prediction and of the second one, with or without
// a warm-up.
void measure_first(const char* name, bool warms_up, int models) {
  using Clock = std::chrono::steady_clock;
  const std::vector<std::uint8_t> bytes(32 * 32, 128);
  std::vector<double> times[2];
  for (int i = 0; i < models; ++i) {
    const cnnx::Model model = lenet(32, 5, 6, 16, 120, 84, 10);
    if (warms_up) model.warm_up();
    for (std::vector<double>& of_call : times) {
      const auto begun = Clock::now();
      (void)model.predict({bytes.data(), 32, 32, 1});
      of_call.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begun).count());
    }
  }
  std::printf("%s %.3f %.3f\n", name, median(times[0]), median(times[1]));
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
  measure_first("first", false, samples);
  measure_first("warmed", true, samples);
}
