// Safetensors files: reads them with full checks and writes equal content as equal bytes.
//
// The format (https://github.com/huggingface/safetensors): 8 bytes N, little-endian; N bytes of
// JSON,
//
//   {"__metadata__": {text: text}, name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0,
//   24]}}
//
// then the tensors' data, little-endian, row-major, without gaps. The caller interprets the
// metadata and the names (model_file.h) and copies data into aligned storage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cnnx/shape.h"
#include "io/input.h"

namespace cnnx::io {

enum class DType { f32, f64, i8, i32, i64, u8, u64 };

std::string_view name_of(DType dtype);  // "F32"

// A named array to be written: it refers to the caller's bytes.
struct Tensor {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;                 // () for a single number; a size may be 0
  const void* data = nullptr;  // row-major

  // Of `data`. Throws std::invalid_argument if a size is negative or the product overflows.
  std::int64_t byte_count() const;
};

// A named array in a file, and its position in the file's data.
struct StoredTensor {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::uint64_t begin = 0, end = 0;       // end - begin is the size of dtype and shape
  std::optional<std::uint64_t> checksum;  // of its data; nothing before expect_checksums
};

// The member of a header that is no tensor.
constexpr const char* kMetadataMember = "__metadata__";

using Metadata = std::map<std::string, std::string>;

// A file whose header has been read and checked. The data are read on demand. Movable, not
// copyable.
class SafetensorsFile {
 public:
  static constexpr std::uint64_t max_header_bytes = std::uint64_t{16} << 20;
  static constexpr std::size_t max_axes = 8;

  // Throws FormatError (one sentence that names the file, the tensor and the reason) unless the
  // header accounts for every byte of the file, and std::system_error when it cannot be read.
  static SafetensorsFile open(const std::filesystem::path& path);
  // The same for bytes in memory, which must outlive it; errors call them `name`.
  static SafetensorsFile from_bytes(const void* bytes, std::size_t size, const std::string& name);

  // The name of the file in errors; begin further error sentences with it.
  const std::string& name() const { return input_->name(); }
  const Metadata& metadata() const& { return metadata_; }
  // In the order of their data.
  const std::vector<StoredTensor>& tensors() const& { return tensors_; }
  // Null if there is no tensor of this name.
  const StoredTensor* find(std::string_view tensor_name) const&;
  // Throws FormatError unless there is a tensor of this name, dtype and shape.
  const StoredTensor& at(std::string_view tensor_name, DType dtype, const Shape& shape) const&;
  // The tensors whose names begin with `prefix`, sorted by name.
  std::vector<const StoredTensor*> beginning_with(std::string_view prefix) const&;
  // Deleted for temporaries, because the results belong to the file.
  void metadata() const&& = delete;
  void tensors() const&& = delete;
  void find(std::string_view tensor_name) const&& = delete;
  void at(std::string_view tensor_name, DType dtype, const Shape& shape) const&& = delete;
  void beginning_with(std::string_view prefix) const&& = delete;

  // Verifies the metadata, and from now on every tensor that is read, if the file has checksums
  // (checksums.h). Throws FormatError for metadata that do not match, and unless the checksums are
  // those of exactly its tensors.
  void expect_checksums();

  // Reads all bytes of one of its tensors. Throws std::system_error, or FormatError if the file has
  // become shorter or the bytes do not match their checksum.
  void read(const StoredTensor& tensor, void* destination) const;

 private:
  explicit SafetensorsFile(std::unique_ptr<const Input> input);
  std::vector<std::size_t>::const_iterator lower_bound(std::string_view tensor_name) const;
  [[noreturn]] void refuse_damage(const std::string& what) const;

  std::unique_ptr<const Input> input_;
  std::uint64_t data_begin_ = 0;
  Metadata metadata_;
  std::vector<StoredTensor> tensors_;
  std::vector<std::size_t> by_name_;  // indices into tensors_, sorted by name
};

// Replaces the file at `path` atomically (atomic_file.h) by these tensors, in this order. Equal
// content gives equal bytes. Throws FormatError for content that read() would refuse (two tensors
// of one name, a name that is not UTF-8, a header beyond 16 MiB ...) before anything is written,
// and std::system_error when it cannot be written.
void write_safetensors(const std::filesystem::path& path, const std::vector<Tensor>& tensors,
                       const Metadata& metadata);

// The bytes of the file that write_safetensors would write; errors call them `name`.
std::vector<std::byte> safetensors_bytes(const std::vector<Tensor>& tensors,
                                         const Metadata& metadata, const std::string& name);

}  // namespace cnnx::io
