// Binds nodes to steps, assigns offsets to their arrays, runs them.
#include "graph/chain.h"

#include <algorithm>

#include "ops/gradient_kernels.h"
#include "runtime/add_time.h"
#include "runtime/memory.h"

namespace cnnx::graph {
namespace {

constexpr int kMostParameters = 8;  // of one step: far above any step's

template <class Float>
using Pointers = std::array<Float*, kMostParameters>;

template <class Float>
Pointers<Float> pointers_to(const std::vector<int64_t>& offsets, Float* block, int64_t first = 0) {
  Pointers<Float> pointers{};
  for (std::size_t i = 0; i < offsets.size(); ++i) pointers[i] = block + (offsets[i] - first);
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
  Fuser(const Graph& graph, int last, int64_t batch, int unfused)
      : graph_(graph), last_(last), batch_(batch), unfused_(unfused) {}

  // The last node that runs with node `id`; appends the other input of a fused Add to `inputs`.
  int fuse(int id, bool folds, ops::Fusion& fusion, std::vector<int>& inputs) const {
    const Node& node = graph_.node(id);
    const Shape shape = with_batch(batch_, node.input_shapes[0]);
    const auto takes = [&](ops::Fusable wanted) {
      if (id == unfused_ || id + 1 == last_ || graph_.node(id).readers != 1) return false;
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
    fusion.relu6 = !fusion.relu && takes(ops::Fusable::relu6);
    fusion.max_pool = !fusion.add && !fusion.relu6 && takes(ops::Fusable::max_pool_2x2);
    return id;
  }

 private:
  const Graph& graph_;
  int last_;
  int64_t batch_;
  int unfused_;
};

}  // namespace

Chain::Chain(const Graph& graph, int first, int last, int64_t batch, Keep keep, int64_t packed,
             int unfused)
    : packed_end_(packed) {
  const Shape& input = first == 0 ? graph.input_shape() : graph.node(first - 1).output_shape;
  values_.emplace_back();
  values_[kCallersInput].floats = element_count(with_batch(batch, input));
  bind(graph, first, last, batch, keep, unfused);
  if (keep == Keep::for_backward) return;
  find_lifetimes(keep);
  arena_floats_ = assign_centred_offsets(arena_buffers_);
}

void Chain::bind(const Graph& graph, int first, int last, int64_t batch, Keep keep, int unfused) {
  const Fuser fuser(graph, last, batch, unfused);
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
    if (keep == Keep::for_backward && leaves_to_reader(graph, step.first_node, batch)) {
      Value& input = values_[value_of(inputs[0])];
      Step& normalisation = steps_[static_cast<std::size_t>(input.producer)];
      step.fusion.normalises_input = normalisation.left_to_reader = true;
      input.array = normalisation.inputs[0];
    }
    step.op = graph.bind(step.first_node, batch, step.fusion);
    for (const int input : inputs) step.inputs.push_back(value_of(input));
    // A view's value is its input's.
    step.output = step.op ? values_.size() : step.inputs[0];
    node_values_[static_cast<std::size_t>(id)] = step.output;
    if (!step.op) continue;
    const int index = static_cast<int>(steps_.size());
    for (const std::size_t input : step.inputs) values_[input].readers.push_back(index);
    values_.push_back({output_floats_, index, {}, values_.size(), 0});
    step.frozen = !node.layer.trainable;
    step.packed = packed_end_;
    packed_end_ += runtime::round_up_to_line(step.op->packed_floats());
    for (int each = step.first_node; each <= step.last_node; ++each) {
      graph.parameters().append_offsets(graph.node(each).parameters, step.parameters);
      step.parameter_floats += graph.parameters().floats_of(graph.node(each).parameters);
      graph.buffers().append_offsets(graph.node(each).buffers, step.buffers);
    }
    steps_.push_back(std::move(step));
  }
}

// Whether the node reads a large output of a normalisation, alone, and can compute it itself.
bool Chain::leaves_to_reader(const Graph& graph, int id, int64_t batch) const {
  // A smaller array stays in a cache.
  constexpr int64_t kLeastFloats = 128 * 1024;
  const Node& node = graph.node(id);
  const int read = node.inputs[0];
  if (read < 0 || node.inputs.size() > 1 || graph.node(read).readers > 1) return false;
  const Value& value = values_[node_values_[static_cast<std::size_t>(read)]];
  if (value.producer < 0 || value.floats < kLeastFloats) return false;
  const Step& producer = steps_[static_cast<std::size_t>(value.producer)];
  return producer.op->traits().is_normalisation && producer.last_node == read &&
         node.op->can_normalise_input(with_batch(batch, node.input_shapes[0]));
}

int Chain::last_read(const Value& value, Keep keep) const {
  const int end = static_cast<int>(steps_.size());
  // Only the caller reads the result.
  return keep == Keep::everything || value.readers.empty() ? end : value.readers.back();
}

void Chain::find_lifetimes(Keep keep) {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const int now = static_cast<int>(i);
    Value& output = values_[steps_[i].output];
    const int last = last_read(output, keep);
    const std::size_t overwritten = overwritten_input(
        steps_[i], [&](std::size_t input) { return last_read(values_[input], keep) == now; });
    if (overwritten != kNothing) {
      output.arena_buffer = values_[overwritten].arena_buffer;
      arena_buffers_[output.arena_buffer].last = last;
    } else {
      output.arena_buffer = arena_buffers_.size();
      arena_buffers_.push_back({runtime::round_up_to_line(output.floats), now, last});
    }
  }
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
    StepArrays arrays;
    for (std::size_t i = 0; i < step.inputs.size(); ++i)
      arrays.inputs[i] = place(step.inputs[i], a);
    const bool last = &step == &steps_.back();
    const std::size_t target = values_[step.output].arena_buffer;
    arrays.output = last && output ? output : a.arena + arena_buffers_[target].offset;
    forward(step, a, arrays);
    result = arrays.output;
  }
  return result;
}

