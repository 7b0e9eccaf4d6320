// A file opened for reading from its start to its end, whose size is known before memory is taken
// for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace cnnx::io {

class InputFile {
 public:
  // Throws std::system_error when it cannot be opened, also for a folder; FormatError when it is
  // neither (a pipe or a device has no size to trust).
  explicit InputFile(const std::filesystem::path& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  // The path as error sentences show it.
  const std::string& name() const { return name_; }
  std::uint64_t size() const { return size_; }

  // The next `size` bytes. Throws std::system_error, or FormatError if the file ends before.
  void read(void* destination, std::size_t size);

 private:
  std::string name_;
  std::uint64_t size_ = 0;
#if defined(_WIN32)
  void* handle_;
#else
  int descriptor_;
#endif
};

}  // namespace cnnx::io
