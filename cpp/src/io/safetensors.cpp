// Reading and writing of whole safetensors files; safetensors_header.cpp checks their headers.
#include "io/safetensors.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "cnnx/error.h"
#include "io/atomic_file.h"
#include "io/checksums.h"
#include "io/file_kind.h"
#include "io/input_file.h"
#include "io/json.h"
#include "io/json_view.h"
#include "io/safetensors_header.h"
#include "io/text.h"
#include "io/xxh64.h"
#include "runtime/sizes.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "cnnx keeps numbers in files as they lie in memory, which must be little-endian"
#endif

namespace cnnx::io {
namespace {

// Separate, so that the text is freed before further memory is allocated.
SafetensorsHeader read_header(const Input& input, std::uint64_t& data_begin) {
  if (input.size() < 8) {
    throw FormatError(input.name() + ": not a safetensors file, it has only " +
                      std::to_string(input.size()) + " bytes");
  }
  std::string beginning(static_cast<std::size_t>(std::min<std::uint64_t>(input.size(), kKindBytes)),
                        '\0');
  input.read(0, beginning.data(), beginning.size());
  const std::uint64_t size = checked_header_size(beginning, input.size(), input.name());
  data_begin = 8 + size;
  std::string text(runtime::checked_size<char>(static_cast<int64_t>(size)), '\0');
  input.read(8, text.data(), text.size());
  return SafetensorsHeader::parse(text, input.size() - data_begin, input.name());
}

}  // namespace

SafetensorsFile::SafetensorsFile(std::unique_ptr<const Input> input) : input_(std::move(input)) {
  SafetensorsHeader header = read_header(*input_, data_begin_);
  metadata_ = std::move(header.metadata);
  tensors_ = std::move(header.tensors);
  by_name_.resize(tensors_.size());
  std::iota(by_name_.begin(), by_name_.end(), std::size_t{0});
  std::sort(by_name_.begin(), by_name_.end(), [&](std::size_t left, std::size_t right) {
    return tensors_[left].name < tensors_[right].name;
  });
}

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  return SafetensorsFile(std::make_unique<InputFile>(path));
}

SafetensorsFile SafetensorsFile::from_bytes(const void* bytes, std::size_t size,
                                            const std::string& name) {
  return SafetensorsFile(std::make_unique<InputBytes>(bytes, size, name));
}

std::vector<std::size_t>::const_iterator SafetensorsFile::lower_bound(
    std::string_view tensor_name) const {
  return std::lower_bound(
      by_name_.begin(), by_name_.end(), tensor_name,
      [&](std::size_t index, std::string_view wanted) { return tensors_[index].name < wanted; });
}

const StoredTensor* SafetensorsFile::find(std::string_view tensor_name) const& {
  const auto place = lower_bound(tensor_name);
  if (place == by_name_.end() || tensors_[*place].name != tensor_name) return nullptr;
  return &tensors_[*place];
}

const StoredTensor& SafetensorsFile::at(std::string_view tensor_name, DType dtype,
                                        const Shape& shape) const& {
  const StoredTensor* tensor = find(tensor_name);
  const auto refuse = [&](const std::string& complaint) {
    throw FormatError(name() + ": tensor " + in_quotes(tensor_name) + complaint);
  };
  if (tensor == nullptr) refuse(" is missing");
  if (tensor->dtype != dtype) {
    refuse(" has dtype " + std::string(name_of(tensor->dtype)) + ", expected " +
           std::string(name_of(dtype)));
  }
  if (tensor->shape != shape) {
    refuse(" has shape " + cnnx::to_string(tensor->shape) + ", expected " + cnnx::to_string(shape));
  }
  return *tensor;
}

std::vector<const StoredTensor*> SafetensorsFile::beginning_with(std::string_view prefix) const& {
  std::vector<const StoredTensor*> found;
  for (auto place = lower_bound(prefix); place != by_name_.end(); ++place) {
    const StoredTensor& tensor = tensors_[*place];
    if (tensor.name.compare(0, prefix.size(), prefix) != 0) break;
    found.push_back(&tensor);
  }
  return found;
}

void SafetensorsFile::expect_checksums() {
  const auto text = metadata_.find(kChecksumsKey);
  if (text == metadata_.end()) return;
  const std::string what = name() + ": " + kChecksumsKey;
  const Json json = Json::parse(text->second, what);
  const JsonView view(json, what);
  const auto checksum_of = [](const JsonView& member) {
    std::uint64_t checksum = 0;
    if (!parse_checksum(member.string(), checksum))
      member.fail("is " + in_quotes(member.string()) + ", expected 16 hexadecimal digits");
    return checksum;
  };
  if (checksum_of(view.at(kMetadataMember)) != metadata_checksum(metadata_))
    refuse_damage("its metadata");
  view.for_each_member([&](const std::string& tensor, const JsonView& member) {
    if (tensor == kMetadataMember) return;
    const auto place = lower_bound(tensor);
    if (place == by_name_.end() || tensors_[*place].name != tensor)
      member.fail("is the checksum of a tensor that is missing");
    tensors_[*place].checksum = checksum_of(member);
  });
  for (const StoredTensor& tensor : tensors_) {
    if (!tensor.checksum) view.fail("has no checksum of tensor " + in_quotes(tensor.name));
  }
}

void SafetensorsFile::refuse_damage(const std::string& what) const {
  throw FormatError(name() + ": " + what +
                    " does not match its checksum: the file is damaged, or a program changed it "
                    "and left " +
                    kChecksumsKey + " as it was");
}

void SafetensorsFile::read(const StoredTensor& tensor, void* destination) const {
  const auto size = runtime::checked_size<char>(static_cast<int64_t>(tensor.end - tensor.begin));
  input_->read(data_begin_ + tensor.begin, destination, size);
  if (tensor.checksum && *tensor.checksum != xxh64(destination, size))
    refuse_damage("tensor " + in_quotes(tensor.name));
}

void write_safetensors(const std::filesystem::path& path, const std::vector<Tensor>& tensors,
                       const Metadata& metadata) {
  const std::string prefix = safetensors_prefix(tensors, metadata, printable(path));
  std::vector<Bytes> pieces = {{prefix.data(), prefix.size()}};
  for (const Tensor& tensor : tensors) {
    pieces.push_back({tensor.data, static_cast<std::size_t>(tensor.byte_count())});
  }
  replace_file(path, pieces);
}

std::vector<std::byte> safetensors_bytes(const std::vector<Tensor>& tensors,
                                         const Metadata& metadata, const std::string& name) {
  const std::string prefix = safetensors_prefix(tensors, metadata, name);
  std::vector<std::byte> bytes;
  const auto append = [&](const void* data, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), first, first + size);
  };
  append(prefix.data(), prefix.size());
  for (const Tensor& tensor : tensors) {
    append(tensor.data, static_cast<std::size_t>(tensor.byte_count()));
  }
  return bytes;
}

}  // namespace cnnx::io
