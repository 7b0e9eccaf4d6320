// The threads of some calls only: another number than the process's, or a pool of the program.
#pragma once

#include "cnnx/export.h"

namespace cnnx {

// Threads of the program, for programs that must not have more threads than their own pool.
class CNNX_API ThreadPool {
 public:
  using Task = void (*)(void* context, int index);

  virtual ~ThreadPool();
  // How many tasks of one call may run at a time, the calling thread's included: 1 to 1024.
  [[nodiscard]] virtual int threads() const = 0;
  // Calls task(context, i) for i in [0, count), each once, in any threads and any order, or one
  // after the other in the calling thread, and returns when all have returned. Tasks neither throw
  // nor wait for each other. Called by several threads at once if they compute at the same time.
  virtual void run(int count, Task task, void* context) noexcept = 0;
};

// As long as it lives, calls of the thread that constructed it use so many threads, or those of a
// pool, and get_num_threads() says how many. Other threads are unaffected. Scopes are nested: each
// must be destroyed in its thread, before those constructed earlier. Results never depend on it. A
// library without threads (has_threads() is false) computes in the calling thread nevertheless.
//
//   const cnnx::ThreadScope alone(1);
//   const cnnx::Prediction prediction = model.predict(image);
class CNNX_API ThreadScope {
 public:
  // Throws std::invalid_argument unless 1 <= threads <= 1024.
  explicit ThreadScope(int threads);
  // Throws std::invalid_argument unless 1 <= pool.threads() <= 1024. The pool must outlive it.
  explicit ThreadScope(ThreadPool& pool);
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int outer_threads_;
  ThreadPool* outer_pool_;
};

}  // namespace cnnx
