// Names and paths in error sentences.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace cnnx::io {

// A name in double quotes, safe to print: control characters and malformed bytes are escaped, and
// after 80 bytes the rest is replaced by "...".
std::string in_quotes(std::string_view text);

// 16 digits in lower case.
std::string hexadecimal(std::uint64_t number);

// A sentence that may quote a file, safe to print: escaped in the same way, shortened to 400 bytes.
std::string in_one_line(std::string_view sentence);

// The printable path, for sentences that begin with `action`, such as "cannot read". Throws
// std::system_error for an empty path, for one that is longer than any system takes, and for one
// with a NUL, where the system would end the path and open another file.
std::string checked_name(const std::filesystem::path& path, const std::string& action);

// The path that a public function was given: UTF-8 on Windows, the file system's bytes elsewhere.
// Throws std::system_error for other bytes on Windows, in a sentence that begins with `action`.
std::filesystem::path path_of(const std::string& text, const std::string& action);

// A path without quotes, complete, safe to print (always UTF-8, whatever bytes the file system
// has).
std::string printable(const std::filesystem::path& path);

}  // namespace cnnx::io
