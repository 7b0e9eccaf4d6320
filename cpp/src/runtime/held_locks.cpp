// A short list per thread.
#include "runtime/held_locks.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace cnnx::runtime {
namespace {

std::vector<const void*>& held_locks() {
  thread_local std::vector<const void*> held;
  return held;
}

}  // namespace

void check_not_held(const void* lock, const char* owner) {
  std::vector<const void*>& held = held_locks();
  if (std::find(held.begin(), held.end(), lock) == held.end()) {
    // More than any call holds at once, so that memory runs out at its first lock or at none.
    constexpr std::size_t kUsual = 8;
    if (held.size() == held.capacity()) held.reserve(held.size() + kUsual);
    return;
  }
  throw std::invalid_argument(std::string(owner) +
                              ": a function that it calls uses it, expected a use after the call");
}

void add_held(const void* lock) { held_locks().push_back(lock); }

void remove_held(const void* lock) {
  std::vector<const void*>& held = held_locks();
  held.erase(std::find(held.begin(), held.end(), lock));
}

}  // namespace cnnx::runtime
