// XXH64: four independent sums of 8 bytes each, then the rest, then mixing of the bits.
#include "io/xxh64.h"

#include <cstring>
#include <initializer_list>

namespace cnnx::io {
namespace {

constexpr std::uint64_t kPrime1 = 0x9E3779B185EBCA87, kPrime2 = 0xC2B2AE3D27D4EB4F,
                        kPrime3 = 0x165667B19E3779F9, kPrime4 = 0x85EBCA77C2B2AE63,
                        kPrime5 = 0x27D4EB2F165667C5;

constexpr std::uint64_t rotate_left(std::uint64_t value, int bits) {
  return value << bits | value >> (64 - bits);
}

constexpr std::uint64_t add_word(std::uint64_t sum, std::uint64_t word) {
  return rotate_left(sum + word * kPrime2, 31) * kPrime1;
}

constexpr std::uint64_t merge(std::uint64_t hash, std::uint64_t sum) {
  return (hash ^ add_word(0, sum)) * kPrime1 + kPrime4;
}

// The next bytes as a little-endian number, which files of cnnx and memory have in common.
template <class Word>
Word take(const unsigned char*& next) {
  Word word;
  std::memcpy(&word, next, sizeof word);
  next += sizeof word;
  return word;
}

}  // namespace

std::uint64_t xxh64(const void* bytes, std::size_t size) {
  const auto* next = static_cast<const unsigned char*>(bytes);
  std::size_t left = size;
  std::uint64_t hash = kPrime5;
  if (left >= 32) {
    std::uint64_t a = kPrime1 + kPrime2, b = kPrime2, c = 0, d = std::uint64_t{0} - kPrime1;
    for (; left >= 32; left -= 32) {
      a = add_word(a, take<std::uint64_t>(next));
      b = add_word(b, take<std::uint64_t>(next));
      c = add_word(c, take<std::uint64_t>(next));
      d = add_word(d, take<std::uint64_t>(next));
    }
    hash = rotate_left(a, 1) + rotate_left(b, 7) + rotate_left(c, 12) + rotate_left(d, 18);
    for (const std::uint64_t sum : {a, b, c, d}) hash = merge(hash, sum);
  }
  hash += size;
  for (; left >= 8; left -= 8)
    hash = rotate_left(hash ^ add_word(0, take<std::uint64_t>(next)), 27) * kPrime1 + kPrime4;
  if (left >= 4) {
    hash = rotate_left(hash ^ take<std::uint32_t>(next) * kPrime1, 23) * kPrime2 + kPrime3;
    left -= 4;
  }
  for (; left > 0; --left)
    hash = rotate_left(hash ^ take<std::uint8_t>(next) * kPrime5, 11) * kPrime1;
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

}  // namespace cnnx::io
