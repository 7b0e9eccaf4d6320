// Escaping for error sentences.
#include "io/text.h"

#include <algorithm>
#include <cstdint>
#include <system_error>

#include "runtime/utf8.h"

namespace cnnx::io {
namespace {

void append_hexadecimal(std::string& out, const char* prefix, unsigned value, int digits) {
  out += prefix;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    out += "0123456789abcdef"[(value >> shift) & 15u];
  }
}

// Appends at most `limit` bytes of `text`, escaped; returns whether that was all of it.
bool append_escaped(std::string& out, std::string_view text, std::size_t limit) {
  std::size_t position = 0;
  while (position < text.size()) {
    const std::string_view rest = text.substr(position);
    const std::size_t plain = std::min(runtime::plain_length(rest), limit - position);
    if (plain > 0) {
      out += rest.substr(0, plain);
      position += plain;
      continue;
    }
    const std::size_t length = runtime::utf8_sequence_length(rest);
    if (position + (length ? length : 1) > limit) return false;
    const auto first = static_cast<std::uint8_t>(rest[0]);
    if (length == 0) {
      append_hexadecimal(out, "\\x", first, 2);
      position += 1;
      continue;
    }
    const bool is_c1_control =
        length == 2 && first == 0xC2 && static_cast<std::uint8_t>(rest[1]) < 0xA0;
    if (is_c1_control) {
      append_hexadecimal(out, "\\u", static_cast<std::uint8_t>(rest[1]), 4);
    } else if (length == 1 && (first < 0x20 || first == 0x7F)) {
      append_hexadecimal(out, "\\u", first, 4);
    } else {
      out += rest.substr(0, length);
    }
    position += length;
  }
  return true;
}

std::string text_of(const std::filesystem::path& path) {
#if defined(_WIN32)
  return path.u8string();
#else
  return path.native();
#endif
}

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr std::size_t limit = 80;
  std::string out = "\"";
  if (!append_escaped(out, text, limit)) out += "...";
  return out + '"';
}

std::string hexadecimal(std::uint64_t number) {
  std::string digits(16, '0');
  for (auto digit = digits.rbegin(); number > 0; number >>= 4)
    *digit++ = "0123456789abcdef"[number & 15];
  return digits;
}

std::string in_one_line(std::string_view sentence) {
  constexpr std::size_t limit = 400;
  std::string out;
  if (!append_escaped(out, sentence, limit)) out += "...";
  return out;
}

std::string checked_name(const std::filesystem::path& path, const std::string& action) {
  // Of Linux. macOS refuses shorter paths.
  constexpr std::size_t longest = 4096;
  const std::string text = text_of(path);
  const std::size_t end = std::min(text.find('\0'), text.size());
  const auto refuse = [&](std::errc code, const std::string& reason) {
    const std::string shown = text.substr(0, end) + (end < text.size() ? "..." : "");
    throw std::system_error(std::make_error_code(code),
                            action + " " + in_quotes(shown) + ", " + reason);
  };
  constexpr const char* expected = ", expected the path of a file and not its content";
  if (text.empty()) refuse(std::errc::no_such_file_or_directory, "the path is empty");
  if (end < text.size())
    refuse(std::errc::invalid_argument, std::string("the path holds a NUL") + expected);
  if (text.size() > longest) {
    refuse(std::errc::filename_too_long,
           "the path has " + std::to_string(text.size()) + " bytes" + expected);
  }
  return printable(path);
}

std::filesystem::path path_of(const std::string& text, [[maybe_unused]] const std::string& action) {
#if defined(_WIN32)
  if (runtime::valid_utf8_prefix(text) != text.size()) {
    throw std::system_error(std::make_error_code(std::errc::illegal_byte_sequence),
                            action + " " + in_quotes(text) + ", expected a path in UTF-8");
  }
#endif
  return std::filesystem::u8path(text);
}

std::string printable(const std::filesystem::path& path) {
  const std::string text = text_of(path);
  std::string out;
  append_escaped(out, text, text.size());
  return out;
}

}  // namespace cnnx::io
