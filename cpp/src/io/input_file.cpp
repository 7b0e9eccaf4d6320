// InputFile on POSIX and on Windows, and InputBytes. Uses plain reads, because a mapped file that
// shrinks kills its reader.
#include "io/input_file.h"

#include <algorithm>
#include <cstring>
#include <system_error>

#include "cnnx/error.h"
#include "io/text.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#endif

namespace cnnx::io {
namespace {

// The most bytes of one system call, far below 32-bit counts and macOS' limit of 2 GiB.
constexpr std::size_t largest_read = std::size_t{1} << 30;

[[noreturn]] void fail_to_read(int code, const std::string& name) {
  throw std::system_error(code, std::system_category(), "cannot read " + name);
}

[[noreturn]] void refuse_kind(const std::string& name) {
  throw FormatError(name + ": this is not a regular file");
}

[[noreturn]] void refuse_end(const std::string& name) {
  throw FormatError(name + ": the file ended while it was being read");
}

}  // namespace

void InputBytes::read(std::uint64_t offset, void* destination, std::size_t size) const {
  if (size > 0) std::memcpy(destination, bytes_ + offset, size);
}

#if defined(_WIN32)

InputFile::InputFile(const std::filesystem::path& path) : Input(checked_name(path, "cannot read")) {
  if (std::filesystem::is_directory(path)) fail_to_read(ERROR_DIRECTORY_NOT_SUPPORTED, name_);
  // Others may replace the file meanwhile, as on POSIX.
  handle_ = ::CreateFileW(path.c_str(), GENERIC_READ,
                          FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                          OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (handle_ == INVALID_HANDLE_VALUE) fail_to_read(static_cast<int>(::GetLastError()), name_);
  LARGE_INTEGER size;
  if (::GetFileType(handle_) != FILE_TYPE_DISK || !::GetFileSizeEx(handle_, &size)) {
    ::CloseHandle(handle_);
    refuse_kind(name_);
  }
  size_ = static_cast<std::uint64_t>(size.QuadPart);
}

InputFile::~InputFile() { ::CloseHandle(handle_); }

void InputFile::read(std::uint64_t offset, void* destination, std::size_t size) const {
  auto* next = static_cast<char*>(destination);
  while (size > 0) {
    OVERLAPPED place = {};
    place.Offset = static_cast<DWORD>(offset);
    place.OffsetHigh = static_cast<DWORD>(offset >> 32);
    DWORD count = 0;
    if (!::ReadFile(handle_, next, static_cast<DWORD>(std::min(size, largest_read)), &count,
                    &place) &&
        ::GetLastError() != ERROR_HANDLE_EOF) {
      fail_to_read(static_cast<int>(::GetLastError()), name_);
    }
    if (count == 0) refuse_end(name_);
    next += count;
    offset += count;
    size -= count;
  }
}

#else

InputFile::InputFile(const std::filesystem::path& path) : Input(checked_name(path, "cannot read")) {
  // O_NONBLOCK: opening a pipe without a writer would block for ever.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) fail_to_read(errno, name_);
  struct stat status;
  const int code = ::fstat(descriptor_, &status) != 0 ? errno
                   : S_ISDIR(status.st_mode)          ? EISDIR
                                                      : 0;
  if (code != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    if (code != 0) fail_to_read(code, name_);
    refuse_kind(name_);
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read(std::uint64_t offset, void* destination, std::size_t size) const {
  auto* next = static_cast<char*>(destination);
  while (size > 0) {
    const ssize_t count =
        ::pread(descriptor_, next, std::min(size, largest_read), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_to_read(errno, name_);
    if (count == 0) refuse_end(name_);
    next += count;
    offset += static_cast<std::uint64_t>(count);
    size -= static_cast<std::size_t>(count);
  }
}

#endif

}  // namespace cnnx::io
