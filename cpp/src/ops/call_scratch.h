// Scratch of a call of an op outside a model's workspaces.
#pragma once

#include <cstdint>

#include "runtime/memory.h"

namespace cnnx::ops {

// Holds scratch during its lifetime; one at a time per thread. Each thread reuses the memory of its
// last call, unless it was large: new memory costs a page fault every few KB, as much as a small
// convolution. After the thread's variables are destroyed, when destructors of static objects may
// still call ops, each call has memory of its own.
class CallScratch {
 public:
  explicit CallScratch(int64_t floats) {
    if (cache_is_destroyed()) {
      own_ = memory(floats);
      data_ = own_.data();
      return;
    }
    if (cached().size() < floats) cached() = memory(floats);
    data_ = cached().data();
  }
  ~CallScratch() {
    if (!cache_is_destroyed() && cached().size() > kMostCachedFloats)
      cached() = runtime::AlignedBuffer();
  }
  CallScratch(const CallScratch&) = delete;
  CallScratch& operator=(const CallScratch&) = delete;

  float* data() const { return data_; }

 private:
  static constexpr int64_t kMostCachedFloats = 4 * 1024 * 1024;

  struct Cache {
    runtime::AlignedBuffer buffer;
    ~Cache() { cache_is_destroyed() = true; }
  };

  static runtime::AlignedBuffer memory(int64_t floats) {
    return runtime::AlignedBuffer(floats, runtime::AlignedBuffer::Contents::anything);
  }
  // Without a destructor, so that it outlives the cache.
  static bool& cache_is_destroyed() {
    thread_local bool is_destroyed = false;
    return is_destroyed;
  }
  static runtime::AlignedBuffer& cached() {
    thread_local Cache cache;
    return cache.buffer;
  }

  float* data_;
  runtime::AlignedBuffer own_;
};

}  // namespace cnnx::ops
