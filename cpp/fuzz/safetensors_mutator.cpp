// Mutates the parts of a safetensors file: its header, a JSON text in its metadata, or its data.
// The lengths and most checksums are corrected afterwards, because blind mutations would almost
// always break them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "io/checksums.h"
#include "io/json.h"
#include "io/safetensors_header.h"
#include "io/text.h"
#include "runtime/utf8.h"

extern "C" std::size_t LLVMFuzzerMutate(uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using cnnx::io::Json;

struct File {
  std::string header, data;
};

bool split(const uint8_t* bytes, std::size_t size, File& file) {
  if (size < 8) return false;
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | bytes[i];
  if (length > size - 8) return false;
  const auto* text = reinterpret_cast<const char*>(bytes) + 8;
  file = {{text, static_cast<std::size_t>(length)}, {text + length, size - 8 - length}};
  return true;
}

std::string mutated(const std::string& text, std::size_t max_size) {
  std::vector<uint8_t> bytes(text.begin(), text.end());
  bytes.resize(std::max(max_size, text.size()));
  const std::size_t size = LLVMFuzzerMutate(bytes.data(), text.size(), bytes.size());
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
}

// The header with one text of its metadata mutated; unchanged without metadata.
std::string with_mutated_metadata(const std::string& header, unsigned which, std::size_t space) {
  const Json json = Json::parse(header, "header");
  const Json* metadata = json.find("__metadata__");
  const auto* texts = metadata ? std::get_if<Json::Object>(&metadata->value()) : nullptr;
  if (!texts || texts->empty()) return header;
  Json changed = Json::object(), whole = Json::object();
  for (std::size_t i = 0; i < texts->size(); ++i) {
    const auto* text = std::get_if<std::string>(&(*texts)[i].value.value());
    if (!text || i != which % texts->size()) {
      changed.set((*texts)[i].name, (*texts)[i].value);
      continue;
    }
    std::string other = mutated(*text, text->size() + space);
    other.resize(cnnx::runtime::valid_utf8_prefix(other));
    changed.set((*texts)[i].name, Json(other));
  }
  for (const Json::Member& member : std::get<Json::Object>(json.value()))
    whole.set(member.name, member.name == "__metadata__" ? changed : member.value);
  return whole.dump();
}

// The header with the checksums of its file; unchanged if it is refused or has none.
std::string with_checksums(const std::string& header, const std::string& data) {
  try {
    using namespace cnnx::io;
    const auto parsed = SafetensorsHeader::parse(header, data.size(), "header");
    const auto found = parsed.metadata.find(kChecksumsKey);
    if (found == parsed.metadata.end()) return header;
    std::vector<Tensor> tensors;
    for (const StoredTensor& tensor : parsed.tensors)
      tensors.push_back({tensor.name, tensor.dtype, tensor.shape, data.data() + tensor.begin});
    const std::string old = Json(found->second).dump();
    const std::size_t place = header.find(old);
    if (place == std::string::npos) return header;
    return header.substr(0, place) + Json(checksums_text(tensors, parsed.metadata)).dump() +
           header.substr(place + old.size());
  } catch (const std::invalid_argument&) {
    return header;
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(uint8_t* bytes, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  File file;
  if (seed % 8 == 0 || !split(bytes, size, file)) return LLVMFuzzerMutate(bytes, size, max_size);
  const std::size_t space = max_size > size ? max_size - size : 0;
  try {
    if (seed % 8 == 1) {
      file.data = mutated(file.data, file.data.size() + space);
    } else if (seed % 8 < 4) {
      file.header = mutated(file.header, file.header.size() + space);
    } else {
      file.header = with_mutated_metadata(file.header, seed / 8, space);
    }
  } catch (const std::invalid_argument&) {
    return LLVMFuzzerMutate(bytes, size, max_size);  // the header is not JSON
  }
  if (seed / 64 % 8 > 0) file.header = with_checksums(file.header, file.data);
  std::string whole;
  for (int shift = 0; shift < 64; shift += 8)
    whole += static_cast<char>(static_cast<std::uint64_t>(file.header.size()) >> shift & 0xFF);
  whole += file.header + file.data;
  if (whole.size() > max_size) return LLVMFuzzerMutate(bytes, size, max_size);
  std::copy(whole.begin(), whole.end(), bytes);
  return whole.size();
}
