// Well-formed UTF-8 by the table of the Unicode standard (3-7).
#include "runtime/utf8.h"

#include <cstdint>

namespace cnnx::runtime {

std::size_t utf8_sequence_length(std::string_view text) {
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

std::size_t plain_length(std::string_view text) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* at = begin;
  while (at != end && *at >= ' ' && *at < '\x7F') ++at;
  return static_cast<std::size_t>(at - begin);
}

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t position = 0;
  for (;;) {
    position += plain_length(text.substr(position));
    if (position == text.size()) break;
    const std::size_t length = utf8_sequence_length(text.substr(position));
    if (length == 0) break;
    position += length;
  }
  return position;
}

}  // namespace cnnx::runtime
