// The control groups that limit this process, on Linux only.
#pragma once

#include <functional>
#include <string>

namespace cnnx::runtime {

// Calls visit(folder, is_version2) for the process's group of a controller, "cpu" or "memory", and
// for every group above it: all of them limit it. Groups outside this namespace are visited too.
// `root` replaces the root of /proc and /sys.
void for_each_cgroup(const std::string& controller,
                     const std::function<void(const std::string& folder, bool is_version2)>& visit,
                     const std::string& root = "");

// The least CPU quota of these groups, in CPUs; 0 without a quota.
double cgroup_cpus(const std::string& root = "");

}  // namespace cnnx::runtime
