// The kind of a file that is no model file, for an error sentence.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cnnx::io {

// Bytes at the beginning of a file that are enough to tell its kind.
constexpr std::size_t kKindBytes = 256;

// "a PNG image", from the first bytes of the file, or nothing for an unknown kind.
std::string kind_of_file(std::string_view beginning);

}  // namespace cnnx::io
