// Reading a graph takes time in proportion to its size, for any names and connections of its
// layers.
#include <algorithm>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "check.h"
#include "hostile_model.h"

namespace {

using cnnx::test::model_of;

// CPU seconds of this process to read the file, the least of a few runs.
double seconds_to_read(const std::vector<std::byte>& bytes) {
  double least = 1e9;
  for (int time = 0; time < 3; ++time) {
    const std::clock_t begin = std::clock();
    CHECK(cnnx::test::read_model(bytes) != nullptr);
    least = std::min(least, static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
  }
  return least;
}

// `make` returns the file of so many layers. Four times the layers take four times as long, not
// sixteen.
template <class Make>
void check_proportional(const char* what, const Make& make) {
  const double small = seconds_to_read(make(5000)), large = seconds_to_read(make(20000));
  std::printf("%s: %.3f s for 5000 layers, %.3f s for 20000\n", what, small, large);
  CHECK(large < 10 * small);
}

// Every layer reads the first one and the one before it.
std::vector<std::byte> sums(int count) {
  std::string nodes = cnnx::test::node("l0", "input"), last = "l0";
  for (int number = 1; number < count; ++number) {
    const std::string name = "l" + std::to_string(number);
    nodes += "," + cnnx::test::node(name, last + "\",\"l0", R"("kind":"add")");
    last = name;
  }
  return model_of(cnnx::test::graph_of(nodes, last));
}

// Every layer has a setting that is a real number.
std::vector<std::byte> slopes(int count) {
  static const float slope = 0.5f;
  std::string nodes, last = "input";
  std::vector<cnnx::io::Tensor> tensors;
  for (int number = 0; number < count; ++number) {
    const std::string name = "l" + std::to_string(number);
    nodes += (number > 0 ? "," : "") + cnnx::test::node(name, last, R"("kind":"leaky_relu")");
    tensors.push_back({name + ".negative_slope", cnnx::io::DType::f32, {}, &slope});
    last = name;
  }
  return model_of(cnnx::test::graph_of(nodes, last), tensors);
}

}  // namespace

int large_graph_test(int, char*[]) {
  check_proportional("a chain",
                     [](int count) { return model_of(cnnx::test::long_chain(count, 100)); });
  check_proportional("sums", sums);
  check_proportional("slopes", slopes);
  return cnnx::test::finish("large_graph_test");
}
