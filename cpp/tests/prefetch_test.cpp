// Prefetching: every batch once and in order, from any start; exceptions of the thread; a fork.
#include "training/prefetch.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "check.h"
#include "cnnx/runtime.h"

namespace {

using cnnx::training::Batch;
using cnnx::training::Prefetch;

// A batch's only label is its index.
void count_up(int64_t index, int, Batch& batch) { batch.labels = {index}; }

std::vector<int64_t> labels_from(Prefetch& prefetch, int64_t index, int64_t batches) {
  std::vector<int64_t> seen;
  for (; index < batches; ++index) {
    const Batch& batch = prefetch.batch(index);
    seen.insert(seen.end(), batch.labels.begin(), batch.labels.end());
  }
  return seen;
}

std::vector<int64_t> numbers(int64_t first, int64_t end) {
  std::vector<int64_t> found;
  for (; first < end; ++first) found.push_back(first);
  return found;
}

void every_batch_once_and_in_order() {
  for (const int64_t batches : {1, 2, 65}) {
    Prefetch prefetch(count_up, batches);
    CHECK(labels_from(prefetch, 0, batches) == numbers(0, batches));
  }
}

void any_batch_may_be_asked_for() {
  Prefetch prefetch(count_up, 7);
  CHECK(prefetch.batch(2).labels == numbers(2, 3));
  CHECK(prefetch.batch(2).labels == numbers(2, 3));
  CHECK(prefetch.batch(0).labels == numbers(0, 1));
  CHECK(prefetch.batch(6).labels == numbers(6, 7));
  CHECK(labels_from(prefetch, 1, 7) == numbers(1, 7));
}

void the_next_batch_is_gathered_meanwhile_by_one_thread() {
  std::atomic<int64_t> begun{-1};
  std::atomic<int> most_threads{0};
  Prefetch prefetch(
      [&](int64_t index, int threads, Batch& batch) {
        most_threads = std::max(most_threads.load(), threads);
        begun = index;
        count_up(index, threads, batch);
      },
      3);
  const Batch& batch = prefetch.batch(0);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (begun != 1 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  CHECK(begun == 1);
  CHECK(batch.labels == numbers(0, 1));
  CHECK(most_threads == 1);
}

void a_library_without_threads_starts_none() {
  std::atomic<int> others{0};
  const std::thread::id caller = std::this_thread::get_id();
  Prefetch prefetch(
      [&](int64_t index, int threads, Batch& batch) {
        if (std::this_thread::get_id() != caller) ++others;
        count_up(index, threads, batch);
      },
      5);
  CHECK(labels_from(prefetch, 0, 5) == numbers(0, 5));
  CHECK_EQUAL(others > 0, cnnx::has_threads());
}

void what_the_thread_throws_arrives_and_ends_nothing() {
  bool broken = true;
  Prefetch prefetch(
      [&](int64_t index, int threads, Batch& batch) {
        if (index == 1 && broken) throw std::invalid_argument("the disk is gone");
        count_up(index, threads, batch);
      },
      3);
  CHECK(prefetch.batch(0).labels == numbers(0, 1));
  CHECK_THROWS(std::invalid_argument, "the disk is gone", prefetch.batch(1));
  broken = false;
  CHECK(labels_from(prefetch, 1, 3) == numbers(1, 3));
}

void ends_in_the_middle() {
  for (int i = 0; i < 200; ++i) {
    Prefetch prefetch(count_up, 100);
    for (int64_t k = 0; k < i % 3; ++k) prefetch.batch(k);
  }
}

void a_forked_child_gathers_by_itself_and_ends() {
#if defined(__unix__) || defined(__APPLE__)
  auto prefetch = std::make_unique<Prefetch>(count_up, 100);
  prefetch->batch(0);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const bool good = labels_from(*prefetch, 1, 100) == numbers(1, 100);
    prefetch.reset();
    _exit(good ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(labels_from(*prefetch, 1, 100) == numbers(1, 100));
#else
  cnnx::test::left_out(true, "a fork", "this system has none");
#endif
}

}  // namespace

int prefetch_test(int, char*[]) {
  every_batch_once_and_in_order();
  any_batch_may_be_asked_for();
  what_the_thread_throws_arrives_and_ends_nothing();
  ends_in_the_middle();
  a_library_without_threads_starts_none();
  if (!cnnx::test::left_out(!cnnx::has_threads(), "the thread, and a fork", "it has one thread")) {
    the_next_batch_is_gathered_meanwhile_by_one_thread();
    a_forked_child_gathers_by_itself_and_ends();
  }
  return cnnx::test::finish("prefetch_test");
}
