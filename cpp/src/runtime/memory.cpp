// Allocates and frees AlignedBuffer's storage.
#include "runtime/memory.h"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#endif

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

void read_ahead(const void* data, int64_t bytes) noexcept {
#if defined(__unix__) || defined(__APPLE__)
  static const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = reinterpret_cast<uintptr_t>(data) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(data) + static_cast<uintptr_t>(bytes);
  // Only a hint: what it answers changes nothing.
  static_cast<void>(
      posix_madvise(reinterpret_cast<void*>(begin), end - begin, POSIX_MADV_WILLNEED));
#else
  static_cast<void>(data), static_cast<void>(bytes);
#endif
}

}  // namespace cnnx::runtime
