// Numbers of elements as sizes of memory, which a 32-bit system has fewer of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

#include "runtime/memory.h"

namespace cnnx::runtime {

// For an allocation of `count` elements, whose number may come from a file. Throws std::bad_alloc
// for more than memory_limit(); a conversion alone would drop the upper bits on a 32-bit system.
template <class Element = float>
std::size_t checked_size(int64_t count) {
  constexpr auto kMost =
      std::numeric_limits<int64_t>::max() / static_cast<int64_t>(sizeof(Element));
  if (count < 0 || count > kMost) throw std::bad_alloc();
  check_memory(static_cast<std::uint64_t>(count) * sizeof(Element));
  return static_cast<std::size_t>(count);
}

}  // namespace cnnx::runtime
