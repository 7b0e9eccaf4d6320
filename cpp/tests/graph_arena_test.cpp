// Offsets of arrays in an arena: arrays needed at the same time do not overlap, chains need little.
#include "graph/arena.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "graph/chain.h"
#include "graph/graph.h"
#include "graph/training_plan.h"
#include "runtime/philox.h"

namespace {

using cnnx::Layer;
using cnnx::graph::ArenaBuffer;
using cnnx::graph::assign_centred_offsets;
using cnnx::graph::assign_offsets;
using cnnx::graph::Chain;
using cnnx::graph::Graph;
using cnnx::graph::Recompute;
using cnnx::graph::TrainingPlan;

constexpr int64_t kLine = 16;  // floats of a cache line

bool meet(const ArenaBuffer& a, const ArenaBuffer& b) {
  return a.first <= b.last && b.first <= a.last;
}
bool overlap(const ArenaBuffer& a, const ArenaBuffer& b) {
  return a.offset < b.offset + b.floats && b.offset < a.offset + a.floats;
}

// The least size of any arena: the most floats needed at one time.
int64_t least(const std::vector<ArenaBuffer>& buffers) {
  int64_t most = 0;
  for (const ArenaBuffer& now : buffers) {
    int64_t sum = 0;
    for (const ArenaBuffer& other : buffers) {
      if (other.first <= now.first && now.first <= other.last) sum += other.floats;
    }
    most = std::max(most, sum);
  }
  return most;
}

void check_offsets(const std::vector<ArenaBuffer>& buffers, int64_t floats) {
  int64_t end = 0, sum = 0;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    CHECK(buffers[i].offset >= 0);
    CHECK_EQUAL(buffers[i].offset % kLine, 0);
    end = std::max(end, buffers[i].offset + buffers[i].floats);
    sum += buffers[i].floats;
    for (std::size_t j = 0; j < i; ++j) {
      const bool both = buffers[i].floats > 0 && buffers[j].floats > 0;
      CHECK(!both || !meet(buffers[i], buffers[j]) || !overlap(buffers[i], buffers[j]));
    }
  }
  CHECK_EQUAL(floats, end);
  CHECK(floats >= least(buffers) && floats <= sum);
}

void random_buffers_never_overlap() {
  for (uint64_t trial = 0; trial < 300; ++trial) {
    const cnnx::runtime::Philox random(trial, cnnx::runtime::Stream::xo, 0);
    uint64_t drawn = 0;
    const auto below = [&](int64_t limit) {
      return static_cast<int64_t>(random.block(drawn++)[0] % static_cast<uint64_t>(limit));
    };
    std::vector<ArenaBuffer> buffers;
    for (int64_t count = below(40); count > 0; --count) {
      const int first = static_cast<int>(below(30));
      buffers.push_back({below(20) * kLine, first, first + static_cast<int>(below(12))});
    }
    const int64_t floats = assign_offsets(buffers);
    check_offsets(buffers, floats);
    const int64_t centred = assign_centred_offsets(buffers);
    check_offsets(buffers, centred);
    CHECK(centred <= floats);
  }
}

void nothing_needs_nothing() {
  std::vector<ArenaBuffer> none;
  CHECK_EQUAL(assign_offsets(none), 0);
}

// Each of a chain's arrays is read only by the next step: two places alternate, side by side, so
// the arena is as large as the two largest neighbours.
void a_chain_takes_turns() {
  std::vector<ArenaBuffer> chain;
  for (int i = 0; i < 9; ++i) chain.push_back({(1 + i % 3) * kLine, i, i + 1});
  check_offsets(chain, assign_offsets(chain));
  std::vector<ArenaBuffer> equal;
  for (int i = 0; i < 9; ++i) equal.push_back({4 * kLine, i, i + 1});
  CHECK_EQUAL(assign_offsets(equal), 8 * kLine);
  for (std::size_t i = 0; i < 9; ++i)
    CHECK_EQUAL(equal[i].offset, i % 2 == 0 ? int64_t{0} : 4 * kLine);
}

