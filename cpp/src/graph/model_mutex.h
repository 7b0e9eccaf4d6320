// The lock of a model's parameters: many threads may hold it shared, and new ones do not delay a
// thread that waits for exclusive access.
#pragma once

#include <mutex>
#include <shared_mutex>

namespace cnnx::graph {

// For std::shared_lock and std::unique_lock. std::shared_mutex alone may prefer readers (glibc's
// does): threads that predict constantly would never let a train step begin. Here every thread
// passes a turnstile first, and a thread that waits for exclusive access blocks it until the
// threads inside have left.
class ModelMutex {
 public:
  void lock() {
    const std::lock_guard<std::mutex> turnstile(turnstile_);
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }
  void lock_shared() {
    const std::lock_guard<std::mutex> turnstile(turnstile_);
    mutex_.lock_shared();
  }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  std::mutex turnstile_;
  std::shared_mutex mutex_;
};

}  // namespace cnnx::graph
