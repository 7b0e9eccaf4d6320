// A run of a graph's nodes bound to one batch size: layers fused where an op takes its followers
// in, every array with its place in one arena. Immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "graph/graph.h"

namespace cnnx::graph {

// Where an array lies: at an offset of the arena, or in the caller's input.
constexpr int64_t kCallersInput = -1;

// One op with the layers it took in.
struct Step {
  int first_node, last_node;
  std::unique_ptr<const ops::BoundOp> op;
  ops::Fusion fusion;
  std::vector<int64_t> parameters;  // offsets in the parameter block
  int64_t input, output, kept;      // arena offsets
  int64_t derived;                  // offset among the derived weights
  int64_t output_floats;            // of the batch
};

// Seconds of each step of a chain, added up over executions.
struct StepTimes {
  std::vector<double> forward, backward;
};

// What a chain runs on and writes.
struct ChainArguments {
  const float* input;
  const float* parameters;
  const float* derived;  // or null: every op derives what it needs
  float* arena;
  float* scratch;
  int threads;
  bool weights_end_is_cached = false;  // see ops::ForwardArguments
  StepTimes* times = nullptr;          // null: nothing is measured
};

// See ops::BackwardArguments.
struct StepGradients {
  float* output;
  bool output_through;
  float* input;
  bool input_through;
  float* parameters;  // the whole block of gradients
};

class Chain {
 public:
  enum class Keep {
    nothing,       // an output lives until the next op has read it: two buffers take turns
    for_backward,  // every output that a backward reads, and what ops keep besides
    everything,    // every layer's output; nothing is fused
  };

  // Nodes [first, last). `derived` is where this chain's derived weights begin.
  Chain(const Graph& graph, int first, int last, int64_t batch, Keep keep, int64_t derived = 0);

  const std::vector<Step>& steps() const { return steps_; }
  int64_t arena_floats() const { return arena_floats_; }
  int64_t scratch_floats(int threads) const;
  int64_t output_floats() const { return output_floats_; }
  int64_t derived_end() const { return derived_end_; }
  int64_t products() const;

  void derive(const float* parameters, int threads, float* derived) const;

  // Runs every step. The result lies in the arena, or at `output` if that is not null; without a
  // step it is the input.
  const float* forward(const ChainArguments& arguments, float* output = nullptr) const;
  // Keep::for_backward, after forward: one step's gradients.
  void backward(const Step& step, const ChainArguments& arguments,
                const StepGradients& gradients) const;

  // Keep::everything: where node `id` left its output.
  const float* output_of(int id, const ChainArguments& arguments) const;

 private:
  void bind(const Graph& graph, int first, int last, int64_t batch, bool fuses);
  void place(Keep keep);
  std::size_t index_of(const Step& step) const {
    return static_cast<std::size_t>(&step - steps_.data());
  }
  static const float* input_of(const Step& step, const ChainArguments& a) {
    return step.input == kCallersInput ? a.input : a.arena + step.input;
  }
  static uint8_t* kept_by(const Step& step, const ChainArguments& a) {
    return reinterpret_cast<uint8_t*>(a.arena + step.kept);
  }

  std::vector<Step> steps_;  // views (Flatten) have none
  int64_t arena_floats_ = 0, output_floats_ = 0, derived_end_;
  bool keeps_ = false;
};

}  // namespace cnnx::graph