// The last time of one is the first of the other: the step reads one while it writes the other.
void a_last_reader_still_reads() {
  std::vector<ArenaBuffer> buffers = {{kLine, 0, 3}, {kLine, 3, 5}, {kLine, 4, 6}, {kLine, 6, 6}};
  const int64_t floats = assign_offsets(buffers);
  CHECK(buffers[0].offset != buffers[1].offset);
  CHECK(buffers[1].offset != buffers[2].offset);
  CHECK(buffers[2].offset != buffers[3].offset);
  CHECK_EQUAL(floats, 2 * kLine);
}

void a_gap_is_filled_where_it_fits() {
  // The second is free, which leaves space between the first and the third.
  std::vector<ArenaBuffer> buffers = {
      {8 * kLine, 0, 9}, {4 * kLine, 0, 3}, {3 * kLine, 0, 9}, {2 * kLine, 5, 6}};
  const int64_t floats = assign_offsets(buffers);
  check_offsets(buffers, floats);
  CHECK_EQUAL(buffers[2].offset, 12 * kLine);
  CHECK_EQUAL(buffers[3].offset, 8 * kLine);
}

// The largest first would need a line more: the last two would then lie on both sides of a gap.
void a_long_lifetime_comes_first() {
  std::vector<ArenaBuffer> buffers = {
      {3 * kLine, 1, 3}, {3 * kLine, 1, 5}, {2 * kLine, 4, 8}, {2 * kLine, 4, 4}};
  const int64_t floats = assign_offsets(buffers);
  check_offsets(buffers, floats);
  CHECK_EQUAL(floats, 7 * kLine);
}

// Two arrays alternate while the map becomes smaller: their middles stay.
void smaller_arrays_lie_in_the_middle() {
  std::vector<ArenaBuffer> chain;
  for (int i = 0; i < 6; ++i) chain.push_back({(16 >> (i / 2 * 2)) * kLine, i, i + 1});
  CHECK_EQUAL(assign_centred_offsets(chain), 32 * kLine);
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const int64_t middle = chain[i].offset + chain[i].floats / 2;
    CHECK(middle - (i % 2 == 0 ? 8 : 24) * kLine <= kLine / 2);
  }
  check_offsets(chain, 32 * kLine);
}

// Where the middle is taken, the first fit is as good as before.
void the_middle_costs_no_memory() {
  std::vector<ArenaBuffer> buffers = {{8 * kLine, 0, 1}, {4 * kLine, 2, 3}, {4 * kLine, 2, 3}};
  CHECK_EQUAL(assign_centred_offsets(buffers), 8 * kLine);
  check_offsets(buffers, 8 * kLine);
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
  return Chain(graph, 0, count, 1, {Chain::Keep::nothing}).arena_floats();
}

int64_t training_floats(const std::vector<Layer>& layers, Recompute recompute = Recompute::quick,
                        int64_t batch = 1) {
  return TrainingPlan(Graph(layers, {8, 8, 4}), batch, 1, {recompute}).arena_floats();
}

void inference_of_a_chain_needs_two_arrays() {
  std::vector<Layer> layers;
  for (const char* name : {"a", "b", "c", "d", "e", "f"}) layers.push_back(layer("conv2d", name));
  CHECK_EQUAL(inference_floats(layers), 2 * kArray);
  // A sum overwrites an input without other readers.
  const std::vector<Layer> residual = {layer("conv2d", "a"), layer("conv2d", "b"),
                                       layer("conv2d", "c"), layer("add", "d", {"c", "a"}),
                                       layer("conv2d", "e")};
  CHECK_EQUAL(inference_floats(residual), 3 * kArray);
}

