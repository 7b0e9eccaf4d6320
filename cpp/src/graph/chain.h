// A range of a graph's nodes bound to one batch size: layers are fused where an op allows it, and
// every array has an offset in one arena, except in training (graph/training_timeline.h).
// Immutable.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "graph/arena.h"
#include "graph/graph.h"
#include "graph/storage.h"

namespace cnnx::graph {

constexpr std::size_t kNothing = static_cast<std::size_t>(-1);

// One op with the layers fused into it.
struct Step {
  int first_node, last_node;
  std::unique_ptr<const ops::BoundOp> op;
  ops::Fusion fusion;
  std::vector<int64_t> parameters;  // offsets in their block, those of fused layers last
  int64_t parameter_floats = 0;     // of all, from the first offset on
  std::vector<int64_t> buffers;     // offsets in the block of buffers
  std::vector<std::size_t> inputs;  // values
  std::size_t output;               // a value
  int64_t packed;                   // offset among the packed weights
  bool frozen;                      // its parameters are not trained
  Storage storage;                  // of the output
  // A normalisation whose output has no array: its reader computes it from the first input.
  bool left_to_reader = false;
};

// An array between steps.
struct Value {
  int64_t elements = 0;
  Storage storage;
  int producer = -1;             // the step that writes it; -1: the caller's input
  std::vector<int> readers;      // steps
  std::size_t array = 0;         // the value whose array readers read: usually its own
  std::size_t arena_buffer = 0;  // several values may share one

  int64_t floats() const { return storage.floats(elements); }
};

constexpr std::size_t kCallersInput = 0;  // the input value of a chain

// Seconds of each step of a chain, added up over executions.
struct StepTimes {
  std::vector<double> forward, backward;
};

// The arrays of an execution.
struct ChainArguments {
  const float* input;
  const float* parameters;
  float* buffers;       // written in training only
  const float* packed;  // or null: every op packs its own weights
  float* arena;
  float* scratch;
  int threads;
  bool weights_end_is_cached = false;  // see ops::ForwardArguments
  StepTimes* times = nullptr;          // null: nothing is measured
  const ops::TrainingStep* training = nullptr;
};

// The arrays of one run of a step.
struct StepArrays {
  BatchNormForward normalisation;  // with Fusion::normalises_input
  std::array<const float*, ops::kMostInputs> inputs;
  float* output = nullptr;
  uint8_t* saved = nullptr;
};

// See ops::BackwardArguments.
struct StepGradients {
  float* output;
  bool output_relu_masked;
  const ops::InputGradient* inputs;
  float* parameters;            // a block of gradients; null: not computed
  int64_t first_parameter = 0;  // the offset at which that block begins
};

class Chain {
 public:
  enum class Keep {
    nothing,       // an output lives until its last reader has run
    for_backward,  // a TrainingTimeline decides how long arrays live, and where
    everything,    // every layer's output to the end; nothing is fused
  };

  struct Settings {
    Keep keep;
    ComputeDtype compute_dtype = ComputeDtype::float32;
    int64_t packed = 0;  // the offset of this chain's packed weights
    int unfused = -1;    // a node into which nothing is fused
    Storage input = {};  // of the input from outside
  };

  // Nodes [first, last), whose only input from outside is the node before `first`.
  Chain(const Graph& graph, int first, int last, int64_t batch, const Settings& settings);

  const std::vector<Step>& steps() const { return steps_; }
  const std::vector<Value>& values() const { return values_; }
  int64_t arena_floats() const { return arena_floats_; }  // not for Keep::for_backward
  int64_t scratch_floats(int threads) const;
  // The result in memory. Several results, one after the other, are packed.
  int64_t output_bytes() const { return output_bytes_; }
  const Storage& output_storage() const { return output_storage_; }
  int64_t packed_end() const { return packed_end_; }
  int64_t multiply_adds() const { return multiply_adds_; }

  // An input that the step's output may overwrite, or kNothing. `is_last_read(value)` tells whether
  // nothing reads it later. The caller's input is never overwritten.
  template <class IsLastRead>
  std::size_t overwritten_input(const Step& step, const IsLastRead& is_last_read) const {
    const ops::InputSet allowed = step.op->traits().runs_in_place;
    for (const std::size_t input : step.inputs) {
      bool all =
          input != kCallersInput && values_[input].elements == values_[step.output].elements &&
          values_[input].storage.element_bytes() == values_[step.output].storage.element_bytes();
      for (std::size_t k = 0; k < step.inputs.size(); ++k)
        all = all && (step.inputs[k] != input || allowed.contains(k));
      if (all && is_last_read(input)) return input;
    }
    return kNothing;
  }

  void pack_weights(const float* parameters, float* buffers, int threads, float* packed) const;

  // Runs every step. The result lies in the arena, or at `output` if that is not null; without a
  // step it is the input.
  const float* forward(const ChainArguments& arguments, float* output = nullptr) const;
  // One step's forward; `again`, see ops::ForwardArguments. And its backward.
  void forward(const Step& step, const ChainArguments& arguments, const StepArrays& arrays,
               bool again = false) const;
  void backward(const Step& step, const ChainArguments& arguments, const StepArrays& arrays,
                const StepGradients& gradients) const;

  // The output of node `id`, unless a later node is fused into it.
  std::size_t value_of(int id) const { return node_values_[static_cast<std::size_t>(id)]; }
  // For Keep::everything: the output of node `id`.
  const float* output_of(int id, const ChainArguments& arguments) const {
    return place(value_of(id), arguments);
  }

 private:
  bool leaves_to_reader(const Graph& graph, int id, int64_t batch) const;
  void bind(const Graph& graph, int first, int last, int64_t batch, const Settings& settings);
  std::size_t converted(std::size_t value, bool to_bfloat16, int node);
  std::size_t add_step(Step step, int64_t elements);
  void bind_to_bytes(const Node& node, int64_t batch, Step& step) const;
  void find_lifetimes(Keep keep);
  int last_read(const Value& value, Keep keep) const;
  std::size_t index_of(const Step& step) const {
    return static_cast<std::size_t>(&step - steps_.data());
  }
  const float* place(std::size_t value, const ChainArguments& a) const {
    return value == kCallersInput ? a.input
                                  : a.arena + arena_buffers_[values_[value].arena_buffer].offset;
  }

  std::vector<Step> steps_;    // without views (Flatten)
  std::vector<Value> values_;  // the caller's input first
  std::vector<std::size_t> node_values_;
  std::vector<ArenaBuffer> arena_buffers_;
  std::unordered_map<std::size_t, std::size_t> conversions_;  // by value
  int64_t arena_floats_ = 0, output_bytes_ = 0, packed_end_, multiply_adds_ = 0;
  Storage output_storage_;
};

}  // namespace cnnx::graph
