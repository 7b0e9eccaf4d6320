// Bytes of a known size, from a file or memory, that are read in parts directly to their
// destination.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace cnnx::io {

class Input {
 public:
  virtual ~Input() = default;
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  // The name in error sentences.
  const std::string& name() const { return name_; }
  std::uint64_t size() const { return size_; }

  // Reads the `size` bytes from `offset` on; the caller ensures that they lie inside. Throws
  // std::system_error, or FormatError if the input has become shorter.
  virtual void read(std::uint64_t offset, void* destination, std::size_t size) const = 0;

 protected:
  explicit Input(std::string name, std::uint64_t size = 0) : name_(std::move(name)), size_(size) {}

  std::string name_;
  std::uint64_t size_;
};

// Bytes owned by the caller, which must outlive it.
class InputBytes final : public Input {
 public:
  InputBytes(const void* bytes, std::size_t size, std::string name)
      : Input(std::move(name), size), bytes_(static_cast<const std::byte*>(bytes)) {}
  void read(std::uint64_t offset, void* destination, std::size_t size) const override;

 private:
  const std::byte* bytes_;
};

}  // namespace cnnx::io
