// The lengths of well-formed UTF-8 at the start of a text.
#pragma once

#include <cstddef>
#include <string_view>

namespace cnnx::runtime {

// The length of the well-formed sequence at the start of `text` (not empty), or 0 if there is none.
std::size_t utf8_sequence_length(std::string_view text);

// The length of the printable ASCII at the start of `text`: most of every text, and fast to find.
std::size_t plain_length(std::string_view text);

// The length of the longest prefix that is well-formed UTF-8 (no overlong forms, no surrogates,
// nothing above U+10FFFF): text.size() if all of it is.
std::size_t valid_utf8_prefix(std::string_view text);

}  // namespace cnnx::runtime
