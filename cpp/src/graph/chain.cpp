// Binds nodes to steps, assigns offsets to their arrays, runs them.
#include "graph/chain.h"

#include <algorithm>

#include "ops/flatten.h"
#include "ops/gradient_kernels.h"
#include "runtime/add_time.h"
#include "runtime/memory.h"

namespace cnnx::graph {
namespace {

template <class Float>
using Pointers = std::array<Float*, ops::kMostParameters>;

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

// Fuses one successor after the other, in the order of ops::Fusion. `IsInBytes` tells whether the
// output of a node is.
template <class IsInBytes>
class Fuser {
 public:
  Fuser(const Graph& graph, int last, int64_t batch, int unfused, const IsInBytes& is_in_bytes)
      : graph_(graph), last_(last), batch_(batch), unfused_(unfused), is_in_bytes_(is_in_bytes) {}

  // The last node that runs with node `id`, which is bound to bytes or to floats; appends the other
  // input of a fused Add to `inputs`.
  int fuse(int id, bool folds, bool bytes, ops::Fusion& fusion, std::vector<int>& inputs) const {
    const ops::Op& op = *graph_.node(id).op;
    const Shape shape = with_batch(batch_, graph_.node(id).input_shapes[0]);
    const auto takes = [&](ops::Fusable wanted) {
      if (id == unfused_ || id + 1 == last_ || graph_.node(id).readers != 1) return false;
      const Node& next = graph_.node(id + 1);
      if (next.inputs.size() > 2) return false;
      const bool reads = std::find(next.inputs.begin(), next.inputs.end(), id) != next.inputs.end();
      if (!reads || next.op->fusable_as(with_batch(batch_, next.input_shapes[0])) != wanted ||
          !(bytes ? op.can_fuse_in_bytes(wanted) : op.can_fuse(wanted, shape))) {
        return false;
      }
      for (const int input : next.inputs) {
        if (input != id && bytes && !is_in_bytes_(input)) return false;
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
    fusion.max_pool =
        !fusion.bfloat16 && !fusion.add && !fusion.relu6 && takes(ops::Fusable::max_pool_2x2);
    if (bytes && takes(ops::Fusable::quantize)) fusion.quantize = graph_.node(id).op.get();
    return id;
  }

 private:
  const Graph& graph_;
  int last_;
  int64_t batch_;
  int unfused_;
  const IsInBytes& is_in_bytes_;
};

}  // namespace

Chain::Chain(const Graph& graph, int first, int last, int64_t batch, const Settings& settings)
    : packed_end_(settings.packed) {
  const Shape& shape = first == 0 ? graph.input_shape() : graph.node(first - 1).output_shape;
  values_.push_back({element_count(with_batch(batch, shape)),
                     settings.input,
                     -1,
                     {},
                     kCallersInput,
                     kCallersInput});
  bind(graph, first, last, batch, settings);
  for (const Step& step : steps_) multiply_adds_ += step.op->multiply_adds();
  if (settings.keep == Keep::for_backward) return;
  find_lifetimes(settings.keep);
  arena_floats_ = assign_centred_offsets(arena_buffers_);
}

void Chain::bind(const Graph& graph, int first, int last, int64_t batch, const Settings& settings) {
  const Keep keep = settings.keep;
  const auto value_of = [&](int id) {
    return id < first ? kCallersInput : node_values_[static_cast<std::size_t>(id)];
  };
  const auto is_in_bytes = [&](int id) { return values_[value_of(id)].storage.bytes.has_value(); };
  const Fuser fuser(graph, last, batch, settings.unfused, is_in_bytes);
  node_values_.resize(static_cast<std::size_t>(last));
  for (int id = first; id < last; ++id) {
    const Node& node = graph.node(id);
    Step step{};
    step.first_node = id;
    step.fusion.training = keep == Keep::for_backward;
    step.frozen = !node.layer.trainable;
    step.storage.bfloat16 = step.fusion.bfloat16 =
        runs_in_bfloat16(node, batch, settings.compute_dtype);
    std::vector<int> inputs = node.inputs;
    const bool bytes = keep == Keep::nothing &&
                       std::all_of(inputs.begin(), inputs.end(), is_in_bytes) &&
                       node.op->reads_bytes(input_shapes(node, batch));
    if (keep != Keep::everything)
      id = fuser.fuse(id, keep == Keep::nothing, bytes, step.fusion, inputs);
    step.last_node = id;
    // The caller's result.
    if (step.fusion.bfloat16 && id + 1 == static_cast<int>(graph.nodes().size()) &&
        node.op->has_float_output()) {
      step.fusion.float_output = true;
      step.storage.bfloat16 = false;
    }
    const int64_t elements = element_count(with_batch(batch, graph.node(id).output_shape));
    if (keep == Keep::for_backward && leaves_to_reader(graph, step.first_node, batch)) {
      Value& input = values_[value_of(inputs[0])];
      Step& normalisation = steps_[static_cast<std::size_t>(input.producer)];
      step.fusion.normalises_input = normalisation.left_to_reader = true;
      input.array = normalisation.inputs[0];
    }
    for (const int input : inputs) {
      const std::size_t value = value_of(input);
      step.inputs.push_back(bytes ? value : converted(value, step.fusion.bfloat16, id));
    }
    if (bytes) {
      bind_to_bytes(node, batch, step);
    } else if (keep == Keep::nothing && node.op->quantization()) {
      step.storage.bytes = *node.op->quantization();
      step.op = ops::bind_floats_to_bytes(elements, *step.storage.bytes);
    } else {
      step.op = graph.bind(step.first_node, batch, step.fusion);
    }
    for (int each = step.first_node; each <= step.last_node; ++each) {
      graph.parameters().append_offsets(graph.node(each).parameters, step.parameters);
      step.parameter_floats += graph.parameters().floats_of(graph.node(each).parameters);
      graph.buffers().append_offsets(graph.node(each).buffers, step.buffers);
    }
    // The gradient of a view is not that of its input, which others may read, too.
    if (!step.op && id == settings.unfused) step.op = ops::bind_copy(elements);
    // Otherwise a view's value is its input's.
    node_values_[static_cast<std::size_t>(id)] =
        step.op ? add_step(std::move(step), elements) : step.inputs[0];
  }
  std::size_t result = last > first ? value_of(last - 1) : kCallersInput;
  if (last == static_cast<int>(graph.nodes().size())) result = converted(result, false, last - 1);
  output_storage_ = values_[result].storage;
  output_bytes_ = values_[result].elements * output_storage_.element_bytes();
}

void Chain::bind_to_bytes(const Node& node, int64_t batch, Step& step) const {
  std::vector<ops::Quantization> formats;
  for (const std::size_t input : step.inputs) formats.push_back(*values_[input].storage.bytes);
  ops::BoundToBytes bound = node.op->bind_to_bytes(input_shapes(node, batch), formats, step.fusion);
  step.op = std::move(bound.op);
  step.storage.bytes =
      step.fusion.quantize ? ops::Format(*step.fusion.quantize->quantization()) : bound.output;
}

// The value, converted once unless it is in bfloat16 or else in floats, as its reader is. One in
// floats is converted to bfloat16, every other one to floats.
std::size_t Chain::converted(std::size_t value, bool to_bfloat16, int node) {
  const Value from = values_[value];
  if (to_bfloat16 ? from.storage.bfloat16 : from.storage.in_floats()) return value;
  if (const auto found = conversions_.find(value); found != conversions_.end())
    return found->second;
  Step step{};
  step.first_node = step.last_node = node;
  step.inputs = {value};
  step.storage.bfloat16 = to_bfloat16;
  step.op = to_bfloat16             ? ops::bind_floats_to_bfloat16(from.elements)
            : from.storage.bfloat16 ? ops::bind_bfloat16_to_floats(from.elements)
                                    : ops::bind_bytes_to_floats(from.elements, *from.storage.bytes);
  return conversions_[value] = add_step(std::move(step), from.elements);
}

// Appends the step; returns the value of its output.
std::size_t Chain::add_step(Step step, int64_t elements) {
  const int index = static_cast<int>(steps_.size());
  for (const std::size_t input : step.inputs) values_[input].readers.push_back(index);
  step.output = values_.size();
  step.packed = packed_end_;
  packed_end_ += runtime::round_up_to_line(step.op->packed_floats());
  values_.push_back({elements, step.storage, index, {}, step.output, 0});
  steps_.push_back(std::move(step));
  return steps_.back().output;
}

// Whether the node reads a large output of a normalisation, alone, and can compute it itself.
bool Chain::leaves_to_reader(const Graph& graph, int id, int64_t batch) const {
  // A smaller array stays in a cache.
  constexpr int64_t kLeastFloats = 128 * 1024;
  const Node& node = graph.node(id);
  const int read = node.inputs[0];
  if (read < 0 || node.inputs.size() > 1 || graph.node(read).readers > 1) return false;
  const Value& value = values_[node_values_[static_cast<std::size_t>(read)]];
  if (value.producer < 0 || value.elements < kLeastFloats) return false;
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
      arena_buffers_.push_back({runtime::round_up_to_line(output.floats()), now, last});
    }
  }
}

int64_t Chain::scratch_floats(int threads) const {
  int64_t most = 0;
  for (const Step& step : steps_) most = std::max(most, step.op->scratch_floats(threads));
  return most;
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
