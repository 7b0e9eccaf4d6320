// The checksums of a model file: the metadata text `cnnx.checksums`, a JSON object
//
//   {"__metadata__": "0a1b...", "conv2d_1.weight": "2c3d...", ...}
//
// of the XXH64 (xxh64.h) of every tensor's data and of the other metadata, as 16 hexadecimal digits
// each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/safetensors.h"

namespace cnnx::io {

constexpr const char* kChecksumsKey = "cnnx.checksums";

// The text of a file of these tensors, with names that differ, and this metadata.
std::string checksums_text(const std::vector<Tensor>& tensors, const Metadata& metadata);

// Of all metadata except the checksums: of each key and its value in the order of the keys' bytes,
// each as its length, a 64-bit little-endian integer, and its bytes.
std::uint64_t metadata_checksum(const Metadata& metadata);

// Parses 16 hexadecimal digits, in lower case; returns false for any other text.
bool parse_checksum(const std::string& digits, std::uint64_t& checksum);

}  // namespace cnnx::io
