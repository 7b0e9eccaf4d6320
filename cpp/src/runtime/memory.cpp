// Allocates and frees AlignedBuffer's storage.
#include "runtime/memory.h"

#include <cstring>
#include <new>

namespace cnnx::runtime {
namespace {
constexpr std::size_t kAlignment = 64, kSlack = 64;
}

AlignedBuffer::AlignedBuffer(int64_t floats, Contents contents) : size_(floats) {
  if (floats < 0 || floats > (int64_t{1} << 60)) throw std::bad_alloc();
  const std::size_t bytes = static_cast<std::size_t>(floats) * sizeof(float) + kSlack;
  data_ = static_cast<float*>(::operator new(bytes, std::align_val_t{kAlignment}));
  if (contents == Contents::zeros) std::memset(data_, 0, bytes);
}

AlignedBuffer::~AlignedBuffer() { ::operator delete(data_, std::align_val_t{kAlignment}); }

}  // namespace cnnx::runtime
