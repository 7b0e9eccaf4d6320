// Identifies CPUs by their vendor.
#include "runtime/prefetcher.h"

#include <cstring>

#if defined(__x86_64__) || defined(_M_X64)
#include <cpuid.h>
#endif

namespace cnnx::runtime {
namespace {

// Measured on Intel's Emerald Rapids, whose second-level cache tracks 32 pages, and on AMD's Zen 4,
// which does not.
bool is_intel() {
#if defined(__x86_64__) || defined(_M_X64)
  unsigned most = 0, name[3] = {};
  return __get_cpuid(0, &most, &name[0], &name[2], &name[1]) &&
         std::memcmp(name, "GenuineIntel", sizeof(name)) == 0;
#else
  return false;
#endif
}

}  // namespace

bool foresees_rows() {
  static const bool foresees = is_intel();
  return foresees;
}

}  // namespace cnnx::runtime
