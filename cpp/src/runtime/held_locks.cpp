// A list of fixed size per thread. It has no destructor, because destructors of static objects use
// models after those of the thread's variables have run, and needs no memory, because the caller
// already holds a lock that it adds.
#include "runtime/held_locks.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace cnnx::runtime {
namespace {

struct HeldLocks {
  const void* locks[kMostHeldLocks];
  int count;

  const void** end() { return locks + count; }
  const void** find(const void* lock) { return std::find(locks, end(), lock); }
};

thread_local HeldLocks held_locks = {};

}  // namespace

void check_not_held(const void* lock, const char* owner) {
  if (held_locks.find(lock) != held_locks.end()) {
    throw std::invalid_argument(
        std::string(owner) + ": a function that it calls uses it, expected a use after the call");
  }
  if (held_locks.count < kMostHeldLocks) return;
  throw std::invalid_argument(std::string(owner) + ": this thread is inside the calls of " +
                              std::to_string(held_locks.count) +
                              " models and trainers, expected functions that call fewer others");
}

void add_held(const void* lock) noexcept { held_locks.locks[held_locks.count++] = lock; }

void remove_held(const void* lock) noexcept {
  const void** const found = held_locks.find(lock);
  std::copy(found + 1, held_locks.end(), found);
  --held_locks.count;
}

}  // namespace cnnx::runtime
