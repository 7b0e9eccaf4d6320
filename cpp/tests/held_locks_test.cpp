// Locks that a thread holds: taking one allocates nothing, and one more than the list holds is
// refused before it is taken.
#include "runtime/held_locks.h"

#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <vector>

#include "check.h"
#include "graph/model_mutex.h"
#include "runtime/fork.h"

namespace {

bool has_memory = true;

}  // namespace

void* operator new(std::size_t size) {
  void* const memory = has_memory ? std::malloc(size > 0 ? size : 1) : nullptr;
  if (!memory) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using cnnx::graph::ModelMutex;
using cnnx::runtime::ForkSafeMutex;

// First in the thread: a list that grows would allocate now.
void taking_a_lock_needs_no_memory() {
  ModelMutex model;
  ForkSafeMutex trainer("trainer");
  bool succeeded = true;
  has_memory = false;
  try {
    trainer.lock();
    model.lock();
    model.unlock();
    model.lock_shared();
    model.unlock_shared();
    trainer.unlock();
  } catch (const std::bad_alloc&) {
    succeeded = false;
  }
  has_memory = true;
  CHECK(succeeded);
}

void one_lock_too_many_is_refused_before_it_is_taken() {
  std::vector<std::unique_ptr<ModelMutex>> models;
  for (int i = 0; i < cnnx::runtime::kMostHeldLocks; ++i) {
    models.push_back(std::make_unique<ModelMutex>());
    models.back()->lock_shared();
  }
  ModelMutex model;
  ForkSafeMutex trainer("trainer");
  const char* expected = "this thread is inside the calls of 32 models and trainers";
  CHECK_THROWS(std::invalid_argument, expected, (model.lock(), 0));
  CHECK_THROWS(std::invalid_argument, expected, (model.lock_shared(), 0));
  CHECK_THROWS(std::invalid_argument, expected, (trainer.lock(), 0));
  models.front()->unlock_shared();
  model.lock();
  model.unlock();
  trainer.lock();
  trainer.unlock();
  for (std::size_t i = 1; i < models.size(); ++i) models[i]->unlock_shared();
  CHECK_THROWS(std::invalid_argument, "a function that it calls uses it", [&] {
    const std::lock_guard<ForkSafeMutex> lock(trainer);
    trainer.lock();
    return 0;
  }());
}

}  // namespace

int held_locks_test(int, char*[]) {
  taking_a_lock_needs_no_memory();
  one_lock_too_many_is_refused_before_it_is_taken();
  return cnnx::test::finish("held_locks_test");
}
