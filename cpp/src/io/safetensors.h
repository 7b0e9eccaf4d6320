// Safetensors files, read without trusting them and written the same every time.
//
// The format (https://github.com/huggingface/safetensors): 8 bytes N, little-endian; N bytes of
// JSON,
// {"__metadata__": {text: text}, name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}};
// then the tensors' data, little-endian, row-major, without a hole. What the metadata and the names
// mean is the business of the caller (model_file.h), as is copying data into aligned storage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cnnx/shape.h"

namespace cnnx::io {

enum class DType { f32, f64, i32, i64, u8, u64 };

std::string_view name_of(DType dtype);  // "F32"

// A named array that refers to somebody's bytes: the file's when read, the caller's when written.
struct Tensor {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;  // () for a single number; a size may be 0
  const void* data =
      nullptr;  // row-major; in a file that others wrote aligned to nothing: use memcpy

  // Of `data`. Throws std::invalid_argument if a size is negative or the product overflows, which
  // no tensor that was read can do.
  std::int64_t byte_count() const;
};

using Metadata = std::map<std::string, std::string>;

// A file in memory: movable, not copyable.
class SafetensorsFile {
 public:
  static constexpr std::uint64_t max_header_bytes = std::uint64_t{16} << 20;
  static constexpr std::size_t max_axes = 8;

  // Throws FormatError (one sentence that names the file, the tensor and the reason) unless every
  // byte of the file is accounted for, and std::system_error when it cannot be read. Takes memory
  // for the data only after the header has been checked against the size of the file.
  static SafetensorsFile read(const std::filesystem::path& path);
  // The same for bytes in memory, which are copied; `name` stands for the file in errors.
  static SafetensorsFile from_bytes(const void* bytes, std::size_t size, const std::string& name);

  // What errors call the file; begin your own with it.
  const std::string& name() const { return name_; }
  const Metadata& metadata() const& { return metadata_; }
  // In the order of their data.
  const std::vector<Tensor>& tensors() const& { return tensors_; }
  // Null when there is none of this name.
  const Tensor* find(std::string_view tensor_name) const&;
  // Throws FormatError unless there is one of this name with this dtype and shape.
  const Tensor& at(std::string_view tensor_name, DType dtype, const Shape& shape) const&;
  // What they give belongs to the file, which must have a name to live long enough.
  void metadata() const&& = delete;
  void tensors() const&& = delete;
  void find(std::string_view tensor_name) const&& = delete;
  void at(std::string_view tensor_name, DType dtype, const Shape& shape) const&& = delete;

 private:
  friend class SafetensorsReader;
  SafetensorsFile() = default;

  std::string name_;
  Metadata metadata_;
  std::vector<Tensor> tensors_;
  std::vector<std::size_t> by_name_;  // indices into tensors_, their names ascending
  std::unique_ptr<std::byte[]> data_;
};

// Replaces the file at `path` (atomic_file.h: all or nothing) by these tensors, in this order.
// Equal content gives equal bytes. Throws FormatError for what read() would refuse (two tensors of
// one name, a name that is not UTF-8, a header beyond 16 MiB ...) before anything is written, and
// std::system_error when it cannot be written.
void write_safetensors(const std::filesystem::path& path, const std::vector<Tensor>& tensors,
                       const Metadata& metadata);

// The bytes write_safetensors would put into a file; `name` stands for the file in errors.
std::vector<std::byte> safetensors_bytes(const std::vector<Tensor>& tensors,
                                         const Metadata& metadata, const std::string& name);

}  // namespace cnnx::io
