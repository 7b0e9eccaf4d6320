// Atomic replacement of a file: at any time, even after a crash, the path holds the complete old
// file or the complete new one.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

namespace cnnx::io {

// Bytes owned by the caller.
struct Bytes {
  const void* data;
  std::size_t size;
};

// Writes the parts, one after the other, to the file at `path`, which need not exist.
//
// They go to a temporary file in the same folder, `.cnnx-<of the name>-<unique>.tmp`, which is
// synced to the disk and renamed over the target; then the folder is synced. On failure the
// temporary file is removed, and std::system_error names the path and the step. Until the rename
// the old file is unchanged. If syncing the folder fails, the new file is already in place, and the
// error says so. A process that is killed may leave a temporary file, never a partial target. The
// next save to the same path removes it, on Windows after a minute, except on POSIX file systems
// without locks, and never that of a living writer.
//
// Others may read the old file meanwhile, and keep its content. Where Windows refuses to replace an
// open file, which it does for programs that do not allow it and on other file systems than NTFS,
// this waits for up to 10 seconds until they have closed it.
//
// A symbolic link stays, and its target is replaced. The new file has the old one's permissions
// (and owner, where this process may set it), or 0666 & ~umask. A target that is write-protected, a
// folder or not a regular file (a device) is refused. Hard links to the old file keep the old
// content.
void replace_file(const std::filesystem::path& path, const std::vector<Bytes>& pieces);

}  // namespace cnnx::io
