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

namespace {

using cnnx::training::Batch;
using cnnx::training::Prefetch;

// A batch's labels are its rows.
void count_up(int64_t first, int64_t count, int, Batch& batch) {
  batch.labels.clear();
  for (int64_t i = 0; i < count; ++i) batch.labels.push_back(first + i);
}

std::vector<int64_t> rows_from(Prefetch& prefetch, int64_t first, int64_t rows,
                               int64_t batch_size) {
  std::vector<int64_t> seen;
  for (; first < rows; first += batch_size) {
    const Batch& batch = prefetch.batch(first);
    seen.insert(seen.end(), batch.labels.begin(), batch.labels.end());
  }
  return seen;
}

std::vector<int64_t> numbers(int64_t first, int64_t end) {
  std::vector<int64_t> found;
  for (; first < end; ++first) found.push_back(first);
  return found;
}

void every_row_once_and_in_order() {
  for (const int64_t rows : {1, 7, 64, 65}) {
    for (const int64_t batch_size : {1, 8, 64, 100}) {
      Prefetch prefetch(count_up, rows, batch_size);
      CHECK(rows_from(prefetch, 0, rows, batch_size) == numbers(0, rows));
    }
  }
}

void any_batch_may_be_asked_for() {
  Prefetch prefetch(count_up, 50, 8);
  CHECK(prefetch.batch(16).labels == numbers(16, 24));
  CHECK(prefetch.batch(16).labels == numbers(16, 24));
  CHECK(prefetch.batch(0).labels == numbers(0, 8));
  CHECK(prefetch.batch(48).labels == numbers(48, 50));
  CHECK(rows_from(prefetch, 8, 50, 8) == numbers(8, 50));
}

void the_next_batch_is_gathered_meanwhile_by_one_thread() {
  std::atomic<int64_t> begun{-1};
  std::atomic<int> most_threads{0};
  Prefetch prefetch(
      [&](int64_t first, int64_t count, int threads, Batch& batch) {
        most_threads = std::max(most_threads.load(), threads);
        begun = first;
        count_up(first, count, threads, batch);
      },
      30, 10);
  const Batch& batch = prefetch.batch(0);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (begun != 10 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  CHECK(begun == 10);
  CHECK(batch.labels == numbers(0, 10));
  CHECK(most_threads == 1);
}

void what_the_thread_throws_arrives_and_ends_nothing() {
  bool broken = true;
  Prefetch prefetch(
      [&](int64_t first, int64_t count, int threads, Batch& batch) {
        if (first == 8 && broken) throw std::invalid_argument("the disk is gone");
        count_up(first, count, threads, batch);
      },
      24, 8);
  CHECK(prefetch.batch(0).labels == numbers(0, 8));
  CHECK_THROWS(std::invalid_argument, "the disk is gone", prefetch.batch(8));
  broken = false;
  CHECK(rows_from(prefetch, 8, 24, 8) == numbers(8, 24));
}

void ends_in_the_middle() {
  for (int i = 0; i < 200; ++i) {
    Prefetch prefetch(count_up, 1000, 10);
    for (int64_t k = 0; k < i % 3; ++k) prefetch.batch(10 * k);
  }
}

void a_forked_child_gathers_by_itself_and_ends() {
#if defined(__unix__) || defined(__APPLE__)
  auto prefetch = std::make_unique<Prefetch>(count_up, 1000, 10);
  prefetch->batch(0);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const bool good = rows_from(*prefetch, 10, 1000, 10) == numbers(10, 1000);
    prefetch.reset();
    _exit(good ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(rows_from(*prefetch, 10, 1000, 10) == numbers(10, 1000));
#endif
}

}  // namespace

int main() {
  every_row_once_and_in_order();
  any_batch_may_be_asked_for();
  the_next_batch_is_gathered_meanwhile_by_one_thread();
  what_the_thread_throws_arrives_and_ends_nothing();
  ends_in_the_middle();
  a_forked_child_gathers_by_itself_and_ends();
  return cnnx::test::finish("prefetch_test");
}
