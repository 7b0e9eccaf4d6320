// Scratch of a call of an op outside a model's workspaces.
#pragma once

#include <cstdint>

#include "runtime/memory.h"

namespace cnnx::ops {

// Holds scratch during its lifetime; one at a time per thread. Each thread reuses the memory of its
// last call, unless it was large: new memory costs a page fault every few KB, as much as a small
// convolution.
class CallScratch {
 public:
  explicit CallScratch(int64_t floats) {
    if (cached().size() < floats)
      cached() = runtime::AlignedBuffer(floats, runtime::AlignedBuffer::Contents::anything);
  }
  ~CallScratch() {
    if (cached().size() > kMostCachedFloats) cached() = runtime::AlignedBuffer();
  }
  CallScratch(const CallScratch&) = delete;
  CallScratch& operator=(const CallScratch&) = delete;

  float* data() const { return cached().data(); }

 private:
  static constexpr int64_t kMostCachedFloats = 4 * 1024 * 1024;

  static runtime::AlignedBuffer& cached() {
    thread_local runtime::AlignedBuffer buffer;
    return buffer;
  }
};

}  // namespace cnnx::ops
