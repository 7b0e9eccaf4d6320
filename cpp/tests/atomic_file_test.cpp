// replace_file: the old file or the new one, complete, whatever fails and whenever the process
// dies.
//
// On Linux this executable defines write, fsync, rename and close itself, so that each can be made
// to fail.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "check.h"
#include "io/atomic_file.h"
#include "io/input_file.h"
#include "io/text.h"
#include "io/xxh64.h"
#include "temporary_folder.h"

#if !defined(_WIN32)
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#endif

namespace fs = std::filesystem;
using cnnx::io::replace_file;
using cnnx::test::TemporaryFolder;

namespace {

void save(const fs::path& path, const std::string& text) {
  const std::size_t half = text.size() / 2;
  replace_file(path, {{text.data(), half}, {text.data() + half, text.size() - half}});
}

// Read as the library reads: on Windows a stream would keep others from replacing the file.
std::string content(const fs::path& path) {
  const cnnx::io::InputFile file(path);
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read(0, text.data(), text.size());
  return text;
}

std::size_t files_in(const TemporaryFolder& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()));
}

void test_content() {
  const TemporaryFolder folder("atomic-file");
  const fs::path path = folder / "m.cnnx";
  save(path, "old");
  CHECK_EQUAL(content(path), "old");
  save(path, "a longer text");
  CHECK_EQUAL(content(path), "a longer text");
  save(path, "");
  CHECK_EQUAL(content(path), "");
  const std::string large(5 << 20, 'x');
  save(path, large);
  CHECK(content(path) == large);
  replace_file(path, {});
  CHECK_EQUAL(content(path), "");
  const fs::path longest = folder / std::string(255, 'n');
  save(longest, "new");
  CHECK_EQUAL(content(longest), "new");
  CHECK_EQUAL(files_in(folder), 2u);

  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  save("relative", "here");
  fs::current_path(before);
  CHECK_EQUAL(content(folder / "relative"), "here");
}

void test_refused_paths() {
  const TemporaryFolder folder("atomic-file");
  const fs::path absent = folder.path() / "absent" / "m.cnnx";
  CHECK_THROWS(std::system_error, "cannot write " + absent.string() + ", its folder does not exist",
               save(absent, "a"));
  CHECK_THROWS(std::system_error, "cannot write " + folder.path().string(),
               save(folder.path(), "a"));
  CHECK_THROWS(std::system_error, "cannot write \"\", the path is empty", save("", "a"));
  CHECK_THROWS(std::system_error, "the path has 100000 bytes, expected the path of a file and not",
               save(std::string(100000, 'a'), "a"));
  CHECK_THROWS(std::system_error, "the path holds a NUL, expected the path of a file and not",
               save(folder.path() / std::string("a\0b", 3), "a"));
  CHECK_EQUAL(files_in(folder), 0u);
}

// Readers see one of the texts, complete, while two threads replace the file in turn.
void test_threads() {
  const TemporaryFolder folder("atomic-file");
  const fs::path path = folder / "m.cnnx";
  const std::string texts[2] = {std::string(100000, 'a'), std::string(50000, 'b')};
  save(path, texts[0]);
  std::atomic<int> writing{2};
  std::vector<std::thread> writers;
  for (const std::string& text : texts) {
    writers.emplace_back([&] {
      for (int time = 0; time < 20; ++time) save(path, text);
      --writing;
    });
  }
  while (writing > 0) {
    const std::string seen = content(path);
    CHECK(seen == texts[0] || seen == texts[1]);
  }
  for (std::thread& writer : writers) writer.join();
  CHECK_EQUAL(files_in(folder), 1u);
}

#if defined(_WIN32)

void test_refused_targets() {
  const TemporaryFolder folder("atomic-file");
  const fs::path path = folder / "m.cnnx";
  save(path, "old");
  {
    const std::ifstream reader(path);  // does not let others replace the file
    CHECK_THROWS(std::system_error,
                 "cannot replace " + path.string() + ", which another program may have open",
                 save(path, "new"));
  }
  fs::permissions(path, fs::perms::owner_read);
  CHECK_THROWS(std::system_error, "cannot write " + path.string() + ": ", save(path, "new"));
  CHECK_EQUAL(content(path), "old");
  CHECK_EQUAL(files_in(folder), 1u);
  fs::permissions(path, fs::perms::owner_all);
  save(path, "new");
  CHECK_EQUAL(content(path), "new");
}

