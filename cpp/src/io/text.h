// Text on its way out of a file: strict UTF-8, and how names and paths are shown in error
// sentences.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace cnnx::io {

// Length of the longest prefix that is well-formed UTF-8 (no overlong forms, no surrogates, nothing
// above U+10FFFF): text.size() when all of it is.
std::size_t valid_utf8_prefix(std::string_view text);

// A name in double quotes, safe to print: control characters and malformed bytes are escaped, and
// after 80 bytes the rest is replaced by "...".
std::string in_quotes(std::string_view text);

// A sentence that may hold a file's own words, safe to print: escaped likewise, shortened to 400
// bytes.
std::string in_one_line(std::string_view sentence);

// A path without quotes, whole, safe to print (always UTF-8, whatever bytes the file system holds).
std::string printable(const std::filesystem::path& path);

}  // namespace cnnx::io
