// Replacing a file so that whoever looks, whenever the machine stops, finds the old or the new one,
// whole.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

namespace cnnx::io {

// Bytes that belong to somebody else.
struct Bytes {
  const void* data;
  std::size_t size;
};

// Writes the pieces, one after the other, to the file at `path`, which need not exist.
//
// They go to a temporary file beside it, `.cnnx-<unique>.tmp`, which is synced to the disk and
// renamed over the target; then the folder is synced. When anything fails the temporary is removed
// and std::system_error names the path and the step: until the rename the old file is untouched;
// only when syncing the folder fails is the new file already in place, and the error says so. A
// process that is killed may leave a temporary behind, never half a target.
//
// A symbolic link stays and what it points to is replaced. The new file has the old one's
// permissions (and owner, where this process may give it), or 0666 & ~umask. A target that may not
// be written, that is a folder or that is no regular file (a device) is refused. Hard links to the
// old file keep it.
void replace_file(const std::filesystem::path& path, const std::vector<Bytes>& pieces);

}  // namespace cnnx::io
