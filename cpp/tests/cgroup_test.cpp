// A container's CPU quota, read from folders of files that imitate those of Linux.
#include "runtime/cgroup.h"

#include <fstream>
#include <locale>
#include <string>

#include "check.h"
#include "temporary_folder.h"

namespace {

using cnnx::runtime::cgroup_cpus;
using cnnx::test::TemporaryFolder;

// The folder in place of the root of /proc and /sys.
class Tree {
 public:
  Tree() : folder_("cgroup") {}
  void write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  double cpus() const { return cgroup_cpus(folder_.path().string()); }

 private:
  TemporaryFolder folder_;
};

void a_container_with_half_a_core() {
  Tree tree;
  tree.write("proc/self/cgroup", "0::/\n");
  tree.write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  CHECK_EQUAL(tree.cpus(), 0.5);
}

void the_least_of_a_group_and_those_above_it() {
  Tree tree;
  tree.write("proc/self/cgroup", "0::/machine/pod/task\n");
  tree.write("sys/fs/cgroup/machine/pod/task/cpu.max", "max 100000\n");
  tree.write("sys/fs/cgroup/machine/pod/cpu.max", "150000 100000\n");
  tree.write("sys/fs/cgroup/machine/cpu.max", "400000 100000\n");
  CHECK_EQUAL(tree.cpus(), 1.5);
  tree.write("sys/fs/cgroup/machine/cpu.max", "25000 50000\n");
  CHECK_EQUAL(tree.cpus(), 0.5);
  tree.write("sys/fs/cgroup/machine/pod/task/cpu.max", "10000 100000\n");
  CHECK_EQUAL(tree.cpus(), 0.1);
}

void version_1() {
  Tree tree;
  tree.write("proc/self/cgroup", "12:memory:/a\n5:cpu,cpuacct:/a/b\n1:name=systemd:/a\n0::/a\n");
  tree.write("sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us", "-1\n");
  tree.write("sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us", "100000\n");
  CHECK_EQUAL(tree.cpus(), 0.0);
  tree.write("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "250000\n");
  tree.write("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
  CHECK_EQUAL(tree.cpus(), 2.5);
}

// The path is the host's, the files are the container's own.
void a_container_that_sees_its_group_as_the_root() {
  Tree tree;
  tree.write("proc/self/cgroup", "4:cpu:/docker/0123abcd\n");
  tree.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
  tree.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  CHECK_EQUAL(tree.cpus(), 2.0);
}

void no_quota() {
  CHECK_EQUAL(Tree().cpus(), 0.0);
  Tree tree;
  tree.write("proc/self/cgroup", "0::/a\n");
  for (const char* text :
       {"max 100000\n", "", "many few\n", "100000\n", "100000 0\n", "-1 100000\n"}) {
    tree.write("sys/fs/cgroup/a/cpu.max", text);
    CHECK_EQUAL(tree.cpus(), 0.0);
  }
  for (const char* text : {"", "\n", "0::\n", "0::a\n", ":::\n", "nonsense\n"}) {
    tree.write("proc/self/cgroup", text);
    CHECK_EQUAL(tree.cpus(), 0.0);
  }
}

// A program that formats numbers for people may set this locale.
class Grouped : public std::numpunct<char> {
  char do_thousands_sep() const override { return '0'; }
  std::string do_grouping() const override { return "\1"; }
};

void a_program_with_a_locale_of_its_own() {
  Tree tree;
  tree.write("proc/self/cgroup", "0::/\n");
  tree.write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Grouped));
  const double cpus = tree.cpus();
  std::locale::global(before);
  CHECK_EQUAL(cpus, 0.5);
}

}  // namespace

int cgroup_test(int, char*[]) {
  a_container_with_half_a_core();
  the_least_of_a_group_and_those_above_it();
  version_1();
  a_container_that_sees_its_group_as_the_root();
  no_quota();
  a_program_with_a_locale_of_its_own();
  return cnnx::test::finish("cgroup_test");
}
