// Allocates and frees AlignedBuffer's storage, and finds the size of the memory.
#include "runtime/memory.h"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#endif
#if defined(__linux__)
#include <sys/sysinfo.h>
#elif defined(_WIN32)
#include <windows.h>
#endif

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>

#include "runtime/cgroup.h"

namespace cnnx::runtime {
namespace {
constexpr std::size_t kAlignment = 64, kSlack = 64;
// A large buffer begins on a huge page and requests huge pages. With small pages, scattered in
// memory, a train step's time would depend on their addresses.
constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Of an array that exists, or of one whose size has been checked.
std::size_t bytes_of(int64_t floats) {
  return static_cast<std::size_t>(floats) * sizeof(float) + kSlack;
}

// 2^64 - 1 if the system does not report it.
std::uint64_t memory_of_the_machine() {
#if defined(__linux__)
  struct sysinfo info;
  if (::sysinfo(&info) == 0) return (std::uint64_t{info.totalram} + info.totalswap) * info.mem_unit;
#elif defined(_WIN32)
  MEMORYSTATUSEX status;
  status.dwLength = sizeof status;
  if (::GlobalMemoryStatusEx(&status)) return status.ullTotalPageFile;
#elif defined(_SC_PHYS_PAGES) && !defined(__EMSCRIPTEN__)  // there it is the memory before it grows
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0)
    return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
#endif
  return std::numeric_limits<std::uint64_t>::max();
}

std::uint64_t memory_of_the_cgroups() {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for_each_cgroup("memory", [&](const std::string& folder, bool is_version2) {
    std::ifstream file(folder + (is_version2 ? "/memory.max" : "/memory.limit_in_bytes"));
    std::uint64_t bytes = 0;  // "max" is not a number
    if (file >> bytes && bytes > 0) least = std::min(least, bytes);
  });
  return least;
}

std::size_t alignment_of(std::size_t bytes) {
  return bytes < 2 * kHugePage ? kAlignment : kHugePage;
}
}  // namespace

OutOfMemory::OutOfMemory(std::uint64_t bytes)
    : sentence_("cnnx: " + std::to_string(bytes) +
                " bytes are needed at once, expected at most the memory, " +
                std::to_string(memory_limit()) + " bytes") {}

AlignedBuffer::AlignedBuffer(int64_t floats, Contents contents) : size_(floats) {
  if (floats < 0 || floats > (int64_t{1} << 60))
    throw OutOfMemory("cnnx: an array of more than 2^60 numbers is needed");
  check_memory(static_cast<std::uint64_t>(floats) * sizeof(float) + kSlack);
  const std::size_t bytes = bytes_of(floats);
  const std::size_t alignment = alignment_of(bytes);
  data_ = static_cast<float*>(::operator new(bytes, std::align_val_t{alignment}));
#if defined(__linux__)
  // Only a request; a failure changes no result.
  if (alignment == kHugePage) static_cast<void>(madvise(data_, bytes, MADV_HUGEPAGE));
#endif
  if (contents == Contents::zeros) std::memset(data_, 0, bytes);
}

AlignedBuffer::~AlignedBuffer() {
  ::operator delete(data_, std::align_val_t{alignment_of(bytes_of(size_))});
}

std::uint64_t memory_limit() {
  // What the system can address; in 64 bits, because more may be needed on a 32-bit system.
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::ptrdiff_t>::max());
  static const std::uint64_t limit =
      std::min({memory_of_the_machine(), memory_of_the_cgroups(), kMost});
  return limit;
}

void check_memory(std::uint64_t bytes) {
  if (bytes > 2 * kHugePage && bytes > memory_limit()) throw OutOfMemory(bytes);
}

void read_ahead(const void* data, int64_t bytes) noexcept {
#if defined(__unix__) || defined(__APPLE__)
  static const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t behind = reinterpret_cast<uintptr_t>(data) % page;  // the start of its page
  char* const begin = static_cast<char*>(const_cast<void*>(data)) - behind;
  // Only a hint; a failure changes no result.
  static_cast<void>(
      posix_madvise(begin, behind + static_cast<std::size_t>(bytes), POSIX_MADV_WILLNEED));
#else
  static_cast<void>(data), static_cast<void>(bytes);
#endif
}

}  // namespace cnnx::runtime
