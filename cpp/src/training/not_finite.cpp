// Runs a train step's forward again with all layer outputs stored and checks them; checks a model's
// own arrays.
#include "training/not_finite.h"

#include <algorithm>
#include <cmath>

#include "cnnx/runtime.h"
#include "graph/chain.h"

namespace cnnx::training {
namespace {

bool all_finite(const float* values, int64_t count) {
  return std::all_of(values, values + count, [](float value) { return std::isfinite(value); });
}

// `values` has the layout of `block`.
std::string first_not_finite_of(const graph::ArrayBlock& block, const float* values) {
  for (const ParameterInfo& info : block.infos())
    if (!all_finite(values + info.offset, element_count(info.shape))) return info.name;
  return "";
}

}  // namespace

std::string first_not_finite(const graph::ModelState& model, const float* input, int64_t rows,
                             const ops::TrainingStep& step) {
  if (!all_finite(input, rows * element_count(model.graph.input_shape()))) return "the images";
  const int threads = get_num_threads();
  const auto& nodes = model.graph.nodes();
  const graph::Chain chain(model.graph, 0, static_cast<int>(nodes.size()), rows,
                           {graph::Chain::Keep::everything});
  runtime::AlignedBuffer arena(chain.arena_floats()), scratch(chain.scratch_floats(threads));
  runtime::AlignedBuffer buffers(model.graph.buffers().floats());  // forward writes to them
  std::copy_n(model.buffers.data(), buffers.size(), buffers.data());
  graph::ChainArguments arguments{};
  arguments.input = input;
  arguments.parameters = model.parameters.data();
  arguments.buffers = buffers.data();
  arguments.arena = arena.data();
  arguments.scratch = scratch.data();
  arguments.threads = threads;
  arguments.training = &step;
  chain.forward(arguments);
  for (std::size_t id = 0; id < nodes.size(); ++id) {
    const int64_t size = rows * element_count(nodes[id].output_shape);
    if (!all_finite(chain.output_of(static_cast<int>(id), arguments), size))
      return "the output of " + nodes[id].layer.name;
  }
  return "";
}

std::string first_not_finite_gradient(const graph::ModelState& model, const float* gradients) {
  return first_not_finite_of(model.graph.parameters(), gradients);
}

std::string first_not_finite(const graph::ModelState& model) {
  std::string name = first_not_finite_of(model.graph.parameters(), model.parameters.data());
  if (!name.empty()) return name;
  return first_not_finite_of(model.graph.buffers(), model.buffers.data());
}

}  // namespace cnnx::training
