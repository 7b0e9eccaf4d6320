// One trainer in many threads: its calls run one after the other, and what other threads predict
// and save meanwhile is of the model between two steps. An argument is the number of steps of each
// part.
#include "cnnx/trainer.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "cnnx/error.h"
#include "cnnx/layers.h"
#include "cnnx/runtime.h"
#include "temporary_folder.h"
#include "xo_samples.h"

namespace {

using namespace cnnx::layers;
using cnnx::Model;
using cnnx::Trainer;

constexpr int64_t kCount = 12, kSize = 16;
constexpr int kPredicting = 8;

using Samples = cnnx::test::Samples<kCount>;
using Digest = uint64_t;

// FNV-1a.
Digest digest(const void* bytes, std::size_t size) {
  Digest hash = 14695981039346656037u;
  for (std::size_t i = 0; i < size; ++i)
    hash = (hash ^ static_cast<const uint8_t*>(bytes)[i]) * 1099511628211u;
  return hash;
}

Digest outputs_of(const Model& model, const Samples& samples) {
  const std::vector<float> outputs = model.run(samples.first(2));
  return digest(outputs.data(), outputs.size() * sizeof(float));
}

Digest file_of(const Model& model) {
  const std::vector<std::byte> bytes = model.to_bytes();
  return digest(bytes.data(), bytes.size());
}

Digest digest_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return digest(bytes.data(), bytes.size());
}

Model network() {
  return Model({Conv2d(2, 3).stride(2), BatchNorm2d(), ReLU(), Flatten(), Dense(2)},
               {kSize, kSize, 1});
}

