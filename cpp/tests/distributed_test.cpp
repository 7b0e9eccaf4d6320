// Several trainers, each in a thread of its own with a part of the shards, train as one does. They
// exchange sums through the memory that they have in common.
#include "cnnx/distributed.h"

#include <condition_variable>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "cnnx/error.h"
#include "cnnx/layers.h"
#include "cnnx/trainer.h"
#include "xo_samples.h"

namespace {

using namespace cnnx::layers;
using cnnx::Contribution;
using cnnx::Model;
using cnnx::Trainer;

constexpr int64_t kSize = 16, kCount = 50;

using Samples = cnnx::test::Samples<kCount>;

// Where the threads wait for each other, and what each of them shows the others.
class Meeting {
 public:
  explicit Meeting(int64_t processes) : trainers(static_cast<std::size_t>(processes)) {}

  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    const int64_t meeting = meeting_;
    if (++here_ == static_cast<int64_t>(trainers.size())) {
      here_ = 0;
      ++meeting_;
      changed_.notify_all();
    } else {
      changed_.wait(lock, [&] { return meeting_ != meeting; });
    }
  }

  struct Shown {
    std::vector<float*> contributions;
    float* sums = nullptr;
    const double* table = nullptr;
    std::string text;
  };
  std::vector<Shown> trainers;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int64_t here_ = 0, meeting_ = 0;
};

class ThroughMemory final : public cnnx::ShardExchange {
 public:
  ThroughMemory(Meeting& meeting, int64_t shards, int64_t process)
      : meeting_(meeting), shards_(shards), process_(process) {}

  void show(Trainer& trainer) {
    segments_ = trainer.segments();
    floats_ = trainer.shard_floats();
    Meeting::Shown& own = meeting_.trainers[static_cast<std::size_t>(process_)];
    const auto count = cnnx::contributions_of(shards_, process_, processes()).size();
    for (std::size_t i = 0; i < count; ++i)
      own.contributions.push_back(trainer.contribution(static_cast<int64_t>(i)));
    own.sums = trainer.shard_sums();
  }

  void begin(int64_t rows) override { rows_ = rows; }

  void send(int64_t round, int64_t segment) override {
    // In order, and every segment in every round.
    CHECK(segment == (sent_ == 0 ? 0 : last_ + 1));
    CHECK(round >= last_round_);
    last_ = segment + 1 == static_cast<int64_t>(segments_.size()) ? -1 : segment;
    last_round_ = round;
    ++sent_;
  }

  void finish() override {
    CHECK_EQUAL(sent_ % static_cast<int64_t>(segments_.size()), 0);
    sent_ = last_round_ = 0;
    last_ = -1;
    meeting_.wait();
    std::vector<Contribution> all;
    std::vector<const float*> values;
    const int64_t first = bound(floats_, process_), end = bound(floats_, process_ + 1);
    for (int64_t process = 0; process < processes(); ++process) {
      const auto contributions = cnnx::contributions_of(shards_, process, processes());
      for (std::size_t i = 0; i < contributions.size(); ++i) {
        if (!cnnx::has_rows(contributions[i], rows_, shards_)) continue;
        all.push_back(contributions[i]);
        values.push_back(shown(process).contributions[i] + first);
      }
    }
    cnnx::add_contributions(all, values, end - first, shown(process_).sums + first);
    meeting_.wait();
    for (int64_t process = 0; process < processes(); ++process) {
      if (process == process_) continue;
      for (int64_t k = bound(floats_, process); k < bound(floats_, process + 1); ++k)
        shown(process_).sums[k] = shown(process).sums[k];
    }
    meeting_.wait();
  }

  void share(double* table, int64_t rows, int64_t columns) override {
    shown(process_).table = table;
    meeting_.wait();
    for (int64_t process = 0; process < processes(); ++process) {
      if (process == process_) continue;
      for (int64_t k = bound(rows, process) * columns; k < bound(rows, process + 1) * columns; ++k)
        table[k] = shown(process).table[k];
    }
    meeting_.wait();
  }

  std::string share(const std::string& text, int64_t process) override {
    shown(process_).text = text;
    meeting_.wait();
    std::string found = shown(process).text;
    meeting_.wait();
    return found;
  }

 private:
  int64_t processes() const { return static_cast<int64_t>(meeting_.trainers.size()); }
  int64_t bound(int64_t count, int64_t process) const { return count * process / processes(); }
  Meeting::Shown& shown(int64_t process) {
    return meeting_.trainers[static_cast<std::size_t>(process)];
  }

  Meeting& meeting_;
  const int64_t shards_, process_;
  int64_t rows_ = 0, floats_ = 0, sent_ = 0, last_ = -1, last_round_ = 0;
  std::vector<cnnx::BlockSegment> segments_;
};

Model network() {
  return Model({Conv2d(4, 3), BatchNorm2d(), ReLU(), Dropout(0.2f), Flatten(), Dense(2)},
               {kSize, kSize, 1});
}

