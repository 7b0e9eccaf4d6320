// Numbers of elements as sizes of memory, which a 32-bit system has fewer of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

namespace cnnx::runtime {

// For an allocation of `count` elements, whose number may come from a file. Throws std::bad_alloc
// if the system cannot address as many bytes; a conversion alone would drop the upper bits.
template <class Element = float>
std::size_t checked_size(int64_t count) {
  constexpr auto kMost =
      std::numeric_limits<std::ptrdiff_t>::max() / static_cast<std::ptrdiff_t>(sizeof(Element));
  if (count < 0 || count > kMost) throw std::bad_alloc();
  return static_cast<std::size_t>(count);
}

}  // namespace cnnx::runtime
