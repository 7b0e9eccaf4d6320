// Scratch of a call of an op outside a model's workspaces.
#pragma once

#include <cstdint>
#include <utility>

#include "runtime/memory.h"

namespace cnnx::ops {

// Holds scratch during its lifetime. Each thread reuses the memory of its last call, unless it was
// large: new memory costs a page fault every few KB, as much as a small convolution. A call inside
// another, by a custom layer, has memory of its own, and so has each call after the thread's
// variables are destroyed, when destructors of static objects may still call ops.
class CallScratch {
 public:
  explicit CallScratch(int64_t floats) {
    if (!cache_is_destroyed()) memory_ = std::exchange(cached(), {});
    if (memory_.size() < floats)
      memory_ = runtime::AlignedBuffer(floats, runtime::AlignedBuffer::Contents::anything);
  }
  ~CallScratch() {
    if (!cache_is_destroyed() && memory_.size() <= kMostCachedFloats) cached() = std::move(memory_);
  }
  CallScratch(const CallScratch&) = delete;
  CallScratch& operator=(const CallScratch&) = delete;

  float* data() { return memory_.data(); }

 private:
  static constexpr int64_t kMostCachedFloats = 4 * 1024 * 1024;

  struct Cache {
    runtime::AlignedBuffer buffer;
    ~Cache() { cache_is_destroyed() = true; }
  };

  // Without a destructor, so that it outlives the cache.
  static bool& cache_is_destroyed() {
    thread_local bool is_destroyed = false;
    return is_destroyed;
  }
  static runtime::AlignedBuffer& cached() {
    thread_local Cache cache;
    return cache.buffer;
  }

  runtime::AlignedBuffer memory_;
};

}  // namespace cnnx::ops
