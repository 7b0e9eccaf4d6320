// replace_file: its sequence of steps, and their system calls on POSIX and on Windows.
//
// On POSIX a writer holds a lock (flock) on its temporary file until that is renamed or removed.
// The system releases the lock of a process that dies, so the file of a killed one is recognised.
#include "io/atomic_file.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <system_error>
#include <utility>

#include "io/text.h"
#include "io/xxh64.h"

#if defined(_WIN32)
#include <windows.h>

#include <cstddef>
#include <cstring>
#include <new>
#include <thread>
#else
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#endif

namespace cnnx::io {
namespace {

namespace fs = std::filesystem;

// The most bytes of one system call, far below 32-bit counts and macOS' limit of 2 GiB.
constexpr std::size_t largest_write = std::size_t{1} << 30;

#if defined(_WIN32)
// For programs that have the target open, where the system does not rename over an open file.
constexpr std::chrono::seconds kMostWaited{10};

// The age of a temporary file that its writer cannot still be about to rename.
constexpr std::chrono::minutes kAbandoned{1};

int last_error() { return static_cast<int>(::GetLastError()); }
unsigned long process_id() { return ::GetCurrentProcessId(); }
#else
unsigned long process_id() { return static_cast<unsigned long>(::getpid()); }
#endif

[[noreturn]] void fail(int code, const std::string& sentence) {
  throw std::system_error(code, std::system_category(), sentence);
}

// The end of the chain of symbolic links that begins at `path`, whether or not it exists.
fs::path follow_links(const fs::path& path) {
  fs::path target = path;
  for (int step = 0; step < 40; ++step) {
    std::error_code code;
    if (fs::symlink_status(target, code).type() != fs::file_type::symlink) return target;
    const fs::path link = fs::read_symlink(target, code);
    if (code) throw std::system_error(code, "cannot write " + printable(path));
    target = target.parent_path() / link;  // equals `link` if that is absolute
  }
  throw std::system_error(std::make_error_code(std::errc::too_many_symbolic_link_levels),
                          "cannot write " + printable(path));
}

fs::path folder_of(const fs::path& target) {
  return target.has_parent_path() ? target.parent_path() : fs::path(".");
}

// The beginning of the names of a target's temporary files. A checksum stands for its name, which
// may be as long as a name can be.
std::string temporary_prefix(const fs::path& target) {
  const std::string name = target.filename().u8string();
  return ".cnnx-" + hexadecimal(xxh64(name.data(), name.size())) + "-";
}

// A name that is unlikely to exist; creating the file makes sure.
std::string temporary_name(const fs::path& target) {
  static std::atomic<unsigned> counter{0};
  const auto ticks = std::chrono::system_clock::now().time_since_epoch().count();
  return temporary_prefix(target) + std::to_string(process_id()) + "-" + std::to_string(ticks) +
         "-" + std::to_string(counter++) + ".tmp";
}

// The temporary file that will become the target; removed on destruction unless it has.
class Temporary {
 public:
  // Creates it empty beside `target`, with the target's permissions if it exists.
  Temporary(const fs::path& target, const std::string& name);
  ~Temporary();
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  void write(Bytes piece);
  void sync();
  void close();
  void rename_to_target();

