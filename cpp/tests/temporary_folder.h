// A folder for one test's files: unique, in the system's temporary folder, removed at the end.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

namespace cnnx::test {

class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::string& test_name) {
    const auto root = std::filesystem::temp_directory_path();
    const auto ticks = std::chrono::steady_clock::now().time_since_epoch().count();
    for (int attempt = 0;; ++attempt) {
      path_ = root /
              ("cnnx-" + test_name + "-" + std::to_string(ticks) + "-" + std::to_string(attempt));
      if (std::filesystem::create_directory(path_)) return;
    }
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace cnnx::test
