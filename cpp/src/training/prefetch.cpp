// Hands batches over between the thread that gathers and the one that trains.
#include "training/prefetch.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "cnnx/runtime.h"

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

namespace cnnx::training {
namespace {

int64_t this_process() {
#if defined(__unix__) || defined(__APPLE__)
  return getpid();
#else
  return 0;
#endif
}

}  // namespace

Prefetch::Prefetch(Gather gather, int64_t rows, int64_t batch_size)
    : gather_(std::move(gather)), rows_(rows), batch_size_(batch_size), process_(this_process()) {
  try {
    thread_ = std::thread([this] { work(); });
  } catch (const std::system_error&) {
  }
}

Prefetch::~Prefetch() {
  if (!thread_.joinable()) return;
  if (!has_thread()) {
    thread_.detach();
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    wanted_ = kStop;
  }
  changed_.notify_all();
  thread_.join();
}

int64_t Prefetch::count_from(int64_t first) const { return std::min(batch_size_, rows_ - first); }

bool Prefetch::has_thread() const { return thread_.joinable() && process_ == this_process(); }

const Batch& Prefetch::batch(int64_t first) {
  if (!has_thread()) {
    gather_(first, count_from(first), get_num_threads(), batches_[current_]);
    return batches_[current_];
  }
  std::unique_lock<std::mutex> lock(mutex_);
  if (wanted_ != first) {
    changed_.wait(lock, [&] { return wanted_ == kNone || ready_; });
    wanted_ = first;
    ready_ = false;
    changed_.notify_all();
  }
  changed_.wait(lock, [&] { return ready_; });
  wanted_ = kNone;
  ready_ = false;
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  current_ = 1 - current_;
  const int64_t next = first + batch_size_;
  if (next < rows_) {
    wanted_ = next;
    changed_.notify_all();
  }
  return batches_[current_];
}

// One thread: all others are training.
void Prefetch::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return wanted_ == kStop || (wanted_ != kNone && !ready_); });
    if (wanted_ == kStop) return;
    const int64_t first = wanted_;
    Batch& batch = batches_[1 - current_];
    lock.unlock();
    std::exception_ptr error;
    try {
      gather_(first, count_from(first), /*threads=*/1, batch);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (wanted_ == kStop) return;
    error_ = error;
    ready_ = true;
    changed_.notify_all();
  }
}

}  // namespace cnnx::training
