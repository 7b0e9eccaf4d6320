// Hot reloading: threads load a model's file again and again while another one saves over it.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "cnnx/layers.h"
#include "cnnx/model.h"
#include "temporary_folder.h"

namespace {

using cnnx::Model;

constexpr int kSaves = 1000, kThreads = 4;

// The state by this number: every parameter is the number.
void set_state(Model& model, int number) {
  for (const cnnx::ParameterInfo& parameter : model.parameters()) {
    const std::vector<float> values(static_cast<std::size_t>(cnnx::element_count(parameter.shape)),
                                    static_cast<float>(number));
    model.set_parameter(parameter, values.data());
  }
}

// The number of a state, or -1 if the parameters differ.
int state_of(const Model& model) {
  std::vector<float> all;
  for (const cnnx::ParameterInfo& parameter : model.parameters()) {
    std::vector<float> values(static_cast<std::size_t>(cnnx::element_count(parameter.shape)));
    model.get_parameter(parameter, values.data());
    all.insert(all.end(), values.begin(), values.end());
  }
  const bool same = std::all_of(all.begin(), all.end(), [&](float x) { return x == all[0]; });
  return same ? static_cast<int>(all[0]) : -1;
}

// Loads until the last state is in the file. Each load is a whole state, and none is older than the
// one before.
void load_all(const std::string& path, std::atomic<int>& loads) {
  try {
    for (int state = 0; state < kSaves; ++loads) {
      const int next = state_of(Model::load(path));
      if (next < state || next > kSaves) CHECK_EQUAL(next, state);
      state = std::max(state, next);
    }
  } catch (const std::exception& error) {
    CHECK_EQUAL(error.what(), std::string("no error"));
  }
}

}  // namespace

int reload_test(int, char*[]) {
  const cnnx::test::TemporaryFolder folder("reload");
  const std::string name =
      "gr\xC3\xB6\xC3\x9F"
      "er \xE2\x98\x82.cnnx";  // UTF-8
  const std::string path = (folder.path() / std::filesystem::u8path(name)).u8string();
  Model model({cnnx::layers::Flatten(), cnnx::layers::Dense(64)}, {32, 32, 1});
  set_state(model, 0);
  model.save(path);
  std::atomic<int> loads{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([&] { load_all(path, loads); });
  try {
    for (int number = 1; number <= kSaves; ++number) {
      set_state(model, number);
      model.save(path);
    }
  } catch (const std::exception& error) {
    CHECK_EQUAL(error.what(), std::string("no error"));
    std::exit(cnnx::test::finish("reload_test"));  // the threads would wait for the last state
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(loads >= kThreads);
  CHECK(std::filesystem::exists(folder.path() / std::filesystem::u8path(name)));
  std::printf("%d saves, %d loads\n", kSaves, loads.load());
  return cnnx::test::finish("reload_test");
}
