// The lock of a model's parameters: many may hold it shared, and who wants it alone is not kept
// waiting by those who keep coming.
#pragma once

#include <mutex>
#include <shared_mutex>

namespace cnnx::graph {

// For std::shared_lock and std::unique_lock. std::shared_mutex alone may prefer its readers
// (glibc's does): threads that predict all the time would never let a train step begin. Here
// everyone passes a turnstile first, and who waits to have the model alone holds it shut until
// those inside have left.
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
