// Computes and writes the checksums; SafetensorsFile (safetensors.cpp) verifies them.
#include "io/checksums.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "io/json.h"
#include "io/text.h"
#include "io/xxh64.h"

namespace cnnx::io {
namespace {

void append_counted(std::string& out, const std::string& text) {
  for (int shift = 0; shift < 64; shift += 8)
    out += static_cast<char>(std::uint64_t{text.size()} >> shift & 0xFF);
  out += text;
}

}  // namespace

std::string checksums_text(const std::vector<Tensor>& tensors, const Metadata& metadata) {
  const auto member = [](const std::string& name, std::uint64_t checksum) {
    return Json(name).dump() + ":\"" + hexadecimal(checksum) + '"';
  };
  std::string text = "{" + member(kMetadataMember, metadata_checksum(metadata));
  for (const Tensor& tensor : tensors) {
    const auto size = static_cast<std::size_t>(tensor.byte_count());
    text += "," + member(tensor.name, xxh64(tensor.data, size));
  }
  return text + "}";
}

std::uint64_t metadata_checksum(const Metadata& metadata) {
  std::string bytes;
  for (const auto& [key, value] : metadata) {
    if (key == kChecksumsKey) continue;
    append_counted(bytes, key);
    append_counted(bytes, value);
  }
  return xxh64(bytes.data(), bytes.size());
}

bool parse_checksum(const std::string& digits, std::uint64_t& checksum) {
  constexpr std::size_t kDigits = 16;
  const bool is_upper = std::any_of(digits.begin(), digits.end(),
                                    [](char digit) { return digit >= 'A' && digit <= 'F'; });
  const char* end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, checksum, 16);
  return digits.size() == kDigits && !is_upper && error == std::errc() && stopped == end;
}

}  // namespace cnnx::io