// Training saves the arrays that a backward reads, and two gradients alternate.
void training_of_a_chain_keeps_its_outputs() {
  std::vector<Layer> layers;
  for (const char* name : {"a", "b", "c", "d"}) layers.push_back(layer("conv2d", name));
  // Three outputs that the next convolution's backward reads. Only the loss reads the fourth, so a
  // later gradient reuses its memory.
  CHECK_EQUAL(training_floats(layers), 5 * kArray);
  // Elementwise layers overwrite, forward and backward.
  const std::vector<Layer> elementwise = {layer("conv2d", "a"), layer("tanh", "b"),
                                          layer("tanh", "c"), layer("conv2d", "d")};
  CHECK_EQUAL(training_floats(elementwise), 4 * kArray);
}

// Of sixteen convolutions about every fourth output is saved, and a segment of four is computed
// again at a time.
void recomputation_saves_about_a_square_root() {
  std::vector<Layer> layers;
  for (int i = 0; i < 16; ++i) layers.push_back(layer("conv2d", ("c" + std::to_string(i)).c_str()));
  CHECK_EQUAL(training_floats(layers), 17 * kArray);
  CHECK_EQUAL(training_floats(layers, Recompute::most), 8 * kArray);
}

// One of sixteen convolutions takes few of all multiply-adds, one of four does not.
void cheap_recomputation_drops_few_outputs() {
  std::vector<Layer> layers;
  for (const char* name : {"a", "b", "c", "d"}) layers.push_back(layer("conv2d", name));
  CHECK_EQUAL(training_floats(layers, Recompute::cheap), 5 * kArray);
  for (int i = 4; i < 16; ++i) layers.push_back(layer("conv2d", ("c" + std::to_string(i)).c_str()));
  CHECK_EQUAL(training_floats(layers, Recompute::cheap), 16 * kArray);
}

// Large outputs of activations are computed again: of a convolution and an activation one array is
// saved, not two.
void large_activations_are_not_saved() {
  std::vector<Layer> layers;
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    layers.push_back(layer("conv2d", name));
    layers.push_back(layer("silu", (std::string("silu_") + name).c_str()));
  }
  constexpr int64_t kBatch = 2048;
  CHECK_EQUAL(training_floats(layers), 11 * kArray);
  CHECK_EQUAL(training_floats(layers, Recompute::quick, kBatch), 7 * kArray * kBatch);
}

// The output of a pooling is computed again, and only then is its argmax saved, which needs as much
// as an array of four channels.
void a_pooling_saves_its_argmax_when_it_runs_again() {
  Layer pool = layer("max_pool2d", "pool");
  pool.settings = {{"kernel_size", std::vector<int64_t>{3, 3}},
                   {"stride", std::vector<int64_t>{1, 1}},
                   {"padding", std::vector<int64_t>{1, 1, 1, 1}},
                   {"dilation", std::vector<int64_t>{1, 1}},
                   {"ceil_mode", false}};
  Layer norm = layer("batch_norm2d", "norm");
  norm.settings = {{"momentum", 0.1f}, {"epsilon", 1e-5f}, {"affine", true}};
  std::vector<Layer> layers = {layer("conv2d", "a"), norm, layer("relu", "relu"), pool};
  for (const char* name : {"b", "c", "d", "e", "f"}) layers.push_back(layer("conv2d", name));
  constexpr int64_t kBatch = 2048;
  const int64_t floats = training_floats(layers, Recompute::quick, kBatch);
  // Five outputs that a backward reads, and two gradients.
  CHECK_EQUAL(floats / (kArray * kBatch), 7);
}

}  // namespace

int graph_arena_test(int, char*[]) {
  random_buffers_never_overlap();
  nothing_needs_nothing();
  a_chain_takes_turns();
  a_last_reader_still_reads();
  a_long_lifetime_comes_first();
  smaller_arrays_lie_in_the_middle();
  the_middle_costs_no_memory();
  a_gap_is_filled_where_it_fits();
  inference_of_a_chain_needs_two_arrays();
  training_of_a_chain_keeps_its_outputs();
  large_activations_are_not_saved();
  recomputation_saves_about_a_square_root();
  cheap_recomputation_drops_few_outputs();
  a_pooling_saves_its_argmax_when_it_runs_again();
  return cnnx::test::finish("graph_arena_test");
}
