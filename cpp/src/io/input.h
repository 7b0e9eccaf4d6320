// Bytes of a known size that are read a piece at a time, straight to where they belong: a file, or
// memory.
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

  // What error sentences call it.
  const std::string& name() const { return name_; }
  std::uint64_t size() const { return size_; }

  // The `size` bytes from `offset` on, which the caller knows to lie inside. Throws
  // std::system_error, or FormatError if there are fewer than there were.
  virtual void read(std::uint64_t offset, void* destination, std::size_t size) const = 0;

 protected:
  explicit Input(std::string name, std::uint64_t size = 0) : name_(std::move(name)), size_(size) {}

  std::string name_;
  std::uint64_t size_;
};

// Somebody's bytes, which must outlive it.
class InputBytes final : public Input {
 public:
  InputBytes(const void* bytes, std::size_t size, std::string name)
      : Input(std::move(name), size), bytes_(static_cast<const std::byte*>(bytes)) {}
  void read(std::uint64_t offset, void* destination, std::size_t size) const override;

 private:
  const std::byte* bytes_;
};

}  // namespace cnnx::io