 private:
  fs::path target_;
  std::string name_;  // of the target, for error sentences
  fs::path path_;     // empty when there is nothing to remove
#if defined(_WIN32)
  HANDLE handle_ = INVALID_HANDLE_VALUE;
#else
  int descriptor_ = -1;
  int lock_ = -1;  // a second descriptor, which keeps the lock when the first is closed, if any
#endif
};

#if defined(_WIN32)

Temporary::Temporary(const fs::path& target, const std::string& name)
    : target_(target), name_(name) {
  std::error_code code;
  const fs::file_status status = fs::status(target, code);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    fail(ERROR_ACCESS_DENIED, "cannot write " + name_ + ", which is not a regular file");
  }
  // Waiting for a write-protected file, as for one that is open, would take seconds.
  if (fs::exists(status) && (status.permissions() & fs::perms::owner_write) == fs::perms::none) {
    fail(ERROR_ACCESS_DENIED, "cannot write " + name_);
  }
  for (int attempt = 0; handle_ == INVALID_HANDLE_VALUE; ++attempt) {
    path_ = target.parent_path() / temporary_name(target);
    handle_ = ::CreateFileW(path_.c_str(), GENERIC_WRITE, 0, nullptr, CREATE_NEW,
                            FILE_ATTRIBUTE_NORMAL, nullptr);
    if (handle_ != INVALID_HANDLE_VALUE) break;
    const int error = last_error();
    if (error == ERROR_PATH_NOT_FOUND) {
      fail(error, "cannot write " + name_ + ", its folder does not exist");
    }
    if (error != ERROR_FILE_EXISTS || attempt == 100) {
      fail(error, "cannot create a file beside " + name_);
    }
  }
}

Temporary::~Temporary() {
  if (handle_ != INVALID_HANDLE_VALUE) ::CloseHandle(handle_);
  if (!path_.empty()) ::DeleteFileW(path_.c_str());
}

void Temporary::write(Bytes piece) {
  const auto* next = static_cast<const char*>(piece.data);
  std::size_t left = piece.size;
  while (left > 0) {
    DWORD count = 0;
    if (!::WriteFile(handle_, next, static_cast<DWORD>(std::min(left, largest_write)), &count,
                     nullptr)) {
      fail(last_error(), "cannot write " + name_);
    }
    if (count == 0) fail(ERROR_WRITE_FAULT, "cannot write " + name_);
    next += count;
    left -= count;
  }
}

void Temporary::sync() {
  if (!::FlushFileBuffers(handle_)) fail(last_error(), "cannot sync " + name_ + " to the disk");
}

void Temporary::close() {
  const HANDLE handle = handle_;
  handle_ = INVALID_HANDLE_VALUE;
  if (!::CloseHandle(handle)) fail(last_error(), "cannot write " + name_);
}

// Renames also over a file that others have open, as POSIX does: they keep the old content. Before
// Windows 10, and on other file systems than its own, the system refuses.
bool rename_over_open_file(const fs::path& from, const fs::path& to) {
  const std::wstring name = fs::absolute(to).native();
  const std::size_t name_bytes = name.size() * sizeof(wchar_t);
  std::vector<std::byte> memory(sizeof(FILE_RENAME_INFO) + name_bytes);
  auto* const info = new (memory.data()) FILE_RENAME_INFO{};
  info->Flags = FILE_RENAME_FLAG_REPLACE_IF_EXISTS | FILE_RENAME_FLAG_POSIX_SEMANTICS;
  info->FileNameLength = static_cast<DWORD>(name_bytes);
  std::memcpy(memory.data() + offsetof(FILE_RENAME_INFO, FileName), name.data(), name_bytes);
  const HANDLE file =
      ::CreateFileW(from.c_str(), DELETE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    nullptr, OPEN_EXISTING, FILE_FLAG_WRITE_THROUGH, nullptr);
  if (file == INVALID_HANDLE_VALUE) return false;
  const bool is_renamed = ::SetFileInformationByHandle(file, FileRenameInfoEx, info,
                                                       static_cast<DWORD>(memory.size())) != 0;
  ::CloseHandle(file);
  return is_renamed;
}

void Temporary::rename_to_target() {
  const auto deadline = std::chrono::steady_clock::now() + kMostWaited;
  while (!rename_over_open_file(path_, target_) &&
         !::MoveFileExW(path_.c_str(), target_.c_str(),
                        MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
    const int error = last_error();
    if (error != ERROR_ACCESS_DENIED && error != ERROR_SHARING_VIOLATION) {
      fail(error, "cannot replace " + name_);
    }
    if (std::chrono::steady_clock::now() > deadline) {
      fail(error, "cannot replace " + name_ + ", which another program may have open");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  path_.clear();
}

// FILE_FLAG_WRITE_THROUGH or MOVEFILE_WRITE_THROUGH has synced the folder already.
void sync_folder(const fs::path&, const std::string&) {}

// Its writer does not share an open file, and closes it shortly before the rename.
void remove_if_abandoned(const fs::path& path) {
  std::error_code code;
  const auto age = fs::file_time_type::clock::now() - fs::last_write_time(path, code);
  if (!code && age > kAbandoned) static_cast<void>(::DeleteFileW(path.c_str()));
}

#else

// Gives the new file the permissions of the old one, as far as this process and the file system
// can. A failure only restricts access further, and must not prevent saving.
void copy_permissions(int descriptor, const struct stat& old) {
  mode_t mode = old.st_mode & 0777;
  struct stat now;
  const bool is_same =
      ::fstat(descriptor, &now) == 0 && now.st_uid == old.st_uid && now.st_gid == old.st_gid;
  if (!is_same && ::fchown(descriptor, old.st_uid, old.st_gid) != 0 &&
      ::fchown(descriptor, static_cast<uid_t>(-1), old.st_gid) != 0) {
    mode &= ~static_cast<mode_t>(070);  // they were meant for another group
  }
  static_cast<void>(::fchmod(descriptor, mode));
}

// 0, or the error. Some network file systems do not support fsync, which is not a failure.
int sync_descriptor(int descriptor) {
#if defined(F_FULLFSYNC)
  if (::fcntl(descriptor, F_FULLFSYNC) == 0)
    return 0;  // macOS: its fsync does not flush the drive's cache
#endif
  while (::fsync(descriptor) != 0) {
    if (errno == EINTR) continue;
    return errno == EINVAL || errno == ENOSYS || errno == ENOTSUP ? 0 : errno;
  }
  return 0;
}

// Locks a new file. Returns whether it still exists: another save may have locked it first, taken
// it for abandoned and removed it. File systems without locks refuse; then nobody removes the file.
bool lock_new_file(int descriptor) {
  while (::flock(descriptor, LOCK_EX) != 0 && errno == EINTR) continue;
  struct stat status;
  return ::fstat(descriptor, &status) != 0 || status.st_nlink > 0;
}

Temporary::Temporary(const fs::path& target, const std::string& name)
    : target_(target), name_(name) {
  struct stat old;
  const bool exists = ::stat(target.c_str(), &old) == 0;
  if (!exists && errno != ENOENT) fail(errno, "cannot write " + name_);
  if (exists && S_ISDIR(old.st_mode)) fail(EISDIR, "cannot write " + name_);
  if (exists && !S_ISREG(old.st_mode)) {
    fail(EINVAL, "cannot write " + name_ + ", which is not a regular file");
  }
  // Renaming over the file would ignore its write protection, which is deliberate.
  if (exists && ::faccessat(AT_FDCWD, target.c_str(), W_OK, AT_EACCESS) != 0) {
    fail(errno, "cannot write " + name_);
  }
  for (int attempt = 0; descriptor_ < 0; ++attempt) {
    fs::path path = target.parent_path() / temporary_name(target);
    descriptor_ =
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, exists ? 0600 : 0666);
    if (descriptor_ >= 0 && lock_new_file(descriptor_)) {
      path_ = std::move(path);
    } else if (descriptor_ >= 0) {
      ::close(std::exchange(descriptor_, -1));
    } else if (errno == ENOENT) {
      fail(errno, "cannot write " + name_ + ", its folder does not exist");
    } else if (errno != EINTR && (errno != EEXIST || attempt == 100)) {
      fail(errno, "cannot create a file beside " + name_);
    }
  }
  lock_ = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
  if (exists) copy_permissions(descriptor_, old);
}

Temporary::~Temporary() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!path_.empty()) ::unlink(path_.c_str());
  if (lock_ >= 0) ::close(lock_);
}

void Temporary::write(Bytes piece) {
  const auto* next = static_cast<const char*>(piece.data);
  std::size_t left = piece.size;
  while (left > 0) {
    const ssize_t count = ::write(descriptor_, next, std::min(left, largest_write));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail(count < 0 ? errno : EIO, "cannot write " + name_);
    next += count;
    left -= static_cast<std::size_t>(count);
  }
}

void Temporary::sync() {
  const int code = sync_descriptor(descriptor_);
  if (code != 0) fail(code, "cannot sync " + name_ + " to the disk");
}

void Temporary::close() {
  const int descriptor = descriptor_;
  descriptor_ = -1;  // close() releases the descriptor even if it fails
  if (::close(descriptor) != 0 && errno != EINTR) fail(errno, "cannot write " + name_);
}

void Temporary::rename_to_target() {
  if (::rename(path_.c_str(), target_.c_str()) != 0) fail(errno, "cannot replace " + name_);
  path_.clear();
}

void sync_folder(const fs::path& target, const std::string& name) {
  const fs::path folder = folder_of(target);
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0 && errno == EACCES)
    return;  // may be written but not read: nothing to sync with
  const int code = descriptor < 0 ? errno : sync_descriptor(descriptor);
  if (descriptor >= 0) ::close(descriptor);
  if (code != 0) fail(code, name + " is written, but its folder cannot be synced to the disk");
}

// Nobody holds its lock.
void remove_if_abandoned(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return;
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
  ::close(descriptor);
}

#endif

// Removes the temporary files of killed saves of `target`, as far as this process may.
void remove_abandoned(const fs::path& target) {
  const fs::path::string_type prefix = fs::path(temporary_prefix(target)).native();
  std::error_code code;
  fs::directory_iterator entry(folder_of(target), code);
  for (; !code && entry != fs::directory_iterator(); entry.increment(code)) {
    const fs::path& path = entry->path();
    if (path.filename().native().compare(0, prefix.size(), prefix) == 0) remove_if_abandoned(path);
  }
}

}  // namespace

void replace_file(const std::filesystem::path& path, const std::vector<Bytes>& pieces) {
  const std::string name = checked_name(path, "cannot write");
  const fs::path target = follow_links(path);
  remove_abandoned(target);
  try {
    Temporary temporary(target, name);
    for (const Bytes& piece : pieces) temporary.write(piece);
    temporary.sync();
    temporary.close();
    temporary.rename_to_target();
    sync_folder(target, name);
  } catch (...) {
    throw;  // without a handler anywhere, the temporary file would stay
  }
}

}  // namespace cnnx::io
