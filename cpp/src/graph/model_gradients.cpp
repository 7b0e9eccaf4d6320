// The gradients of a model's outputs with respect to the images or to the output of a layer.
#include <algorithm>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <string>

#include "cnnx/model.h"
#include "cnnx/runtime.h"
#include "data/image.h"
#include "data/pixels.h"
#include "graph/model_state.h"
#include "runtime/floating_point.h"

namespace cnnx {
namespace {

// A node, or kGraphInput.
int find_wanted(const graph::Graph& graph, const std::string& of) {
  if (const std::optional<int> id = graph.find(of)) return *id;
  throw std::invalid_argument("gradients: of is \"" + of +
                              "\", expected \"input\" or the name of a layer, such as \"" +
                              graph.nodes().front().layer.name + "\"");
}

// From the gradient of the network's input to that of the pixels.
void divide_by_scale(const Preprocessing& preprocessing, bool divides_by_255, int64_t channels,
                     int64_t floats, float* gradients) {
  const float range = divides_by_255 ? 255.0f : 1.0f;
  const std::vector<float>& std = preprocessing.std;
  for (int64_t i = 0; i < floats; ++i) {
    const auto channel = static_cast<std::size_t>(i % channels);
    gradients[i] /= range * (std.size() == 1 ? std[0] : std[channel]);
  }
}

}  // namespace

void Model::gradients(const ImageBatch& images, const float* grad_outputs, const std::string& of,
                      float* gradients) const {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  data::check_images(images, "gradients");
  const graph::ModelState& state = *this->state();
  const int wanted = find_wanted(state.graph, of);
  if (images.count > 0 && !grad_outputs)
    throw std::invalid_argument("gradients: grad_outputs is a null pointer");
  if (images.count > 0 && !gradients)
    throw std::invalid_argument("gradients: gradients is a null pointer");
  const Shape& shape = wanted == graph::kGraphInput ? state.graph.input_shape()
                                                    : state.graph.node(wanted).output_shape;
  const int64_t size = element_count(shape), outputs = element_count(state.graph.output_shape());
  const int threads = get_num_threads();
  const std::shared_lock<graph::ModelMutex> lock(state.mutex);
  const int64_t piece = state.piece_with_all_outputs();
  for (int64_t first = 0; first < images.count; first += piece) {
    const int64_t count = std::min(piece, images.count - first);
    const auto plan = state.training_plan(count, threads, {graph::Recompute::quick, true, wanted});
    const graph::WorkspaceLease workspace = state.lease(*plan);
    const graph::TrainingArguments arguments{
        state.normalised(images, first, count, workspace->input),
        state.parameters.data(),
        state.buffers.data(),
        {}};
    plan->forward(arguments, *workspace);
    std::copy_n(grad_outputs + first * outputs, count * outputs, plan->grad_output(*workspace));
    plan->backward(arguments, *workspace, nullptr);
    std::copy_n(plan->wanted_gradient(*workspace), count * size, gradients + first * size);
  }
  const bool divides = data::divides_by_255(images);
  if (wanted != graph::kGraphInput || (!divides && is_identity(state.preprocessing))) return;
  divide_by_scale(state.preprocessing, divides, shape[2], images.count * size, gradients);
}

}  // namespace cnnx
