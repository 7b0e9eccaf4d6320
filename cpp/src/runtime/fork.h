// Notices forks. A child has only the thread that forked: locks of the others stay locked in it,
// and data that they were writing is half written.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

namespace cnnx::runtime {

// The number of forks between the process of the first call and this one. Throws std::bad_alloc if
// the system has no memory to register for forks.
uint64_t fork_generation();

// While one exists, a fork waits, so that it happens before or after a change of several variables.
class ForkPause {
 public:
  ForkPause();
  ~ForkPause();
  ForkPause(const ForkPause&) = delete;
  ForkPause& operator=(const ForkPause&) = delete;
};

// Whether the data behind a lock are whole in this process, and whether its mutexes are this
// process's.
class ForkRecord {
 public:
  // `owner`, such as "model", begins the sentence of the error.
  explicit ForkRecord(const char* owner) : owner_(owner), generation_(fork_generation()) {}

  // Called before every use of the lock. On the first use in a child calls renew(), which replaces
  // the mutexes and must not destroy the old ones. Throws std::invalid_argument if another thread
  // was changing the data at the fork.
  template <class Renew>
  void check(const Renew& renew) {
    if (generation_.load(std::memory_order_acquire) == fork_generation()) return;
    const std::lock_guard<std::mutex> lock(children_mutex());
    if (generation_.load(std::memory_order_relaxed) == fork_generation()) return;
    if (changing_.load(std::memory_order_relaxed)) refuse();
    renew();
    generation_.store(fork_generation(), std::memory_order_release);
  }

  // Called by the thread that may change the data: before the first and after the last change.
  void set_changing(bool changing) { changing_.exchange(changing); }

 private:
  // For the threads of a child that use a lock for the first time.
  static std::mutex& children_mutex();
  [[noreturn]] void refuse() const;

  const char* owner_;
  std::atomic<uint64_t> generation_;
  std::atomic<bool> changing_{false};
};

// A mutex that works in a child, or throws there instead of waiting for a thread of the parent.
class ForkSafeMutex {
 public:
  explicit ForkSafeMutex(const char* owner) : record_(owner) {}
  void lock() {
    record_.check([this] {
      static_cast<void>(mutex_.release());
      mutex_ = std::make_unique<std::mutex>();
    });
    mutex_->lock();
    record_.set_changing(true);
  }
  void unlock() {
    record_.set_changing(false);
    mutex_->unlock();
  }

 private:
  ForkRecord record_;
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
};

}  // namespace cnnx::runtime
