// XXH64, a 64-bit checksum: it detects damage, not deliberate changes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cnnx::io {

// With seed 0. Equal to the XXH64 of every other implementation of its specification (Y. Collet,
// xxHash fast digest algorithm, version 0.1.1).
std::uint64_t xxh64(const void* bytes, std::size_t size);

}  // namespace cnnx::io
