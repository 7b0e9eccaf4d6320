// Registers for forks, counts them, and holds them up while a thread changes several variables.
#include "runtime/fork.h"

#include <new>
#include <stdexcept>
#include <string>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace cnnx::runtime {
namespace {

std::atomic<uint64_t> generation{0};
std::mutex gate;

#if defined(__unix__) || defined(__APPLE__)
void before_fork() { gate.lock(); }
void in_parent() { gate.unlock(); }
void in_child() {
  generation.fetch_add(1);
  gate.unlock();
}

bool is_registered() {
  static const bool registered = pthread_atfork(before_fork, in_parent, in_child) == 0;
  return registered;
}
#else
bool is_registered() { return true; }
#endif

}  // namespace

uint64_t fork_generation() {
  if (!is_registered()) throw std::bad_alloc();
  return generation.load(std::memory_order_relaxed);
}

ForkPause::ForkPause() { gate.lock(); }
ForkPause::~ForkPause() { gate.unlock(); }

std::mutex& ForkRecord::children_mutex() {
  static std::mutex mutex;
  return mutex;
}

void refuse_interrupted(const char* owner) {
  throw std::invalid_argument(std::string(owner) +
                              ": another thread was changing it when this process was forked, so "
                              "it is incomplete here, expected a fork between two calls: make it "
                              "in this process, or start processes with spawn");
}

}  // namespace cnnx::runtime
