// Gathers the next batch in a thread of its own while the current one is trained.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "training/batch.h"

namespace cnnx::training {

// Two batches alternate: one is trained while the other is filled. If no thread can be started, in
// a library without threads, and in a forked child, which has lost its thread, batches are gathered
// on request, with the same bits. An
// exception of the thread is rethrown by batch(). Must be used by one thread at a time.
class Prefetch {
 public:
  // Fills the batch of an index, in at most so many threads.
  using Gather = std::function<void(int64_t index, int threads, Batch& batch)>;
  Prefetch(Gather gather, int64_t batches);
  ~Prefetch();
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;

  // The batch of an index; starts to gather the next one. Valid until the next call.
  const Batch& batch(int64_t index);

 private:
  static constexpr int64_t kNone = -1, kStop = -2;

  bool has_thread() const;
  void work();

  // The state shared by the two threads, and the thread itself.
  struct Exchange {
    Batch batches[2];
    int current = 0;         // the caller's; the other is the thread's
    int64_t wanted = kNone;  // the index of the thread's batch, finished or not
    bool ready = false;
    std::exception_ptr error;
    std::mutex mutex;
    std::condition_variable changed;
    std::thread thread;
  };

  const Gather gather_;
  const int64_t batches_;
  const uint64_t generation_;  // the thread exists in this process only
  std::unique_ptr<Exchange> exchange_;
};

}  // namespace cnnx::training