void Chain::forward(const Step& step, const ChainArguments& a, const StepArrays& arrays,
                    bool again) const {
  const auto times = [&] { return again ? a.times->backward.data() : a.times->forward.data(); };
  const runtime::AddTime time(a.times ? times() + index_of(step) : nullptr);
  const auto parameters = pointers_to(step.parameters, a.parameters);
  const auto buffers = pointers_to(step.buffers, a.buffers);
  ops::TrainingStep training;
  ops::ForwardArguments forward;
  forward.inputs = arrays.inputs.data();
  forward.parameters = parameters.data();
  forward.buffers = buffers.data();
  if (a.packed && step.op->packed_floats() > 0) forward.packed = a.packed + step.packed;
  forward.output = arrays.output;
  forward.saved = arrays.saved;
  if (step.fusion.normalises_input) forward.normalisation = &arrays.normalisation;
  forward.again = again;
  forward.scratch = a.scratch;
  forward.threads = a.threads;
  forward.weights_end_is_cached = a.weights_end_is_cached;
  if (a.training) {
    training = of_step(*a.training, step);
    forward.training = &training;
  }
  step.op->forward(forward);
}

void Chain::backward(const Step& step, const ChainArguments& a, const StepArrays& arrays,
                     const StepGradients& g) const {
  const runtime::AddTime time(a.times ? &a.times->backward[index_of(step)] : nullptr);
  const auto parameters = pointers_to(step.parameters, a.parameters);
  const auto buffers = pointers_to<const float>(step.buffers, a.buffers);
  const auto gradients = g.parameters
                             ? pointers_to(step.parameters, g.parameters, g.first_parameter)
                             : Pointers<float>{};
  ops::TrainingStep training;
  ops::BackwardArguments backward;
  backward.inputs = arrays.inputs.data();
  backward.output = arrays.output;
  backward.saved = arrays.saved;
  if (step.fusion.normalises_input) backward.normalisation = &arrays.normalisation;
  backward.parameters = parameters.data();
  backward.buffers = buffers.data();
  backward.grad_output = g.output;
  backward.grad_output_relu_masked = g.output_relu_masked;
  backward.grad_inputs = g.inputs;
  backward.grad_parameters = gradients.data();
  backward.scratch = a.scratch;
  backward.threads = a.threads;
  if (a.training) {
    training = of_step(*a.training, step);
    backward.training = &training;
  }
  backward.kernels = &ops::gradient_kernels();
  step.op->backward(backward);
}

}  // namespace cnnx::graph
