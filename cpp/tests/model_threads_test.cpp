// One model in many threads: predicting threads see consistent weights while another thread saves,
// copies, evaluates and assigns; an error stays in its thread. model_test.cpp tests training beside
// them.
#include "cnnx/model.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "cnnx/layers.h"
#include "cnnx/runtime.h"
#include "cnnx/trainer.h"
#include "cnnx/xo.h"
#include "temporary_folder.h"

namespace {

using namespace cnnx::layers;
using cnnx::ImageBatch;
using cnnx::Model;

constexpr int64_t kImages = 48, kSize = 16, kPredicted = 20;
constexpr int kThreads = 8;

struct Samples {
  std::vector<uint8_t> pixels = std::vector<uint8_t>(kImages * kSize * kSize);
  std::vector<int64_t> labels = std::vector<int64_t>(kImages);
  Samples() { cnnx::draw_xo(kImages, kSize, 1, pixels.data(), labels.data()); }
  ImageBatch first(int64_t count) const { return {pixels.data(), count}; }
};

Model network() {
  return Model({Conv2d(8, 3), BatchNorm2d(), ReLU(), MaxPool2d(2), Flatten(), Dense(2)},
               {kSize, kSize, 1});
}

std::vector<float> outputs_of(const Model& model, const Samples& samples) {
  return model.run(samples.first(kPredicted));
}

// While `work` runs, each of the threads predicts repeatedly. Returns whether every output was one
// of `versions`. Each thread predicts at least once before `work` begins.
template <class Work>
bool predict_during(const Model& model, const Samples& samples,
                    const std::vector<std::vector<float>>& versions, const Work& work) {
  std::atomic<bool> stop{false}, good{true};
  std::atomic<int> begun{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      bool first = true;
      do {
        const std::vector<float> outputs = outputs_of(model, samples);
        if (std::find(versions.begin(), versions.end(), outputs) == versions.end()) good = false;
        if (first) ++begun;
        first = false;
      } while (!stop);
    });
  }
  while (begun < kThreads) std::this_thread::yield();
  work();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  return good;
}

void beside_one_that_copies_saves_and_evaluates(const Samples& samples) {
  const cnnx::test::TemporaryFolder folder("model-threads");
  const std::string path = (folder / "model.cnnx").string();
  Model model = network();
  const cnnx::Trainer trainer(model);
  const std::vector<float> expected = outputs_of(model, samples);
  const cnnx::Targets targets{samples.labels.data()};
  bool same = true;
  const bool good = predict_during(model, samples, {expected}, [&] {
    for (int i = 0; i < 6; ++i) {
      same = same && outputs_of(model.clone(), samples) == expected;
      model.save(path);
      same = same && outputs_of(Model::load(path), samples) == expected;
      trainer.evaluate(samples.first(kImages), targets);
      cnnx::set_num_threads(1 + i % 3);
    }
  });
  CHECK(same);
  CHECK(good);
}

void beside_one_that_assigns(const Samples& samples) {
  Model model = network();
  const cnnx::ParameterInfo bias = model.parameters().back();
  std::vector<std::vector<float>> versions;
  const auto assign = [&](int i) {
    const float values[] = {static_cast<float>(i % 4), -1.0f};
    model.set_parameter(bias, values);
  };
  for (int i = 0; i < 4; ++i) {
    assign(i);
    versions.push_back(outputs_of(model, samples));
  }
  CHECK(predict_during(model, samples, versions, [&] {
    for (int i = 0; i < 40; ++i) assign(i);
  }));
}

void errors_stay_in_the_thread_that_made_them(const Samples& samples) {
  const Model model = network();
  const std::vector<float> expected = outputs_of(model, samples);
  std::atomic<int> correct{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 20; ++k) {
        std::string said;
        try {
          cnnx::set_num_threads(-i);
        } catch (const std::invalid_argument& error) {
          said = error.what();
        }
        const bool own =
            said == "set_num_threads: count is " + std::to_string(-i) + ", expected 1 to 1024";
        if (own && outputs_of(model, samples) == expected) ++correct;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQUAL(correct.load(), 20 * kThreads);
}

}  // namespace

int model_threads_test(int, char*[]) {
  const Samples samples;
  for (const int threads : {1, 2}) {
    cnnx::set_num_threads(threads);
    beside_one_that_copies_saves_and_evaluates(samples);
    beside_one_that_assigns(samples);
    errors_stay_in_the_thread_that_made_them(samples);
  }
  return cnnx::test::finish("model_threads_test");
}
