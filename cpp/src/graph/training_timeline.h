// The order of a train step's computations, and the arrays that they read and write. Immutable.
#pragma once

#include <vector>

#include "graph/chain.h"
#include "graph/gradient_flow.h"

namespace cnnx::graph {

// Values that are not saved for backward: their arrays are freed after forward has read them, and
// backward computes them again. Both have one element per value of a chain.
struct Recomputation {
  std::vector<bool> dropped;
  // Of these also the second array is freed after it was read to compute others again. It is then
  // computed a third time for the backward that reads it, which must be quick.
  std::vector<bool> brief;
};

// Where a step has memory besides the arrays of values.
struct TrainingMemory {
  int threads = 1;
  // All gradients of parameters together, outside the arena. Otherwise those of each layer have
  // memory for the time of its backward only.
  bool keeps_gradients = true;
};

// The time of an event is its index in TrainingTimeline::events.
struct TrainingEvent {
  enum class Kind { forward, loss, again, backward };
  Kind kind;
  int step = -1;  // of the loss: none
  // Arena buffers. kNothing is the caller's input, or what a backward does not read.
  std::vector<std::size_t> inputs = {};
  std::size_t output = kNothing;
  std::size_t saved = kNothing;    // what a forward saves besides, and its backward reads
  std::size_t scratch = kNothing;  // if it is large; else TrainingTimeline::scratch_floats
  std::size_t parameter_gradients = kNothing;  // unless TrainingMemory::keeps_gradients
};

class TrainingTimeline {
 public:
  TrainingTimeline(const Chain& chain, const GradientFlow& flow, const Recomputation& recomputation,
                   const TrainingMemory& memory);

  const std::vector<TrainingEvent>& events() const { return events_; }
  // Without offsets. Those of the gradient flow are last, in its order.
  const std::vector<ArenaBuffer>& arena_buffers() const { return arena_buffers_; }
  // Of a step, or kNothing.
  std::size_t saved(int step) const { return saved_[static_cast<std::size_t>(step)]; }
  std::size_t gradient(std::size_t buffer_of_flow) const {
    return first_gradient_ + buffer_of_flow;
  }
  // The floats that are needed at one time: a little less than offsets can do with.
  int64_t most_floats() const;
  // The scratch of events that have none in the arena.
  int64_t scratch_floats() const { return scratch_floats_; }

 private:
  // An array of a value, from the event that writes it to the last that reads it.
  struct Lifetime {
    std::size_t value;
    int first, last;
    std::size_t arena_buffer;
  };

  const Step& step_of(int index) const { return chain_->steps()[static_cast<std::size_t>(index)]; }
  int now() const { return static_cast<int>(events_.size()); }
  int time_of(const TrainingEvent& event) const {
    return static_cast<int>(&event - events_.data());
  }
  std::size_t read(std::size_t value);
  void add_forward(int step, TrainingEvent::Kind kind);
  void add_backward(int step);
  void provide(std::size_t value);
  void forget_brief(const std::vector<bool>& brief);
  void assign_arena_buffers();
  void add_saved();
  void add_scratch(int threads);
  void add_gradients(const GradientFlow& flow);
  void add_parameter_gradients(const GradientFlow& flow);

  const Chain* chain_;
  std::vector<bool> available_;        // per value, of the event that is added next
  std::vector<std::size_t> current_;   // per value, its last lifetime
  std::vector<std::size_t> provided_;  // values that were computed again
  std::vector<Lifetime> lifetimes_;
  std::vector<TrainingEvent> events_;
  std::vector<int> backward_times_;  // per step
  std::vector<ArenaBuffer> arena_buffers_;
  std::vector<std::size_t> saved_;
  std::size_t first_gradient_ = 0;
  int64_t scratch_floats_ = 0;
};

}  // namespace cnnx::graph
