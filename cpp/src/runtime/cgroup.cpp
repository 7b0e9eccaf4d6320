// Reads /proc/self/cgroup, whose lines are "id:controllers:path"; version 2 has one, without
// controllers.
#include "runtime/cgroup.h"

#if defined(__linux__)
#include <fstream>
#include <sstream>
#endif

namespace cnnx::runtime {

#if defined(__linux__)
void for_each_cgroup(
    const std::string& controller,
    const std::function<void(const std::string& folder, bool is_version2)>& visit) {
  std::ifstream groups("/proc/self/cgroup");
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
    const std::string base = is_version2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/" + controller;
    for (;;) {
      visit(base + (path == "/" ? "" : path), is_version2);
      if (path.empty() || path == "/") break;
      path.erase(path.find_last_of('/'));
    }
  }
}
#else
void for_each_cgroup(const std::string&,
                     const std::function<void(const std::string& folder, bool is_version2)>&) {}
#endif

}  // namespace cnnx::runtime
