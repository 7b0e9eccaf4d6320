// Reads /proc/self/cgroup, whose lines are "id:controllers:path"; version 2 has one line, without
// controllers.
#include "runtime/cgroup.h"

#if defined(__linux__)
#include <fstream>
#include <locale>
#include <sstream>
#endif

namespace cnnx::runtime {

#if defined(__linux__)
void for_each_cgroup(const std::string& controller,
                     const std::function<void(const std::string& folder, bool is_version2)>& visit,
                     const std::string& root) {
  std::ifstream groups(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {
    std::istringstream fields(line);
    std::string id, controllers, path;
    std::getline(fields, id, ':');
    std::getline(fields, controllers, ':');
    std::getline(fields, path);
    const bool is_version2 = id == "0" && controllers.empty();
    const bool is_wanted =
        is_version2 || ("," + controllers + ",").find("," + controller + ",") != std::string::npos;
    if (!is_wanted) continue;
    const std::string base =
        root + (is_version2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/" + controller);
    for (;;) {
      visit(base + (path == "/" ? "" : path), is_version2);
      if (path.empty() || path == "/") break;
      const std::size_t slash = path.rfind('/');
      path.resize(slash == std::string::npos ? 0 : slash);
    }
  }
}

namespace {

// Numbers are parsed independently of the program's locale.
std::ifstream open_numbers(const std::string& path) {
  std::ifstream file(path);
  file.imbue(std::locale::classic());
  return file;
}

// Quota and period in microseconds; "max" and -1 mean no limit.
double cpus_of(const std::string& folder, bool is_version2) {
  double quota = 0, period = 0;
  if (is_version2) {
    open_numbers(folder + "/cpu.max") >> quota >> period;
  } else {
    open_numbers(folder + "/cpu.cfs_quota_us") >> quota;
    open_numbers(folder + "/cpu.cfs_period_us") >> period;
  }
  return quota > 0 && period > 0 ? quota / period : 0;
}

}  // namespace

double cgroup_cpus(const std::string& root) {
  double least = 0;
  for_each_cgroup(
      "cpu",
      [&](const std::string& folder, bool is_version2) {
        const double cpus = cpus_of(folder, is_version2);
        if (cpus > 0 && (least == 0 || cpus < least)) least = cpus;
      },
      root);
  return least;
}
#else
void for_each_cgroup(const std::string&,
                     const std::function<void(const std::string& folder, bool is_version2)>&,
                     const std::string&) {}

double cgroup_cpus(const std::string&) { return 0; }
#endif

}  // namespace cnnx::runtime