void in_threads(int count, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

// A model after every number of steps on the same batch.
struct States {
  std::set<Digest> outputs, files;
  std::vector<double> losses;
  Digest last;

  States(const Samples& samples, int steps) {
    Model model = network();
    Trainer trainer(model);
    const auto note = [&] {
      outputs.insert(outputs_of(model, samples));
      files.insert(file_of(model));
    };
    note();
    for (int i = 0; i < steps; ++i) {
      losses.push_back(trainer.step(samples.images(), samples.targets()));
      note();
    }
    last = file_of(model);
  }
};

// Some threads train, one saves, the others predict.
void every_prediction_and_file_is_of_a_state_between_steps(const Samples& samples, int steps,
                                                           int training) {
  const cnnx::test::TemporaryFolder folder("trainer-threads");
  const std::string path = (folder / "model.cnnx").string();
  const States expected(samples, steps);
  Model model = network();
  Trainer trainer(model);
  std::vector<std::atomic<int>> found(static_cast<std::size_t>(steps));
  std::atomic<int> left{steps}, begun{0}, wrong{0};
  const auto saved = [&](int i) {
    if (i % 8 > 0) return file_of(model);  // the disk is slow
    model.save(path);
    return digest_of_file(path);
  };
  in_threads(training + 1 + kPredicting, [&](int number) {
    if (number < training) {
      while (begun < 1 + kPredicting) std::this_thread::yield();
      for (int at = --left; at >= 0; at = --left) {
        const double loss = trainer.step(samples.images(), samples.targets());
        bool known = false;  // each loss belongs to one step
        for (std::size_t i = 0; i < found.size() && !known; ++i)
          known = expected.losses[i] == loss && found[i]++ == 0;
        if (!known) ++wrong;
      }
      return;
    }
    const bool saves = number == training;
    for (int i = 0; i == 0 || left > 0; ++i) {
      const Digest seen = saves ? saved(i) : outputs_of(model, samples);
      if ((saves ? expected.files : expected.outputs).count(seen) == 0) ++wrong;
      if (i == 0) ++begun;
    }
  });
  CHECK_EQUAL(wrong.load(), 0);
  CHECK(file_of(model) == expected.last);
}

// At a learning rate of 0 the loss of a batch is always the same. Two threads take steps with a
// batch of their own, by index of its first image and number of images.
void check_losses(int steps, const std::function<double(int64_t, int64_t)>& step,
                  const std::function<void(int)>& between) {
  const auto loss_of = [&](int batch) { return batch == 0 ? step(0, 3) : step(3, kCount - 3); };
  const double losses[] = {loss_of(0), loss_of(1)};
  CHECK(losses[0] != losses[1]);
  std::atomic<int> wrong{0};
  in_threads(2, [&](int number) {
    for (int i = 0; i < steps / 2; ++i) {
      if (loss_of(number) != losses[number]) ++wrong;
      between(i);
    }
  });
  CHECK_EQUAL(wrong.load(), 0);
}

void batches_of_several_sizes_have_their_own_losses(const Samples& samples, int steps) {
  Model model = network();
  Trainer trainer(model, cnnx::Sgd{0.0});
  const auto step = [&](int64_t first, int64_t count) {
    return trainer.step({samples.pixels.data() + first * kSize * kSize, count},
                        {samples.labels.data() + first});
  };
  check_losses(steps, step, [&](int i) {
    if (i % 16 == 0) trainer.evaluate(samples.first(5), samples.targets());
    if (i % 64 == 0) trainer.release();
  });
}

// The targets of a class and of a value, one after the other.
void batches_for_heads_have_their_own_losses(const Samples& samples, int steps) {
  Model model({Flatten(), Dense(3)}, {kSize, kSize, 1});
  model.set_heads({{"class", {2}, 0, cnnx::Probabilities::softmax},
                   {"value", {1}, 0, cnnx::Probabilities::none}});
  cnnx::Loss loss, value;
  value.kind = cnnx::Loss::Kind::mean_squared_error;
  loss.kind = cnnx::Loss::Kind::heads;
  loss.terms = {cnnx::Loss(), value};
  Trainer trainer(model, cnnx::Sgd{0.0}, loss);
  std::vector<float> targets;
  for (int64_t i = 0; i < kCount; ++i) {
    targets.push_back(static_cast<float>(samples.labels[static_cast<std::size_t>(i)]));
    targets.push_back(static_cast<float>(i) / kCount);
  }
  const auto step = [&](int64_t first, int64_t count) {
    return trainer.step({samples.pixels.data() + first * kSize * kSize, count},
                        {nullptr, targets.data() + first * 2});
  };
  check_losses(steps, step, [&](int i) {
    if (i % 64 == 0) trainer.release();
  });
}

void threads_share_an_epoch(const Samples& samples, int steps) {
  cnnx::EpochOptions options;
  options.batch_size = 5;
  Model together = network(), alone = network();
  Trainer shared(together), serial(alone);
  for (int done = 0; done < steps; done += 3, ++options.number) {
    options.prefetch = options.number % 2 == 0;
    cnnx::Epoch epoch = shared.begin_epoch(samples.images(), samples.targets(), options);
    in_threads(2, [&](int number) {
      while (epoch.advance())
        if (number == 0) shared.set_learning_rate(shared.learning_rate());
    });
    cnnx::Epoch expected = serial.begin_epoch(samples.images(), samples.targets(), options);
    while (expected.advance()) {
    }
    CHECK(epoch.metrics().loss == expected.metrics().loss && epoch.step() == 3);
  }
  CHECK(file_of(together) == file_of(alone));
}

void a_step_without_a_finite_loss_changes_nothing(const Samples& samples) {
  Model model = network();
  Trainer trainer(model);
  trainer.step(samples.images(), samples.targets());
  const Digest before = file_of(model);
  std::vector<float> pixels(kCount * kSize * kSize, std::numeric_limits<float>::quiet_NaN());
  CHECK_THROWS(cnnx::NotFiniteError,
               "step: the loss is NaN, because the images are not finite; the model is as it was "
               "before this step, expected finite images",
               trainer.step({pixels.data(), kCount}, samples.targets()));
  CHECK(file_of(model) == before);
}

}  // namespace

int trainer_threads_test(int count, char* arguments[]) {
  const int steps = count > 1 ? std::atoi(arguments[1]) : 120;
  const Samples samples;
  for (const int threads : {1, 2}) {
    cnnx::set_num_threads(threads);
    a_step_without_a_finite_loss_changes_nothing(samples);
    if (cnnx::test::left_out_of_webassembly("calls of threads", cnnx::test::kOneThread)) continue;
    every_prediction_and_file_is_of_a_state_between_steps(samples, steps, 1);
    every_prediction_and_file_is_of_a_state_between_steps(samples, steps, 2);
    batches_of_several_sizes_have_their_own_losses(samples, steps);
    batches_for_heads_have_their_own_losses(samples, steps);
    threads_share_an_epoch(samples, steps / 4);
  }
  return cnnx::test::finish("trainer_threads_test");
}
