// Reading and writing whole safetensors files; what their headers say is checked in
// safetensors_header.cpp.
#include "io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "cnnx/error.h"
#include "io/atomic_file.h"
#include "io/input_file.h"
#include "io/safetensors_header.h"
#include "io/text.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "cnnx keeps numbers in files as they lie in memory, which must be little-endian"
#endif

namespace cnnx::io {
namespace {

// The bytes given to from_bytes, read like a file.
class InputBytes {
 public:
  InputBytes(const void* bytes, std::size_t size, const std::string& name)
      : next_(static_cast<const std::byte*>(bytes)), size_(size), name_(name) {}
  const std::string& name() const { return name_; }
  std::uint64_t size() const { return size_; }
  void read(void* destination, std::size_t size) {
    if (size > 0) std::memcpy(destination, next_, size);
    next_ += size;
  }

 private:
  const std::byte* next_;
  std::size_t size_;
  const std::string& name_;
};

}  // namespace

class SafetensorsReader {
 public:
  template <typename Input>
  static SafetensorsFile read(Input& input) {
    SafetensorsFile file;
    file.name_ = input.name();
    if (input.size() < 8) {
      throw FormatError(file.name_ + ": not a safetensors file, it has only " +
                        std::to_string(input.size()) + " bytes");
    }
    unsigned char first_bytes[8];
    input.read(first_bytes, 8);
    const std::uint64_t header_size = checked_header_size(first_bytes, input.size(), file.name_);
    const std::uint64_t data_size = input.size() - 8 - header_size;
    SafetensorsHeader header = read_header(input, header_size, data_size);
    file.metadata_ = std::move(header.metadata);

    const auto size = static_cast<std::size_t>(data_size);
    if (size != data_size) throw std::bad_alloc();  // a 32-bit process
    file.data_.reset(new std::byte[size]);  // not make_unique, which would fill it with zeros
    input.read(file.data_.get(), size);
    for (SafetensorsHeader::Entry& entry : header.entries) {
      entry.tensor.data = file.data_.get() + entry.begin;
      file.by_name_.push_back(file.tensors_.size());
      file.tensors_.push_back(std::move(entry.tensor));
    }
    std::sort(file.by_name_.begin(), file.by_name_.end(), [&](std::size_t left, std::size_t right) {
      return file.tensors_[left].name < file.tensors_[right].name;
    });
    return file;
  }

 private:
  // Apart, so that the text is freed before memory is taken for the data.
  template <typename Input>
  static SafetensorsHeader read_header(Input& input, std::uint64_t header_size,
                                       std::uint64_t data_size) {
    std::string text(static_cast<std::size_t>(header_size), '\0');
    input.read(text.data(), text.size());
    return SafetensorsHeader::parse(text, data_size, input.name());
  }
};

SafetensorsFile SafetensorsFile::read(const std::filesystem::path& path) {
  InputFile input(path);
  return SafetensorsReader::read(input);
}

SafetensorsFile SafetensorsFile::from_bytes(const void* bytes, std::size_t size,
                                            const std::string& name) {
  InputBytes input(bytes, size, name);
  return SafetensorsReader::read(input);
}

const Tensor* SafetensorsFile::find(std::string_view tensor_name) const& {
  const auto place = std::lower_bound(
      by_name_.begin(), by_name_.end(), tensor_name,
      [&](std::size_t index, std::string_view wanted) { return tensors_[index].name < wanted; });
  if (place == by_name_.end() || tensors_[*place].name != tensor_name) return nullptr;
  return &tensors_[*place];
}

const Tensor& SafetensorsFile::at(std::string_view tensor_name, DType dtype,
                                  const Shape& shape) const& {
  const Tensor* tensor = find(tensor_name);
  const std::string subject = name_ + ": tensor " + in_quotes(tensor_name);
  if (tensor == nullptr) throw FormatError(subject + " is missing");
  if (tensor->dtype != dtype) {
    throw FormatError(subject + " has dtype " + std::string(name_of(tensor->dtype)) +
                      ", expected " + std::string(name_of(dtype)));
  }
  if (tensor->shape != shape) {
    throw FormatError(subject + " has shape " + cnnx::to_string(tensor->shape) + ", expected " +
                      cnnx::to_string(shape));
  }
  return *tensor;
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
