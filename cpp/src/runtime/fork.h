// Notices forks. A child has only the thread that forked: locks of the others stay locked in it,
// and data that they were writing is half written.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "runtime/held_locks.h"

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
  ForkRecord() : generation_(fork_generation()) {}

  // Called before every use of the lock. On the first use in a child calls renew(interrupted),
  // which replaces the mutexes and must not destroy the old ones. `interrupted` says that another
  // thread was changing the data at the fork; renew may then throw.
  template <class Renew>
  void check(const Renew& renew) {
    if (generation_.load(std::memory_order_acquire) == fork_generation()) return;
    const std::lock_guard<std::mutex> lock(children_mutex());
    if (generation_.load(std::memory_order_relaxed) == fork_generation()) return;
    renew(changing_.load(std::memory_order_relaxed));
    changing_.store(false, std::memory_order_relaxed);
    generation_.store(fork_generation(), std::memory_order_release);
  }

  // Called by the thread that may change the data: before the first and after the last change.
  void set_changing(bool changing) { changing_.exchange(changing); }

 private:
  // For the threads of a child that use a lock for the first time.
  static std::mutex& children_mutex();

  std::atomic<uint64_t> generation_;
  std::atomic<bool> changing_{false};
};

// Throws std::invalid_argument: `owner`, such as "model", was interrupted by the fork.
[[noreturn]] void refuse_interrupted(const char* owner);

// A mutex that works in a child, or throws there instead of waiting for a thread of the parent.
class ForkSafeMutex {
 public:
  explicit ForkSafeMutex(const char* owner) : owner_(owner) {}
  void lock() {
    record_.check([this](bool interrupted) {
      if (interrupted) refuse_interrupted(owner_);
      static_cast<void>(mutex_.release());
      mutex_ = std::make_unique<std::mutex>();
    });
    check_not_held(this, owner_);
    mutex_->lock();
    record_.set_changing(true);
    add_held(this);
  }
  void unlock() {
    remove_held(this);
    record_.set_changing(false);
    mutex_->unlock();
  }

 private:
  const char* owner_;
  ForkRecord record_;
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
};

// Content that can be made again, used by one thread at a time. If a thread of the parent was using
// it at the fork, a child starts with new content.
template <class Content>
class ForkSafeCache {
 public:
  template <class Function>
  auto use(const Function& function) {
    record_.check([this](bool interrupted) {
      static_cast<void>(mutex_.release());
      mutex_ = std::make_unique<std::mutex>();
      if (!interrupted) return;
      static_cast<void>(content_.release());
      content_ = std::make_unique<Content>();
    });
    const std::lock_guard<std::mutex> lock(*mutex_);
    const Change change(record_);
    return function(*content_);
  }

 private:
  struct Change {
    explicit Change(ForkRecord& changed) : record(changed) { record.set_changing(true); }
    ~Change() { record.set_changing(false); }
    ForkRecord& record;
  };

  ForkRecord record_;
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
  std::unique_ptr<Content> content_ = std::make_unique<Content>();
};

}  // namespace cnnx::runtime