// The weights and running statistics after two epochs, and the metrics of all images.
struct Trained {
  std::vector<float> arrays;
  double loss = 0, measured = 0;
};

Trained train(Model& model, Trainer& trainer, const Samples& samples) {
  cnnx::EpochOptions options;
  options.batch_size = 16;  // and then a batch of two, with fewer images than shards
  const auto history = trainer.fit(samples.images(), samples.targets(), 2, options);
  Trained found{
      {}, history.back().loss, trainer.evaluate(samples.images(), samples.targets()).loss};
  const auto add = [&](const std::vector<cnnx::ParameterInfo>& infos, auto read) {
    for (const cnnx::ParameterInfo& info : infos) {
      std::vector<float> values(static_cast<std::size_t>(cnnx::element_count(info.shape)));
      (model.*read)(info, values.data());
      found.arrays.insert(found.arrays.end(), values.begin(), values.end());
    }
  };
  add(model.parameters(), &Model::get_parameter);
  add(model.buffers(), &Model::get_buffer);
  return found;
}

cnnx::TrainerOptions in_shards(int64_t shards) {
  cnnx::TrainerOptions options;
  options.shards = shards;
  return options;
}

// Cross-entropy and focal loss, whose sums are exchanged side by side.
cnnx::Loss two_losses() {
  cnnx::Loss focal;
  focal.kind = cnnx::Loss::Kind::focal;
  cnnx::Loss both;
  both.kind = cnnx::Loss::Kind::sum;
  both.terms = {cnnx::Loss{}, focal};
  return both;
}

void processes_train_as_one(int64_t shards, int64_t processes, const cnnx::Loss& loss = {}) {
  const Samples samples;
  Model alone = network();
  Trainer trainer(alone, cnnx::Adam{}, loss, in_shards(shards));
  const Trained expected = train(alone, trainer, samples);
  Meeting meeting(processes);
  std::vector<std::thread> threads;
  std::vector<Trained> found(static_cast<std::size_t>(processes));
  for (int64_t process = 0; process < processes; ++process) {
    threads.emplace_back([&, process] {
      Model model = network();
      Trainer part(model, cnnx::Adam{}, loss, in_shards(shards));
      const auto exchange = std::make_shared<ThroughMemory>(meeting, shards, process);
      part.distribute(process, processes, exchange);
      exchange->show(part);
      found[static_cast<std::size_t>(process)] = train(model, part, samples);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Trained& each : found) {
    CHECK(each.arrays == expected.arrays);
    CHECK_EQUAL(each.loss, expected.loss);
    CHECK_EQUAL(each.measured, expected.measured);
  }
}

// All processes throw with the reason, which one of them found.
void a_loss_that_is_not_finite_ends_all() {
  std::vector<float> pixels(4 * kSize * kSize, 0.5f);
  pixels.back() = std::numeric_limits<float>::quiet_NaN();
  const std::vector<int64_t> labels = {0, 1, 0, 1};
  Meeting meeting(2);
  std::vector<std::thread> threads;
  std::vector<std::string> said(2);
  for (int64_t process = 0; process < 2; ++process) {
    threads.emplace_back([&, process] {
      Model model = network();
      Trainer part(model, cnnx::Adam{}, {}, in_shards(2));
      const auto exchange = std::make_shared<ThroughMemory>(meeting, 2, process);
      part.distribute(process, 2, exchange);
      exchange->show(part);
      try {
        part.step({pixels.data(), 4}, {labels.data()});
      } catch (const cnnx::NotFiniteError& error) {
        said[static_cast<std::size_t>(process)] = error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(said[0].find("because the images are not finite") != std::string::npos);
  CHECK_EQUAL(said[0], said[1]);
}

void wrong_numbers_of_processes_are_refused() {
  Model model = network();
  Trainer trainer(model, cnnx::Adam{}, {}, in_shards(6));
  CHECK_THROWS(std::invalid_argument, "a number of processes that divides the shards",
               trainer.distribute(0, 4, nullptr));
  CHECK_THROWS(std::invalid_argument, "a number of processes that divides the shards",
               trainer.distribute(3, 3, nullptr));
  CHECK_THROWS(std::invalid_argument, "expected a call of distribute before", trainer.segments());
}

}  // namespace

int distributed_test(int, char*[]) {
  wrong_numbers_of_processes_are_refused();
  if (cnnx::test::left_out_of_webassembly("processes_train_as_one", cnnx::test::kOneThread))
    return cnnx::test::finish("distributed_test");
  processes_train_as_one(2, 2);
  processes_train_as_one(12, 3);  // a process whose shards begin within a group
  processes_train_as_one(16, 2);  // whole groups
  processes_train_as_one(20, 4);
  processes_train_as_one(2, 2, two_losses());
  a_loss_that_is_not_finite_ends_all();
  return cnnx::test::finish("distributed_test");
}
