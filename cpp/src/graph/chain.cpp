// Binds nodes to steps, assigns offsets to their arrays, runs them.
#include "graph/chain.h"

#include <algorithm>
#include <array>

#include "ops/gradient_kernels.h"
#include "runtime/add_time.h"
#include "runtime/memory.h"

namespace cnnx::graph {
namespace {

constexpr int kMostParameters = 8;  // of one step: far above any step's

template <class Float>
using Pointers = std::array<Float*, kMostParameters>;

template <class Float>
Pointers<Float> pointers_to(const std::vector<int64_t>& offsets, Float* block) {
  Pointers<Float> pointers{};
  for (std::size_t i = 0; i < offsets.size(); ++i) pointers[i] = block + offsets[i];
  return pointers;
}

ops::TrainingStep of_step(const ops::TrainingStep& training, const Step& step) {
  ops::TrainingStep own = training;
  own.node = static_cast<uint64_t>(step.first_node);
  own.frozen = step.frozen;
  return own;
}

// Fuses one successor after the other, in the order of ops::Fusion.
class Fuser {
 public:
  Fuser(const Graph& graph, int last, int64_t batch) : graph_(graph), last_(last), batch_(batch) {}

  // The last node that runs with node `id`; appends the other input of a fused Add to `inputs`.
  int fuse(int id, bool folds, ops::Fusion& fusion, std::vector<int>& inputs) const {
    const Node& node = graph_.node(id);
    const Shape shape = with_batch(batch_, node.input_shapes[0]);
    const auto takes = [&](ops::Fusable wanted) {
      if (id + 1 == last_ || graph_.node(id).readers != 1) return false;
      const Node& next = graph_.node(id + 1);
      if (next.inputs.size() > 2) return false;
      const bool reads = std::find(next.inputs.begin(), next.inputs.end(), id) != next.inputs.end();
      if (!reads || next.op->fusable_as(with_batch(batch_, next.input_shapes[0])) != wanted ||
          !node.op->can_fuse(wanted, shape)) {
        return false;
      }
      for (const int input : next.inputs) {
        if (input != id) inputs.push_back(input);
      }
      ++id;
      return true;
    };
    if (folds && takes(ops::Fusable::batch_norm)) fusion.batch_norm = graph_.node(id).op.get();
    fusion.add = takes(ops::Fusable::add);
    fusion.relu = takes(ops::Fusable::relu);
    fusion.max_pool = !fusion.add && takes(ops::Fusable::max_pool_2x2);
    return id;
  }

 private:
  const Graph& graph_;
  int last_;
  int64_t batch_;
};

}  // namespace

Chain::Chain(const Graph& graph, int first, int last, int64_t batch, Keep keep, int64_t packed)
    : packed_end_(packed) {
  values_.emplace_back();
  bind(graph, first, last, batch, keep);
  find_lifetimes(keep);
  if (keep != Keep::for_backward) assign_offsets({});
}

void Chain::bind(const Graph& graph, int first, int last, int64_t batch, Keep keep) {
  const Fuser fuser(graph, last, batch);
  const auto value_of = [&](int id) {
    return id < first ? kCallersInput : node_values_[static_cast<std::size_t>(id)];
  };
  node_values_.resize(static_cast<std::size_t>(last));
  for (int id = first; id < last; ++id) {
    const Node& node = graph.node(id);
    Step step{};
    step.first_node = id;
    step.fusion.training = keep == Keep::for_backward;
    std::vector<int> inputs = node.inputs;
    if (keep != Keep::everything) id = fuser.fuse(id, keep == Keep::nothing, step.fusion, inputs);
    step.last_node = id;
    output_floats_ = element_count(with_batch(batch, graph.node(id).output_shape));
    step.op = graph.bind(step.first_node, batch, step.fusion);
    for (const int input : inputs) step.inputs.push_back(value_of(input));
    // A view's value is its input's.
    step.output = step.op ? values_.size() : step.inputs[0];
    node_values_[static_cast<std::size_t>(id)] = step.output;
    if (!step.op) continue;
    const int index = static_cast<int>(steps_.size());
    for (const std::size_t input : step.inputs) values_[input].readers.push_back(index);
    values_.push_back({output_floats_, index, {}, 0});
    step.frozen = !node.layer.trainable;
    step.packed = packed_end_;
    packed_end_ += runtime::round_up_to_line(step.op->packed_floats());
    for (int each = step.first_node; each <= step.last_node; ++each) {
      graph.parameters().append_offsets(graph.node(each).parameters, step.parameters);
      graph.buffers().append_offsets(graph.node(each).buffers, step.buffers);
    }
    steps_.push_back(std::move(step));
  }
}

int Chain::last_read(const Value& value, Keep keep) const {
  const int end = static_cast<int>(steps_.size());
  // Only the caller reads the result.
  if (keep == Keep::everything) return end;
  int last = value.readers.empty() ? end : value.readers.back();
  if (keep == Keep::nothing) return last;
  for (const int reader : value.readers) {
    if (steps_[static_cast<std::size_t>(reader)].op->traits().backward_reads_input)
      last = std::max(last, backward_time(reader));
  }
  if (steps_[static_cast<std::size_t>(value.producer)].op->traits().backward_reads_output)
    last = std::max(last, backward_time(value.producer));
  return last;
}

void Chain::find_lifetimes(Keep keep) {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    const int now = static_cast<int>(i);
    const ops::BoundOpTraits traits = step.op->traits();
    Value& output = values_[step.output];
    const int last = last_read(output, keep);
    // Overwriting an input is allowed if nothing reads it again; the caller's input is never
    // overwritten.
    const auto in_place = [&](std::size_t value) {
      for (std::size_t k = 0; k < step.inputs.size(); ++k)
        if (step.inputs[k] == value && !traits.runs_in_place.contains(k)) return false;
      return true;
    };
    const auto overwritten =
        std::find_if(step.inputs.begin(), step.inputs.end(), [&](std::size_t input) {
          return in_place(input) && input != kCallersInput &&
                 values_[input].floats == output.floats && last_read(values_[input], keep) == now;
        });
    if (overwritten != step.inputs.end()) {
      output.arena_buffer = values_[*overwritten].arena_buffer;
      arena_buffers_[output.arena_buffer].last = last;
    } else {
      output.arena_buffer = arena_buffers_.size();
      arena_buffers_.push_back({runtime::round_up_to_line(output.floats), now, last});
    }
    step.saved = arena_buffers_.size();
    if (keep == Keep::for_backward && step.op->saved_bytes() > 0) {
      arena_buffers_.push_back(
          {runtime::round_up_to_line((step.op->saved_bytes() + 3) / 4), now, backward_time(now)});
    } else {
      step.saved = kNothing;
    }
  }
  own_buffer_count_ = arena_buffers_.size();
}

