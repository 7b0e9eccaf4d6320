// The header of a safetensors file, parsed with full checks, or written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/safetensors.h"

namespace cnnx::io {

struct SafetensorsHeader {
  std::vector<StoredTensor> tensors;  // by position; together they cover the data exactly
  Metadata metadata;

  // Checks the JSON text against the `data_size` bytes that follow it; throws FormatError.
  static SafetensorsHeader parse(std::string_view text, std::uint64_t data_size,
                                 const std::string& file_name);
};

// Checks N, the first 8 bytes, against the size of the file (at least 8). Its FormatError names the
// kind of another file, which is known from its first kKindBytes (file_kind.h).
std::uint64_t checked_header_size(std::string_view beginning, std::uint64_t file_size,
                                  const std::string& file_name);

// The first 8 bytes and the JSON text, padded with spaces to a multiple of 8; checked by parse().
std::string safetensors_prefix(const std::vector<Tensor>& tensors, const Metadata& metadata,
                               const std::string& file_name);

}  // namespace cnnx::io
