// One model in many threads: those that predict see the weights as they were after some step,
// whole, while another thread trains, saves, copies and changes them.
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "check.h"
#include "cnnx/cnnx.h"
#include "temporary_folder.h"

namespace {

using cnnx::Layer;
using cnnx::Model;
using cnnx::PictureBatch;
using cnnx::Trainer;

constexpr int64_t kPictures = 48, kSize = 16, kPredicted = 20;
constexpr int kSteps = 6, kThreads = 8;

struct Drawings {
  std::vector<uint8_t> pixels = std::vector<uint8_t>(kPictures * kSize * kSize);
  std::vector<int64_t> labels = std::vector<int64_t>(kPictures);
  Drawings() { cnnx::draw_xo(kPictures, kSize, 1, pixels.data(), labels.data()); }
  PictureBatch first(int64_t count) const {
    PictureBatch batch;
    batch.pixels = pixels.data();
    batch.type = cnnx::PixelType::uint8;
    batch.count = count;
    return batch;
  }
};

// A convolution, a batch norm with its running statistics, a dense layer.
Model network() {
  const cnnx::Attributes convolution = {{"out_channels", int64_t{8}},
                                        {"kernel_size", std::vector<int64_t>{3, 3}},
                                        {"stride", std::vector<int64_t>{1, 1}},
                                        {"padding", std::string("same")},
                                        {"dilation", std::vector<int64_t>{1, 1}},
                                        {"groups", int64_t{1}},
                                        {"bias", false}};
  const cnnx::Attributes norm = {{"momentum", 0.1f}, {"epsilon", 1e-5f}, {"affine", true}};
  const cnnx::Attributes pool = {{"kernel_size", std::vector<int64_t>{2, 2}},
                                 {"stride", std::vector<int64_t>{2, 2}},
                                 {"padding", std::string("valid")}};
  const cnnx::Attributes dense = {{"out_features", int64_t{2}}, {"bias", true}};
  const auto layer = [](const char* kind, const cnnx::Attributes& attributes = {}) {
    Layer made;
    made.kind = kind;
    made.attributes = attributes;
    return made;
  };
  return Model({layer("conv2d", convolution), layer("batch_norm2d", norm), layer("relu"),
                layer("max_pool2d", pool), layer("flatten"), layer("dense", dense)},
               {kSize, kSize, 1});
}

std::vector<float> outputs_of(const Model& model, const Drawings& drawings) {
  std::vector<float> outputs(kPredicted * 2);
  model.run(drawings.first(kPredicted), outputs.data());
  return outputs;
}

Trainer trainer_of(Model& model) { return Trainer(model, cnnx::Adam{}, cnnx::Loss{}); }

// While `work` runs, each of the threads predicts all the time; whether every answer was one of
// `versions`. Each has predicted at least once before `work` begins.
template <class Work>
bool predict_during(const Model& model, const Drawings& drawings,
                    const std::vector<std::vector<float>>& versions, const Work& work) {
  std::atomic<bool> stop{false}, good{true};
  std::atomic<int> begun{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      bool first = true;
      do {
        const std::vector<float> outputs = outputs_of(model, drawings);
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

// A step changes the running statistics before it changes the weights: both are versions.
void beside_a_thread_that_trains(const Drawings& drawings) {
  Model alone = network();
  Trainer trainer = trainer_of(alone);
  std::vector<std::vector<float>> versions = {outputs_of(alone, drawings)};
  std::vector<double> losses;
  const cnnx::Targets targets{drawings.labels.data(), nullptr};
  for (int step = 0; step < kSteps; ++step) {
    losses.push_back(trainer.compute_gradients(drawings.first(kPictures), targets));
    versions.push_back(outputs_of(alone, drawings));
    trainer.apply_gradients();
    versions.push_back(outputs_of(alone, drawings));
  }
  CHECK(versions.front() != versions.back());

  Model model = network();
  Trainer beside = trainer_of(model);
  std::vector<double> losses_beside;
  const bool good = predict_during(model, drawings, versions, [&] {
    for (int step = 0; step < kSteps; ++step)
      losses_beside.push_back(beside.step(drawings.first(kPictures), targets));
  });
  CHECK(good);
  CHECK(losses_beside == losses);
  CHECK(outputs_of(model, drawings) == versions.back());
}

void beside_one_that_copies_saves_and_evaluates(const Drawings& drawings) {
  const cnnx::test::TemporaryFolder folder("model-threads");
  const std::string path = (folder / "model.cnnx").string();
  Model model = network();
  const Trainer trainer = trainer_of(model);
  const std::vector<float> expected = outputs_of(model, drawings);
  const cnnx::Targets targets{drawings.labels.data(), nullptr};
  bool same = true;
  const bool good = predict_during(model, drawings, {expected}, [&] {
    for (int i = 0; i < kSteps; ++i) {
      same = same && outputs_of(model.clone(), drawings) == expected;
      model.save(path);
      same = same && outputs_of(Model::load(path), drawings) == expected;
      trainer.evaluate(drawings.first(kPictures), targets);
      cnnx::set_num_threads(1 + i % 3);
    }
  });
  CHECK(same);
  CHECK(good);
}

void beside_one_that_assigns(const Drawings& drawings) {
  Model model = network();
  const cnnx::ParameterInfo bias = model.parameters().back();
  std::vector<std::vector<float>> versions;
  const auto assign = [&](int i) {
    const float values[] = {static_cast<float>(i % 4), -1.0f};
    model.set_parameter(bias, values);
  };
  for (int i = 0; i < 4; ++i) {
    assign(i);
    versions.push_back(outputs_of(model, drawings));
  }
  CHECK(predict_during(model, drawings, versions, [&] {
    for (int i = 0; i < 40; ++i) assign(i);
  }));
}

void errors_stay_in_the_thread_that_made_them(const Drawings& drawings) {
  const Model model = network();
  const std::vector<float> expected = outputs_of(model, drawings);
  std::atomic<int> right{0};
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
        if (own && outputs_of(model, drawings) == expected) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQUAL(right.load(), 20 * kThreads);
}

}  // namespace

int main() {
  const Drawings drawings;
  for (const int threads : {1, 2}) {
    cnnx::set_num_threads(threads);
    beside_a_thread_that_trains(drawings);
    beside_one_that_copies_saves_and_evaluates(drawings);
    beside_one_that_assigns(drawings);
    errors_stay_in_the_thread_that_made_them(drawings);
  }
  return cnnx::test::finish("model_threads_test");
}
