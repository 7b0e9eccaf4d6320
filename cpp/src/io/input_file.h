// A file opened for reading, whose size is known before memory is allocated for its content.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "io/input.h"

namespace cnnx::io {

class InputFile final : public Input {
 public:
  // Throws std::system_error when it cannot be opened, also for a folder, and FormatError when it
  // is not a regular file (a pipe or a device has no reliable size).
  explicit InputFile(const std::filesystem::path& path);
  ~InputFile() override;
  void read(std::uint64_t offset, void* destination, std::size_t size) const override;

 private:
#if defined(_WIN32)
  void* handle_;
#else
  int descriptor_;
#endif
};

}  // namespace cnnx::io
