// Which gradients a chain's backward makes, in which order they add up and where they lie.
#pragma once

#include <vector>

#include "graph/chain.h"

namespace cnnx::graph {

// Where a step's backward puts the gradient of one of its inputs.
struct GradientInput {
  bool wanted = false;
  std::size_t arena_buffer = 0;  // of GradientFlow::arena_buffers
  bool accumulate = false;       // a later reader's gradient is there already
  bool relu_masked = false;      // see ops::InputGradient
};

struct GradientStep {
  bool runs = false;                // something at or below it is trained
  bool trains = false;              // its own parameters are
  std::size_t output = 0;           // a arena_buffer
  bool output_relu_masked = false;  // see ops::BackwardArguments
  std::vector<GradientInput> inputs;
};

// An array that several steps read has the sum of their gradients, added up in the order of
// backward. A sum's gradient is that of both its inputs: they share one array where neither's own
// story would spoil it for the other.
class GradientFlow {
 public:
  explicit GradientFlow(const Chain& chain);

  const std::vector<GradientStep>& steps() const { return steps_; }
  const std::vector<ArenaBuffer>& arena_buffers() const { return tenants_; }
  std::size_t output() const { return output_; }  // the arena_buffer that the loss writes

 private:
  struct Gradient {
    bool wanted = false, begun = false;
    std::size_t arena_buffer = 0;
  };

  std::size_t new_tenant(std::size_t value, int time);
  void visit(int index);
  bool may_share(std::size_t value, std::size_t arena_buffer, int index) const;
  bool is_shared(std::size_t arena_buffer, int index) const;
  bool applies_relu_mask_to(int index) const;

  const Chain* chain_;
  std::vector<Gradient> gradients_;  // one per value
  std::vector<GradientStep> steps_;
  std::vector<ArenaBuffer> tenants_;
  std::size_t output_ = 0;
};

}  // namespace cnnx::graph
