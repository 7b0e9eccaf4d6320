// The public Model: a handle on a ModelState, running batches piece by piece.
#include "cnnx/model.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>

#include "cnnx/activations.h"
#include "cnnx/runtime.h"
#include "cnnx/softmax.h"
#include "data/picture.h"
#include "graph/model_state.h"

namespace cnnx {

using graph::ModelState;

namespace {

int64_t index_of_largest(const float* values, int64_t count) {
  return std::max_element(values, values + count) - values;
}

}  // namespace

Model::Model(const std::vector<Layer>& layers, const Shape& input_shape,
             const ModelOptions& options)
    : state_(std::make_shared<ModelState>(layers, input_shape, options.classes,
                                          options.preprocessing)) {
  state_->draw_parameters(options.seed);
}

Model::Model(std::shared_ptr<ModelState> state) : state_(std::move(state)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Model Model::clone() const { return Model(state_->clone()); }

void Model::run(const PictureBatch& pictures, float* outputs) const {
  const ModelState& state = *state_;
  const int64_t size = element_count(output_shape());
  const int threads = get_num_threads();
  const std::shared_lock<graph::ModelMutex> lock(state.mutex);
  const int64_t piece = state.piece();
  for (int64_t first = 0; first < pictures.count; first += piece) {
    const int64_t count = std::min(piece, pictures.count - first);
    const auto plan = state.inference_plan(count, threads);
    const graph::WorkspaceLease workspace = plan->lease();
    const float* input = state.normalised(pictures, first, count, workspace->input);
    const float* output = plan->forward(input, state.parameters.data(), state.buffers.data(),
                                        state.derived(*plan), *workspace);
    std::copy_n(output, count * size, outputs + first * size);
  }
}

void Model::probabilities(const PictureBatch& pictures, float* outputs) const {
  const Shape& shape = output_shape();
  if (probability_kind() == Probabilities::softmax && (shape.size() != 1 || shape[0] < 2)) {
    throw std::invalid_argument("predict: the model's output has shape " + to_string(shape) +
                                ", expected at least two outputs, one per class");
  }
  run(pictures, outputs);
  const int64_t count = pictures.count * element_count(shape);
  if (probability_kind() == Probabilities::softmax)
    softmax(outputs, pictures.count, shape[0], outputs);
  if (probability_kind() == Probabilities::sigmoid) sigmoid(outputs, count, outputs);
}

void Model::layer_outputs(const PictureBatch& pictures, float* const* outputs) const {
  const ModelState& state = *state_;
  const auto& nodes = state.graph.nodes();
  const int threads = get_num_threads();
  const std::shared_lock<graph::ModelMutex> lock(state.mutex);
  const int64_t piece = state.piece_with_all_outputs();
  runtime::AlignedBuffer normalised;
  for (int64_t first = 0; first < pictures.count; first += piece) {
    const int64_t count = std::min(piece, pictures.count - first);
    const graph::Chain chain(state.graph, 0, static_cast<int>(nodes.size()), count,
                             graph::Chain::Keep::everything);
    runtime::AlignedBuffer arena(chain.arena_floats()), scratch(chain.scratch_floats(threads));
    const graph::ChainArguments arguments{state.normalised(pictures, first, count, normalised),
                                          state.parameters.data(),
                                          state.buffers.data(),
                                          nullptr,
                                          arena.data(),
                                          scratch.data(),
                                          threads};
    chain.forward(arguments);
    for (std::size_t id = 0; id < nodes.size(); ++id) {
      const int64_t size = element_count(nodes[id].output_shape);
      std::copy_n(chain.output_of(static_cast<int>(id), arguments), count * size,
                  outputs[id] + first * size);
    }
  }
}

Prediction Model::predict(const ImageView& image) const {
  const Shape& shape = input_shape();
  const std::vector<float> pixels =
      data::prepare_picture(image, shape[0], shape[1], shape[2], preprocessing().resize);
  PictureBatch one;
  one.pixels = pixels.data();
  one.integer_values = image.type == PixelType::uint8;
  one.count = 1;
  Prediction prediction;
  prediction.probabilities.resize(static_cast<std::size_t>(element_count(output_shape())));
  probabilities(one, prediction.probabilities.data());
  if (prediction.probabilities.size() == 1) {
    // One output speaks for the second of two classes.
    const float second = prediction.probabilities[0];
    prediction.probabilities = {1.0f - second, second};
  }
  prediction.index = index_of_largest(prediction.probabilities.data(),
                                      static_cast<int64_t>(prediction.probabilities.size()));
  prediction.probability = prediction.probabilities[static_cast<std::size_t>(prediction.index)];
  if (!classes().empty()) prediction.label = classes()[static_cast<std::size_t>(prediction.index)];
  return prediction;
}

const Shape& Model::input_shape() const { return state_->graph.input_shape(); }
const Shape& Model::output_shape() const { return state_->graph.output_shape(); }
const std::vector<std::string>& Model::classes() const { return state_->classes; }
const Preprocessing& Model::preprocessing() const { return state_->preprocessing; }
Probabilities Model::probability_kind() const { return state_->probabilities; }
const std::vector<ParameterInfo>& Model::parameters() const {
  return state_->graph.parameters().infos();
}
const std::vector<ParameterInfo>& Model::buffers() const { return state_->graph.buffers().infos(); }
std::vector<Layer> Model::layers() const { return state_->layers(); }

std::vector<LayerInfo> Model::layer_infos() const {
  std::vector<LayerInfo> infos;
  for (const graph::Node& node : state_->graph.nodes()) {
    infos.push_back({node.layer.name, node.layer.kind, node.output_shape,
                     state_->graph.parameters().floats_of(node.parameters)});
  }
  return infos;
}

namespace {

// One array of a block, under the model's lock.
void get(const ModelState& state, const runtime::AlignedBuffer& block, const ParameterInfo& array,
         float* values) {
  const std::shared_lock<graph::ModelMutex> lock(state.mutex);
  std::copy_n(block.data() + array.offset, element_count(array.shape), values);
}

void set(ModelState& state, runtime::AlignedBuffer& block, const ParameterInfo& array,
         const float* values) {
  const std::unique_lock<graph::ModelMutex> lock(state.mutex);
  std::copy_n(values, element_count(array.shape), block.data() + array.offset);
  state.parameters_changed();
}

}  // namespace

void Model::get_parameter(const ParameterInfo& parameter, float* values) const {
  get(*state_, state_->parameters, parameter, values);
}
void Model::set_parameter(const ParameterInfo& parameter, const float* values) {
  set(*state_, state_->parameters, parameter, values);
}
void Model::get_buffer(const ParameterInfo& buffer, float* values) const {
  get(*state_, state_->buffers, buffer, values);
}
void Model::set_buffer(const ParameterInfo& buffer, const float* values) {
  set(*state_, state_->buffers, buffer, values);
}

void Model::set_trainable(const std::string& layer, bool trainable) {
  const std::unique_lock<graph::ModelMutex> lock(state_->mutex);
  state_->set_trainable(layer, trainable);
}

}  // namespace cnnx
