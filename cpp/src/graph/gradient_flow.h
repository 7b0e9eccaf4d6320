// The gradients of a chain's backward: the order in which they add up, and their arrays.
#pragma once

#include <vector>

#include "graph/chain.h"

namespace cnnx::graph {

// The destination of the gradient of one of a step's inputs.
struct GradientInput {
  bool wanted = false;
  std::size_t arena_buffer = 0;  // index into GradientFlow::arena_buffers
  bool accumulate = false;       // adds to the gradient of a later reader
  bool relu_masked = false;      // see ops::InputGradient
};

constexpr int kAfterBackward = -1;

// An array of gradients: written first by the backward of `first_step` (the number of steps: by the
// loss), read last by that of `last_step` (kAfterBackward: by the caller).
struct GradientBuffer {
  int64_t floats;
  int first_step, last_step;
};

struct GradientStep {
  bool runs = false;                // something at or below it is trained or wanted
  bool trains = false;              // its own parameters are trained
  std::size_t output = 0;           // an arena buffer
  bool output_relu_masked = false;  // see ops::BackwardArguments
  std::vector<GradientInput> inputs;
};

// An array that several steps read has the sum of their gradients, added up in the order of
// backward. A sum's gradient is that of both its inputs. They share one array unless later changes
// to one would affect the other.
class GradientFlow {
 public:
  // Of all trained parameters, or of one wanted value alone.
  explicit GradientFlow(const Chain& chain, std::size_t wanted = kNothing);

  const std::vector<GradientStep>& steps() const { return steps_; }
  const std::vector<GradientBuffer>& arena_buffers() const { return arena_buffers_; }
  std::size_t output() const { return output_; }  // the arena buffer that the loss writes
  std::size_t wanted() const { return gradients_[wanted_].arena_buffer; }  // of the wanted value

 private:
  struct Gradient {
    bool wanted = false, begun = false;
    std::size_t arena_buffer = 0;
  };

  std::size_t new_arena_buffer(std::size_t value, int step);
  void visit(int index);
  bool may_share(std::size_t value, std::size_t arena_buffer, int index) const;
  bool is_shared(std::size_t arena_buffer, int index) const;
  bool applies_relu_mask_to(int index) const;

  const Chain* chain_;
  std::size_t wanted_;
  std::vector<Gradient> gradients_;  // one per value
  std::vector<GradientStep> steps_;
  std::vector<GradientBuffer> arena_buffers_;
  std::size_t output_ = 0;
};

}  // namespace cnnx::graph