// The temporary file of a killed save stays for a minute, and while its writer has it open.
void test_abandoned() {
  using namespace std::chrono_literals;
  const TemporaryFolder folder("atomic-file");
  const std::string prefix = ".cnnx-" + cnnx::io::hexadecimal(cnnx::io::xxh64("m.cnnx", 6)) + "-";
  const auto leave = [&](const std::string& end, std::chrono::seconds age) {
    std::ofstream(folder / (prefix + end)) << "killed";
    fs::last_write_time(folder / (prefix + end), fs::file_time_type::clock::now() - age);
  };
  leave("old.tmp", 90s);
  leave("young.tmp", 30s);
  leave("open.tmp", 90s);
  const std::ifstream open(folder / (prefix + "open.tmp"));
  save(folder / "other", "new");
  CHECK_EQUAL(files_in(folder), 4u);
  save(folder / "m.cnnx", "new");
  CHECK_EQUAL(files_in(folder), 4u);
  CHECK(!fs::exists(folder / (prefix + "old.tmp")));
}

#else

mode_t mode_of(const fs::path& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

void test_permissions() {
  const TemporaryFolder folder("atomic-file");
  const fs::path path = folder / "m.cnnx";
  const mode_t mask = ::umask(027);
  save(path, "new");
  ::umask(mask);
  CHECK_EQUAL(mode_of(path), 0640u);
  for (const mode_t mode : {0600u, 0664u, 0755u}) {
    ::chmod(path.c_str(), mode);
    save(path, "newer");
    CHECK_EQUAL(mode_of(path), mode);
  }
}

void test_links() {
  const TemporaryFolder folder("atomic-file");
  fs::create_directory(folder / "inner");
  const fs::path target = folder.path() / "inner" / "m.cnnx";
  const auto check_link = [&](const fs::path& link, const std::string& text) {
    save(link, text);
    CHECK(fs::is_symlink(link));
    CHECK(!fs::is_symlink(target));
    CHECK_EQUAL(content(target), text);
  };
  fs::create_symlink("inner/m.cnnx", folder / "relative");
  check_link(folder / "relative", "the target did not exist");
  check_link(folder / "relative", "it does now");
  fs::create_symlink(target, folder / "absolute");
  check_link(folder / "absolute", "by the absolute link");
  fs::create_symlink("absolute", folder / "twice");
  check_link(folder / "twice", "by two links");
  CHECK_EQUAL(files_in(folder), 4u);

  fs::create_symlink("loop", folder / "loop");
  CHECK_THROWS(std::system_error, "cannot write " + (folder / "loop").string(),
               save(folder / "loop", "a"));
  fs::create_hard_link(target, folder / "hard");
  save(target, "new");
  CHECK_EQUAL(content(folder / "hard"), "by two links");
}

void test_refused_targets() {
  const TemporaryFolder folder("atomic-file");
  const fs::path pipe = folder / "pipe";
  CHECK_EQUAL(::mkfifo(pipe.c_str(), 0600), 0);
  CHECK_THROWS(std::system_error, "which is not a regular file", save(pipe, "a"));
  CHECK_THROWS(std::system_error, "/dev/null, which is not a regular file", save("/dev/null", "a"));

  // Root may write everywhere, so a test run by root switches to the user "nobody" for a while.
  const fs::path path = folder / "m.cnnx";
  save(path, "old");
  const bool is_root = ::geteuid() == 0;
  if (is_root) CHECK_EQUAL(::chown(folder.path().c_str(), 65534, 65534), 0);
  ::chmod(path.c_str(), 0444);
  if (is_root) CHECK_EQUAL(::seteuid(65534), 0);
  CHECK_THROWS(std::system_error, "cannot write " + path.string() + ": ", save(path, "new"));
  ::chmod(folder.path().c_str(), 0555);
  CHECK_THROWS(std::system_error, "cannot create a file beside ", save(folder / "other", "new"));
  ::chmod(folder.path().c_str(), 0755);
  if (is_root) CHECK_EQUAL(::seteuid(0), 0);
  CHECK_EQUAL(content(path), "old");
  CHECK_EQUAL(files_in(folder), 2u);
}

void test_full_disk() {
  const TemporaryFolder folder("atomic-file");
  const fs::path path = folder / "m.cnnx";
  save(path, "old");
  struct rlimit before;
  CHECK_EQUAL(::getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit limit = before;
  limit.rlim_cur = 4096;
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  CHECK_EQUAL(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  CHECK_THROWS(std::system_error, "cannot write " + path.string(),
               save(path, std::string(9000, 'x')));
  CHECK_EQUAL(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  CHECK_EQUAL(content(path), "old");
  CHECK_EQUAL(files_in(folder), 1u);
}

// A program that does not catch the error ends without leaving a temporary file.
void test_uncaught() {
  const TemporaryFolder folder("atomic-file");
  const fs::path path = folder / "m.cnnx";
  save(path, "old");
  const pid_t child = ::fork();
  if (child == 0) {
    struct rlimit limit = {4096, 4096};
    ::signal(SIGXFSZ, SIG_IGN);
    ::signal(SIGABRT, SIG_DFL);
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, 2);  // hides the output of std::terminate
    save(path, std::string(9000, 'x'));
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  CHECK_EQUAL(content(path), "old");
  CHECK_EQUAL(files_in(folder), 1u);
}

#endif

#if defined(__linux__)

// Behaviour of the system calls below; all succeed while the codes are 0.
struct Faults {
  int write_code = 0;
  int write_limit = 0;      // the largest write, if not 0
  bool interrupts = false;  // every other write and fsync returns EINTR
  int file_sync_code = 0;
  int folder_sync_code = 0;
  int close_code = 0;
  int rename_code = 0;
  unsigned kill_at = 0;  // dies instead of making this call, counted from 1
};
Faults faults;
std::atomic<unsigned> calls{0};  // of all threads

bool fails(int code) {
  if (++calls == faults.kill_at) ::raise(SIGKILL);
  errno = code;
  return code != 0;
}

bool fails_or_is_interrupted(int code) {
  return fails(faults.interrupts && calls % 2 == 0 ? EINTR : code);
}

}  // namespace

extern "C" ssize_t write(int descriptor, const void* data, size_t size) {
  if (fails_or_is_interrupted(faults.write_code)) return -1;
  if (faults.write_limit > 0 && size > static_cast<size_t>(faults.write_limit)) {
    size = static_cast<size_t>(faults.write_limit);
  }
  return static_cast<ssize_t>(::syscall(SYS_write, descriptor, data, size));
}

extern "C" int fsync(int descriptor) {
  struct stat status;
  const bool is_folder = ::fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode);
  if (fails_or_is_interrupted(is_folder ? faults.folder_sync_code : faults.file_sync_code))
    return -1;
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

extern "C" int close(int descriptor) {
  const long result = ::syscall(SYS_close, descriptor);
  return fails(faults.close_code) ? -1 : static_cast<int>(result);
}

extern "C" int rename(const char* from, const char* to) noexcept {
  if (fails(faults.rename_code)) return -1;
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

namespace {

// A process killed before any of a save's calls leaves the old file or the new one, complete.
void test_killed() {
  const TemporaryFolder folder("atomic-file");
  const fs::path path = folder / "m.cnnx";
  const std::string texts[2] = {std::string(60000, 'a'), std::string(40000, 'b')};
  bool killed = true;
  for (unsigned kill_at = 1; killed; ++kill_at) {
    save(path, texts[0]);
    CHECK_EQUAL(files_in(folder), 1u);
    const pid_t child = ::fork();
    if (child == 0) {
      calls = 0;
      faults.write_limit = 200;
      faults.kill_at = kill_at;
      save(path, texts[1]);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    killed = WIFSIGNALED(status);
    // Two writes of 100 parts, fsync, close, rename; fsync and close of the folder; the lock's
    // close.
    CHECK_EQUAL(killed, kill_at <= 206);
    CHECK(content(path) == texts[kill_at > 203]);
  }
}

// The temporary file of a killed save stays while it is locked, as that of a living writer is, and
// while another file is saved.
void test_locked() {
  const TemporaryFolder folder("atomic-file");
  const fs::path path = folder / "m.cnnx";
  const pid_t child = ::fork();
  if (child == 0) {
    calls = 0;
    faults.kill_at = 1;
    save(path, "killed");
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  CHECK_EQUAL(files_in(folder), 1u);
  const fs::path left = fs::directory_iterator(folder.path())->path();
  const int descriptor = ::open(left.c_str(), O_RDONLY);
  CHECK_EQUAL(::flock(descriptor, LOCK_EX), 0);
  save(path, "new");
  CHECK_EQUAL(files_in(folder), 2u);
  ::close(descriptor);
  save(folder / "other", "new");
  CHECK_EQUAL(files_in(folder), 3u);
  save(path, "newer");
  CHECK_EQUAL(files_in(folder), 2u);
  CHECK(!fs::exists(left));
}

void test_faults() {
  const TemporaryFolder folder("atomic-file");
  const fs::path path = folder / "m.cnnx";
  const auto save_with = [&](const Faults& wanted, const std::string& text) {
    faults = wanted;
    try {
      save(path, text);
    } catch (...) {
      faults = {};
      throw;
    }
    faults = {};
  };
  const auto check_failure = [&](const Faults& wanted, int code, const std::string& sentence) {
    save(path, "old");
    try {
      save_with(wanted, "new");
      CHECK(!"expected an exception");
    } catch (const std::system_error& error) {
      CHECK_EQUAL(error.code().value(), code);
      CHECK_EQUAL(error.what(), sentence + ": " + std::generic_category().message(code));
    }
    CHECK_EQUAL(files_in(folder), 1u);
  };
  const std::string name = path.string();
  for (const int code : {ENOSPC, EIO, EDQUOT}) {
    Faults wanted;
    wanted.write_code = code;
    check_failure(wanted, code, "cannot write " + name);
    CHECK_EQUAL(content(path), "old");
    wanted = {};
    wanted.file_sync_code = code;
    check_failure(wanted, code, "cannot sync " + name + " to the disk");
    CHECK_EQUAL(content(path), "old");
    wanted = {};
    wanted.close_code = code;
    check_failure(wanted, code, "cannot write " + name);
    CHECK_EQUAL(content(path), "old");
    wanted = {};
    wanted.rename_code = code;
    check_failure(wanted, code, "cannot replace " + name);
    CHECK_EQUAL(content(path), "old");
    wanted = {};
    wanted.folder_sync_code = code;
    check_failure(wanted, code, name + " is written, but its folder cannot be synced to the disk");
    CHECK_EQUAL(content(path), "new");
  }

  Faults harmless;
  harmless.write_limit = 3;
  harmless.interrupts = true;
  harmless.close_code = EINTR;
  save_with(harmless, "written in many pieces");
  CHECK_EQUAL(content(path), "written in many pieces");
  harmless = {};
  harmless.file_sync_code = harmless.folder_sync_code = EINVAL;
  save_with(harmless, "a file system that cannot sync");
  CHECK_EQUAL(content(path), "a file system that cannot sync");
  CHECK_EQUAL(files_in(folder), 1u);
}

#endif

}  // namespace

int atomic_file_test(int, char*[]) {
  test_content();
  test_refused_paths();
  if (cnnx::test::left_out_of_webassembly(
          "modes, links, locks and faults of files, and threads",
          "Node has its own file modes, and a WebAssembly module has one process and one thread"))
    return cnnx::test::finish("atomic_file_test");
  test_refused_targets();
#if defined(_WIN32)
  test_abandoned();
  cnnx::test::left_out(true, "modes, links, locks and faults of files",
                       "the test changes the system calls of POSIX");
#else
  test_permissions();
  test_links();
  test_full_disk();
  test_uncaught();
#endif
#if defined(__linux__)
  test_killed();
  test_locked();
  test_faults();
#endif
  test_threads();
  return cnnx::test::finish("atomic_file_test");
}
