// ThreadScope: numbers and pools of threads for the calls of one thread, with the same results.
#include "cnnx/threads.h"

#include <atomic>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "cnnx/layers.h"
#include "cnnx/model.h"
#include "cnnx/runtime.h"
#include "cnnx/trainer.h"
#include "runtime/parallel.h"

namespace {

using cnnx::ThreadScope;
using Size = std::size_t;

// Starts threads for each call; counts calls and the tasks of one call that ran at a time.
class CountingPool final : public cnnx::ThreadPool {
 public:
  explicit CountingPool(int threads) : threads_(threads) {}
  int threads() const override { return threads_; }
  void run(int count, Task task, void* context) noexcept override {
    ++calls;
    if (count > most) most = count;
    std::vector<std::thread> others;
    for (int i = 1; i < count; ++i) others.emplace_back(task, context, i);
    task(context, 0);
    for (std::thread& other : others) other.join();
  }

  int calls = 0, most = 0;

 private:
  int threads_;
};

// Runs tasks in the calling thread, the last one first.
class SequentialPool final : public cnnx::ThreadPool {
 public:
  int threads() const override { return 4; }
  void run(int count, Task task, void* context) noexcept override {
    for (int i = count; i-- > 0;) task(context, i);
  }
};

// A pool without threads to offer.
class EmptyPool final : public cnnx::ThreadPool {
 public:
  int threads() const override { return 0; }
  void run(int, Task, void*) noexcept override {}
};

cnnx::Model network() {
  return {{cnnx::Conv2d(48, 3).padding(cnnx::Padding::same), cnnx::ReLU(),
           cnnx::Conv2d(48, 3).padding(cnnx::Padding::same), cnnx::MaxPool2d(2), cnnx::Flatten(),
           cnnx::Dense(10)},
          {32, 32, 3}};
}

std::vector<float> images(int64_t count) {
  std::vector<float> pixels(static_cast<Size>(count) * 32 * 32 * 3);
  for (Size i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i * 7 % 255) / 255.0F;
  return pixels;
}

std::vector<float> outputs_of(const cnnx::Model& model, int64_t count) {
  const std::vector<float> pixels = images(count);
  return model.run({pixels.data(), count});
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void test_numbers_are_nested_and_of_one_thread() {
  cnnx::set_num_threads(2);
  {
    const ThreadScope outer(5);
    CHECK_EQUAL(cnnx::get_num_threads(), 5);
    {
      const ThreadScope inner(1);
      CHECK_EQUAL(cnnx::get_num_threads(), 1);
      cnnx::set_num_threads(3);
      CHECK_EQUAL(cnnx::get_num_threads(), 1);
    }
    CHECK_EQUAL(cnnx::get_num_threads(), 5);
    int of_another = 0;
    std::thread([&] { of_another = cnnx::get_num_threads(); }).join();
    CHECK_EQUAL(of_another, 3);
  }
  CHECK_EQUAL(cnnx::get_num_threads(), 3);
}

// Every item once, each slot by one task at a time, although another thread runs each.
void test_a_pool_runs_every_item_once() {
  CountingPool pool(3);
  const ThreadScope scope(pool);
  CHECK_EQUAL(cnnx::get_num_threads(), 3);
  for (const int64_t count : {1, 2, 7, 1001}) {
    std::vector<std::atomic<int>> items(static_cast<Size>(count));
    std::atomic<int> busy[3] = {};
    std::atomic<bool> good{true};
    cnnx::runtime::parallel_for(3, count, 1, [&](int64_t begin, int64_t end, int slot) {
      if (slot < 0 || slot > 2 || busy[slot]++ > 0 || begin >= end) good = false;
      for (int64_t i = begin; i < end; ++i) ++items[static_cast<Size>(i)];
      --busy[slot];
    });
    for (const auto& item : items) good = good && item == 1;
    CHECK(good);
  }
  CHECK_EQUAL(pool.calls, 3);  // one item needs no pool
  CHECK_EQUAL(pool.most, 3);
}

void test_bits_do_not_depend_on_the_pool() {
  const cnnx::Model model = network();
  for (const int64_t count : {1, 9}) {
    const std::vector<float> expected = outputs_of(model, count);
    CountingPool counting(2);
    SequentialPool sequential;
    {
      const ThreadScope scope(counting);
      CHECK(same_bits(outputs_of(model, count), expected));
    }
    CHECK(counting.calls > 0);
    const int calls = counting.calls;
    {
      const ThreadScope scope(sequential);
      CHECK(same_bits(outputs_of(model, count), expected));
    }
    {
      const ThreadScope scope(1);
      CHECK(same_bits(outputs_of(model, count), expected));
    }
    CHECK(same_bits(outputs_of(model, count), expected));
    CHECK_EQUAL(counting.calls, calls);
  }
}

std::vector<float> trained_outputs() {
  cnnx::Model model = network();
  cnnx::Trainer trainer(model, cnnx::Adam{}, cnnx::Loss{});
  const std::vector<float> pixels = images(8);
  const std::vector<int64_t> labels = {0, 1, 2, 3, 4, 5, 6, 7};
  for (int step = 0; step < 3; ++step)
    trainer.step({pixels.data(), 8}, cnnx::Targets{labels.data()});
  return outputs_of(model, 1);
}

void test_a_pool_trains() {
  const std::vector<float> expected = trained_outputs();
  CountingPool pool(2);
  const ThreadScope scope(pool);
  CHECK(same_bits(trained_outputs(), expected));
  CHECK(pool.calls > 0);
}

void test_wrong_numbers_change_nothing() {
  cnnx::set_num_threads(2);
  const int before = cnnx::get_num_threads();
  CHECK_THROWS(std::invalid_argument, "ThreadScope: threads is 0, expected 1 to 1024",
               ThreadScope(0));
  CHECK_THROWS(std::invalid_argument, "threads is 1025, expected 1 to 1024", ThreadScope(1025));
  EmptyPool empty;
  CHECK_THROWS(std::invalid_argument, "ThreadScope: pool.threads() is 0, expected 1 to 1024",
               ThreadScope(empty));
  CHECK_EQUAL(cnnx::get_num_threads(), before);
}

}  // namespace

int thread_scope_test(int, char*[]) {
  if (!cnnx::test::left_out_of_webassembly("threads", cnnx::test::kOneThread)) {
    test_numbers_are_nested_and_of_one_thread();
    test_a_pool_runs_every_item_once();
    test_bits_do_not_depend_on_the_pool();
    test_a_pool_trains();
  }
  test_wrong_numbers_change_nothing();
  return cnnx::test::finish("thread_scope_test");
}