void Chain::assign_offsets(std::vector<ArenaBuffer> others) {
  arena_buffers_.insert(arena_buffers_.end(), others.begin(), others.end());
  arena_floats_ = graph::assign_offsets(arena_buffers_);
}

int64_t Chain::scratch_floats(int threads) const {
  int64_t most = 0;
  for (const Step& step : steps_) most = std::max(most, step.op->scratch_floats(threads));
  return most;
}

int64_t Chain::multiply_adds() const {
  int64_t sum = 0;
  for (const Step& step : steps_) sum += step.op->multiply_adds();
  return sum;
}

void Chain::pack_weights(const float* parameters, float* buffers, int threads,
                         float* packed) const {
  for (const Step& step : steps_) {
    const auto own = pointers_to(step.parameters, parameters);
    const auto statistics = pointers_to<const float>(step.buffers, buffers);
    step.op->pack_weights(own.data(), statistics.data(), threads, packed + step.packed);
  }
}

const float* Chain::forward(const ChainArguments& a, float* output) const {
  const float* result = a.input;
  for (const Step& step : steps_) {
    const runtime::AddTime time(a.times ? &a.times->forward[index_of(step)] : nullptr);
    const auto parameters = pointers_to(step.parameters, a.parameters);
    const auto buffers = pointers_to(step.buffers, a.buffers);
    std::array<const float*, ops::kMostInputs> inputs;
    for (std::size_t i = 0; i < step.inputs.size(); ++i) inputs[i] = place(step.inputs[i], a);
    const bool last = &step == &steps_.back();
    float* const target =
        last && output ? output : a.arena + offset(values_[step.output].arena_buffer);
    ops::TrainingStep training;
    ops::ForwardArguments forward;
    forward.inputs = inputs.data();
    forward.parameters = parameters.data();
    forward.buffers = buffers.data();
    if (a.packed && step.op->packed_floats() > 0) forward.packed = a.packed + step.packed;
    forward.output = target;
    if (step.saved != kNothing) forward.saved = saved_by(step, a);
    forward.scratch = a.scratch;
    forward.threads = a.threads;
    forward.weights_end_is_cached = a.weights_end_is_cached;
    if (a.training) {
      training = of_step(*a.training, step);
      forward.training = &training;
    }
    step.op->forward(forward);
    result = target;
  }
  return result;
}

void Chain::backward(const Step& step, const ChainArguments& a, const StepGradients& g) const {
  const runtime::AddTime time(a.times ? &a.times->backward[index_of(step)] : nullptr);
  const auto parameters = pointers_to(step.parameters, a.parameters);
  const auto buffers = pointers_to<const float>(step.buffers, a.buffers);
  const auto gradients =
      g.parameters ? pointers_to(step.parameters, g.parameters) : Pointers<float>{};
  std::array<const float*, ops::kMostInputs> inputs;
  for (std::size_t i = 0; i < step.inputs.size(); ++i) inputs[i] = place(step.inputs[i], a);
  const ops::TrainingStep training = of_step(*a.training, step);
  ops::BackwardArguments backward;
  backward.inputs = inputs.data();
  backward.output = place(step.output, a);
  if (step.saved != kNothing) backward.saved = saved_by(step, a);
  backward.parameters = parameters.data();
  backward.buffers = buffers.data();
  backward.grad_output = g.output;
  backward.grad_output_relu_masked = g.output_relu_masked;
  backward.grad_inputs = g.inputs;
  backward.grad_parameters = gradients.data();
  backward.scratch = a.scratch;
  backward.threads = a.threads;
  backward.training = &training;
  backward.kernels = &ops::gradient_kernels();
  step.op->backward(backward);
}

}  // namespace cnnx::graph
