// Where arrays lie in an arena: none needed at the same time overlap, and chains need little.
#include "graph/arena.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "graph/chain.h"
#include "graph/gradient_flow.h"
#include "graph/graph.h"
#include "runtime/philox.h"

namespace {

using cnnx::Layer;
using cnnx::graph::ArenaBuffer;
using cnnx::graph::assign_offsets;
using cnnx::graph::Chain;
using cnnx::graph::GradientFlow;
using cnnx::graph::Graph;

constexpr int64_t kLine = 16;  // floats of a cache line

bool meet(const ArenaBuffer& a, const ArenaBuffer& b) {
  return a.first <= b.last && b.first <= a.last;
}
bool overlap(const ArenaBuffer& a, const ArenaBuffer& b) {
  return a.offset < b.offset + b.floats && b.offset < a.offset + a.floats;
}

// What any arena needs: at some time these all are there.
int64_t least(const std::vector<ArenaBuffer>& arena_buffers) {
  int64_t most = 0;
  for (const ArenaBuffer& now : arena_buffers) {
    int64_t sum = 0;
    for (const ArenaBuffer& other : arena_buffers) {
      if (other.first <= now.first && now.first <= other.last) sum += other.floats;
    }
    most = std::max(most, sum);
  }
  return most;
}

void check_settled(const std::vector<ArenaBuffer>& arena_buffers, int64_t floats) {
  int64_t end = 0, sum = 0;
  for (std::size_t i = 0; i < arena_buffers.size(); ++i) {
    CHECK(arena_buffers[i].offset >= 0);
    CHECK_EQUAL(arena_buffers[i].offset % kLine, 0);
    end = std::max(end, arena_buffers[i].offset + arena_buffers[i].floats);
    sum += arena_buffers[i].floats;
    for (std::size_t j = 0; j < i; ++j) {
      const bool both = arena_buffers[i].floats > 0 && arena_buffers[j].floats > 0;
      CHECK(!both || !meet(arena_buffers[i], arena_buffers[j]) ||
            !overlap(arena_buffers[i], arena_buffers[j]));
    }
  }
  CHECK_EQUAL(floats, end);
  CHECK(floats >= least(arena_buffers) && floats <= sum);
}

void random_tenants_never_overlap() {
  for (uint64_t trial = 0; trial < 300; ++trial) {
    const cnnx::runtime::Philox random(trial, cnnx::runtime::Stream::drawing, 0);
    uint64_t drawn = 0;
    const auto below = [&](int64_t limit) {
      return static_cast<int64_t>(random.block(drawn++)[0] % static_cast<uint64_t>(limit));
    };
    std::vector<ArenaBuffer> arena_buffers;
    for (int64_t count = below(40); count > 0; --count) {
      const int first = static_cast<int>(below(30));
      arena_buffers.push_back({below(20) * kLine, first, first + static_cast<int>(below(12))});
    }
    check_settled(arena_buffers, assign_offsets(arena_buffers));
  }
}

void nothing_needs_nothing() {
  std::vector<ArenaBuffer> none;
  CHECK_EQUAL(assign_offsets(none), 0);
}

// Each of a chain's arrays is read by the next step alone: two places take turns, side by side, so
// that the arena is as large as the two largest neighbours.
void a_chain_takes_turns() {
  std::vector<ArenaBuffer> chain;
  for (int i = 0; i < 9; ++i) chain.push_back({(1 + i % 3) * kLine, i, i + 1});
  check_settled(chain, assign_offsets(chain));
  std::vector<ArenaBuffer> equal;
  for (int i = 0; i < 9; ++i) equal.push_back({4 * kLine, i, i + 1});
  CHECK_EQUAL(assign_offsets(equal), 8 * kLine);
  for (std::size_t i = 0; i < 9; ++i)
    CHECK_EQUAL(equal[i].offset, i % 2 == 0 ? int64_t{0} : 4 * kLine);
}

// One's last time is the other's first: the step reads the one while it writes the other.
void a_last_reader_still_reads() {
  std::vector<ArenaBuffer> arena_buffers = {
      {kLine, 0, 3}, {kLine, 3, 5}, {kLine, 4, 6}, {kLine, 6, 6}};
  const int64_t floats = assign_offsets(arena_buffers);
  CHECK(arena_buffers[0].offset != arena_buffers[1].offset);
  CHECK(arena_buffers[1].offset != arena_buffers[2].offset);
  CHECK(arena_buffers[2].offset != arena_buffers[3].offset);
  CHECK_EQUAL(floats, 2 * kLine);
}

void a_gap_is_filled_where_it_fits() {
  // While the second is away, there is room between the first and the third.
  std::vector<ArenaBuffer> arena_buffers = {
      {8 * kLine, 0, 9}, {4 * kLine, 0, 3}, {3 * kLine, 0, 9}, {2 * kLine, 5, 6}};
  const int64_t floats = assign_offsets(arena_buffers);
  check_settled(arena_buffers, floats);
  CHECK_EQUAL(arena_buffers[2].offset, 12 * kLine);
  CHECK_EQUAL(arena_buffers[3].offset, 8 * kLine);
}

Layer layer(const char* kind, const char* name, std::vector<std::string> inputs = {}) {
  Layer made;
  made.kind = kind;
  made.name = name;
  made.inputs = std::move(inputs);
  if (made.kind == "conv2d") {
    made.settings = {{"out_channels", int64_t{4}},
                     {"kernel_size", std::vector<int64_t>{1, 1}},
                     {"stride", std::vector<int64_t>{1, 1}},
                     {"padding", std::vector<int64_t>{0, 0, 0, 0}},
                     {"dilation", std::vector<int64_t>{1, 1}},
                     {"groups", int64_t{1}},
                     {"bias", true}};
  }
  return made;
}

// floats of one array of these graphs, for images of 8x8x4
constexpr int64_t kArray = 8 * 8 * 4;

int64_t inference_floats(const std::vector<Layer>& layers) {
  const Graph graph(layers, {8, 8, 4});
  const int count = static_cast<int>(graph.nodes().size());
  return Chain(graph, 0, count, 1, Chain::Keep::nothing).arena_floats();
}

int64_t training_floats(const std::vector<Layer>& layers) {
  const Graph graph(layers, {8, 8, 4});
  const int count = static_cast<int>(graph.nodes().size());
  Chain chain(graph, 0, count, 1, Chain::Keep::for_backward);
  const GradientFlow flow(chain);
  chain.assign_offsets(flow.arena_buffers());
  return chain.arena_floats();
}

void inference_of_a_chain_needs_two_arrays() {
  std::vector<Layer> layers;
  for (const char* name : {"a", "b", "c", "d", "e", "f"}) layers.push_back(layer("conv2d", name));
  CHECK_EQUAL(inference_floats(layers), 2 * kArray);
  // A sum overwrites an input that nobody else reads.
  const std::vector<Layer> residual = {layer("conv2d", "a"), layer("conv2d", "b"),
                                       layer("conv2d", "c"), layer("add", "d", {"c", "a"}),
                                       layer("conv2d", "e")};
  CHECK_EQUAL(inference_floats(residual), 3 * kArray);
}

// Training keeps what a backward reads, and two gradients take turns.
void training_of_a_chain_keeps_its_outputs() {
  std::vector<Layer> layers;
  for (const char* name : {"a", "b", "c", "d"}) layers.push_back(layer("conv2d", name));
  // Three outputs that the next convolution's backward reads. The fourth, nobody does but the loss:
  // a later gradient lies there.
  CHECK_EQUAL(training_floats(layers), 5 * kArray);
  // Elementwise layers overwrite, forward and backward.
  const std::vector<Layer> elementwise = {layer("conv2d", "a"), layer("tanh", "b"),
                                          layer("tanh", "c"), layer("conv2d", "d")};
  CHECK_EQUAL(training_floats(elementwise), 4 * kArray);
}

}  // namespace

int main() {
  random_tenants_never_overlap();
  nothing_needs_nothing();
  a_chain_takes_turns();
  a_last_reader_still_reads();
  a_gap_is_filled_where_it_fits();
  inference_of_a_chain_needs_two_arrays();
  training_of_a_chain_keeps_its_outputs();
  return cnnx::test::finish("graph_arena_test");
}
