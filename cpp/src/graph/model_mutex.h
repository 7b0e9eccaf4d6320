// The lock of a model's parameters: many threads may hold it shared, and new ones do not delay a
// thread that waits for exclusive access.
#pragma once

#include <memory>
#include <mutex>
#include <shared_mutex>

#include "runtime/fork.h"
#include "runtime/held_locks.h"

namespace cnnx::graph {

// For std::shared_lock and std::unique_lock. std::shared_mutex alone may prefer readers (glibc's
// does): threads that predict constantly would never let a train step begin. Here every thread
// passes a turnstile first, and a thread that waits for exclusive access blocks it until the
// threads inside have left. Between two train steps a thread that waits at the turnstile or behind
// it gets in, so constant training does not starve predictions either.
//
// A child forked while a thread held it exclusively cannot know the parameters: there both locks
// throw std::invalid_argument. So they do in a function that a holder calls in its thread.
class ModelMutex {
 public:
  void lock() {
    check_process();
    runtime::check_not_held(this, "model");
    const std::lock_guard<std::mutex> turnstile(locks_->turnstile);
    locks_->mutex.lock();
    const runtime::ForkPause pause;
    record_.set_changing(true);
    runtime::add_held(this);
  }
  void unlock() {
    runtime::remove_held(this);
    {
      const runtime::ForkPause pause;
      record_.set_changing(false);
    }
    locks_->mutex.unlock();
  }
  void lock_shared() {
    check_process();
    runtime::check_not_held(this, "model");
    const std::lock_guard<std::mutex> turnstile(locks_->turnstile);
    locks_->mutex.lock_shared();
    runtime::add_held(this);
  }
  void unlock_shared() {
    runtime::remove_held(this);
    locks_->mutex.unlock_shared();
  }

 private:
  struct Locks {
    std::mutex turnstile;
    std::shared_mutex mutex;
  };

  void check_process() {
    record_.check([this](bool interrupted) {
      if (interrupted) runtime::refuse_interrupted("model");
      static_cast<void>(locks_.release());
      locks_ = std::make_unique<Locks>();
    });
  }

  runtime::ForkRecord record_;
  std::unique_ptr<Locks> locks_ = std::make_unique<Locks>();
};

}  // namespace cnnx::graph
