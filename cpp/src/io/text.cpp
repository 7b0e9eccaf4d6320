// Well-formed UTF-8 by the table of the Unicode standard (3-7), and escaping for error sentences.
#include "io/text.h"

#include <algorithm>
#include <cstdint>
#include <system_error>

namespace cnnx::io {
namespace {

// The length of the well-formed sequence at the start of `text` (not empty), or 0 if there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t index) { return static_cast<std::uint8_t>(text[index]); };
  const auto continues = [&](std::size_t index, std::uint8_t low = 0x80, std::uint8_t high = 0xBF) {
    return index < text.size() && byte(index) >= low && byte(index) <= high;
  };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;  // a continuation byte, or an overlong form of ASCII
  if (lead < 0xE0) return continues(1) ? 2 : 0;
  if (lead < 0xF0) {
    const std::uint8_t low = lead == 0xE0 ? 0xA0 : 0x80;   // overlong
    const std::uint8_t high = lead == 0xED ? 0x9F : 0xBF;  // surrogates
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (lead > 0xF4) return 0;
  const std::uint8_t low = lead == 0xF0 ? 0x90 : 0x80;   // overlong
  const std::uint8_t high = lead == 0xF4 ? 0x8F : 0xBF;  // above U+10FFFF
  return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
}

// The length of the printable ASCII at the start of `text`: most of every text, and fast to find.
std::size_t plain_length(std::string_view text) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* at = begin;
  while (at != end && *at >= ' ' && *at < '\x7F') ++at;
  return static_cast<std::size_t>(at - begin);
}

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
    const std::size_t plain = std::min(plain_length(rest), limit - position);
    if (plain > 0) {
      out += rest.substr(0, plain);
      position += plain;
      continue;
    }
    const std::size_t length = sequence_length(rest);
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

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t position = 0;
  for (;;) {
    position += plain_length(text.substr(position));
    if (position == text.size()) break;
    const std::size_t length = sequence_length(text.substr(position));
    if (length == 0) break;
    position += length;
  }
  return position;
}

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
  if (valid_utf8_prefix(text) != text.size()) {
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
