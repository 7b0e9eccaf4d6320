// The public Model: a handle to a ModelState that runs batches in parts.
#include "cnnx/model.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <mutex>
#include <new>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <string>

#include "cnnx/activations.h"
#include "cnnx/runtime.h"
#include "cnnx/softmax.h"
#include "data/image.h"
#include "graph/int8_weights.h"
#include "graph/model_state.h"
#include "runtime/check_settings.h"
#include "runtime/floating_point.h"
#include "runtime/sizes.h"

namespace cnnx {

using graph::ModelState;

namespace {

// Checks that a loop over a batch relies on; `outputs` is a pointer to floats, or to arrays of
// them.
void check_batch(const ImageBatch& images, const void* outputs, const char* function) {
  data::check_images(images, function);
  if (images.count > 0 && !outputs)
    throw std::invalid_argument(std::string(function) + ": outputs is a null pointer");
}

// So many arrays of this shape.
std::vector<float> zeros(int64_t count, const Shape& shape) {
  int64_t floats = 0;
  if (__builtin_mul_overflow(count, element_count(shape), &floats)) throw std::bad_alloc();
  return std::vector<float>(runtime::checked_size(floats));
}

std::vector<float> new_outputs(const ImageBatch& images, const Shape& shape, const char* function) {
  data::check_images(images, function);
  return zeros(images.count, shape);
}

int id_of(const graph::Graph& graph, const std::string& name) {
  const std::optional<int> id = graph.find(name);
  if (id && *id != graph::kGraphInput) return *id;
  throw std::invalid_argument("layer_outputs: names has \"" + name +
                              "\", expected names of layers, such as \"" +
                              graph.nodes().front().layer.name + "\"");
}

void check_probabilities(const ModelState& state) {
  const Shape& shape = state.graph.output_shape();
  const Probabilities kind = state.probabilities;
  if (kind == Probabilities::none) {
    throw std::invalid_argument(
        "predict: the model was trained with a regression loss, so its outputs are no "
        "probabilities, expected run, which gives them");
  }
  const bool per_image_or_position = shape.size() == 1 || shape.size() == 3;
  if (kind == Probabilities::softmax && (!per_image_or_position || shape.back() < 2)) {
    throw std::invalid_argument(
        "predict: the model's output has shape " + to_string(shape) +
        ", expected at least two outputs, one per class, unless it was trained with "
        "a loss of fewer, such as binary_cross_entropy or mean_squared_error");
  }
}

// Of one image; values stay as they are.
void to_probabilities(const Head& head, float* outputs) {
  const int64_t floats = element_count(head.shape);
  if (head.probabilities == Probabilities::softmax) {
    const int64_t classes = head.shape.back();
    softmax(outputs, floats / classes, classes, outputs);
  } else if (head.probabilities == Probabilities::sigmoid) {
    sigmoid(outputs, floats, outputs);
  }
}

std::shared_ptr<ModelState> new_state(const std::vector<Layer>& layers, const Shape& input_shape,
                                      const ModelOptions& options) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  auto state = std::make_shared<ModelState>(graph::Graph(layers, input_shape), options.classes,
                                            options.preprocessing);
  state->draw_parameters(options.seed, options.given_parameters);
  return state;
}

}  // namespace

Model::Model(const std::vector<Layer>& layers, const Shape& input_shape,
             const ModelOptions& options)
    : state_(new_state(layers, input_shape, options)) {}

Model::Model(std::shared_ptr<ModelState> state) : state_(std::move(state)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

const std::shared_ptr<ModelState>& Model::state() const {
  if (!state_)
    throw std::invalid_argument("model: it was moved from, expected one that holds a network");
  return state_;
}

Model Model::clone() const { return Model(state()->clone()); }
Model Model::resized(int64_t height, int64_t width) const {
  return Model(state()->resized(height, width));
}

void Model::run(const ImageBatch& images, float* outputs,
                const std::function<void()>& between) const {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  check_batch(images, outputs, "run");
  const ModelState& state = *this->state();
  const int64_t size = element_count(output_shape());
  const int threads = get_num_threads();
  const std::shared_lock<graph::ModelMutex> lock(state.mutex);
  const int64_t piece = state.piece(threads);
  for (int64_t first = 0; first < images.count; first += piece) {
    const int64_t count = std::min(piece, images.count - first);
    const auto plan = state.inference_plan(count, threads);
    const graph::WorkspaceLease workspace = state.lease(*plan);
    const float* input = state.normalised(images, first, count, workspace->input);
    const float* output = plan->forward(input, state.parameters.data(), state.buffers.data(),
                                        state.packed(*plan), *workspace);
    std::copy_n(output, count * size, outputs + first * size);
    if (between && first + count < images.count) between();
  }
}

void Model::probabilities(const ImageBatch& images, float* outputs,
                          const std::function<void()>& between) const {
  if (heads().empty()) check_probabilities(*state());
  run(images, outputs, between);
  outputs_to_probabilities(outputs, images.count);
}

void Model::outputs_to_probabilities(float* outputs, int64_t count) const {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  const ModelState& state = *this->state();
  const int64_t size = element_count(output_shape());
  int64_t floats = 0;
  if (count < 0 || __builtin_mul_overflow(count, size, &floats)) {
    throw std::invalid_argument("outputs_to_probabilities: count is " + std::to_string(count) +
                                ", expected a number of images");
  }
  if (floats > 0 && !outputs)
    throw std::invalid_argument("outputs_to_probabilities: outputs is a null pointer");
  if (const std::vector<Head> several = heads(); !several.empty()) {
    for (int64_t i = 0; i < count; ++i)
      for (const Head& head : several) to_probabilities(head, outputs + i * size + head.offset);
    return;
  }
  check_probabilities(state);
  if (floats == 0 || !state.uses_temperature()) return;
  if (const float divisor = temperature(); divisor != 1) {
    for (int64_t i = 0; i < floats; ++i) outputs[i] /= divisor;
  }
  if (state.probabilities == Probabilities::softmax) {
    const int64_t classes = output_shape().back();
    softmax(outputs, floats / classes, classes, outputs);
  } else {
    sigmoid(outputs, floats, outputs);
  }
}

float Model::temperature() const {
  const std::shared_lock<graph::ModelMutex> lock(state()->mutex);
  return state()->temperature;
}

void Model::set_temperature(float temperature) {
  if (!(temperature > 0) || !std::isfinite(temperature)) {
    throw std::invalid_argument("model: temperature is " + std::to_string(temperature) +
                                ", expected a finite number above 0");
  }
  if (temperature != 1 && !state()->uses_temperature()) {
    throw std::invalid_argument(
        "model: temperature is " + std::to_string(temperature) +
        ", expected 1: the model's outputs are probabilities already, or values");
  }
  const std::unique_lock<graph::ModelMutex> lock(state()->mutex);
  state()->temperature = temperature;
}

void Model::layer_outputs(const ImageBatch& images, float* const* outputs) const {
  std::vector<std::string> names;
  for (const graph::Node& node : state()->graph.nodes()) names.push_back(node.layer.name);
  layer_outputs(images, names, outputs);
}

void Model::layer_outputs(const ImageBatch& images, const std::vector<std::string>& names,
                          float* const* outputs) const {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  const ModelState& state = *this->state();
  std::vector<int> ids;
  for (const std::string& name : names) ids.push_back(id_of(state.graph, name));
  if (ids.empty()) return;
  check_batch(images, outputs, "layer_outputs");
  for (std::size_t i = 0; images.count > 0 && i < ids.size(); ++i)
    check_batch(images, outputs[i], "layer_outputs");
  const int end = *std::max_element(ids.begin(), ids.end()) + 1;
  const int threads = get_num_threads();
  const std::shared_lock<graph::ModelMutex> lock(state.mutex);
  const int64_t piece = state.piece_with_all_outputs();
  runtime::AlignedBuffer normalised;
  for (int64_t first = 0; first < images.count; first += piece) {
    const int64_t count = std::min(piece, images.count - first);
    const graph::Chain chain(state.graph, 0, end, count, {graph::Chain::Keep::everything});
    runtime::AlignedBuffer arena(chain.arena_floats()), scratch(chain.scratch_floats(threads));
    const graph::ChainArguments arguments{state.normalised(images, first, count, normalised),
                                          state.parameters.data(),
                                          state.buffers.data(),
                                          nullptr,
                                          arena.data(),
                                          scratch.data(),
                                          threads};
    chain.forward(arguments);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const int64_t size = element_count(state.graph.node(ids[i]).output_shape);
      std::copy_n(chain.output_of(ids[i], arguments), count * size, outputs[i] + first * size);
    }
  }
}

std::vector<float> Model::run(const ImageBatch& images) const {
  std::vector<float> outputs = new_outputs(images, output_shape(), "run");
  run(images, outputs.data());
  return outputs;
}

std::vector<float> Model::probabilities(const ImageBatch& images) const {
  std::vector<float> outputs = new_outputs(images, output_shape(), "probabilities");
  probabilities(images, outputs.data());
  return outputs;
}

void Model::warm_up(int64_t count) const {
  data::check_batch_size(count, "warm_up", "count");
  const std::vector<float> pixels = zeros(count, input_shape());
  const std::vector<float> outputs = run({pixels.data(), count});
}

int64_t Model::memory_bytes(int64_t count) const {
  data::check_batch_size(count, "memory_bytes", "count");
  const int threads = get_num_threads();
  const std::shared_lock<graph::ModelMutex> lock(state()->mutex);
  return state()->inference_floats(count, threads) * static_cast<int64_t>(sizeof(float));
}

const Shape& Model::input_shape() const { return state()->graph.input_shape(); }
const Shape& Model::output_shape() const { return state()->graph.output_shape(); }
const std::vector<InputInfo>& Model::inputs() const { return state()->inputs; }
const std::vector<std::string>& Model::classes() const { return state()->classes; }
const Preprocessing& Model::preprocessing() const { return state()->preprocessing; }
Probabilities Model::probability_kind() const { return state()->probabilities; }
void Model::set_probability_kind(Probabilities kind) {
  runtime::check_named("set_probability_kind: ", "kind", kind, kProbabilities);
  state()->probabilities = kind;
}

std::vector<Head> Model::heads() const {
  const std::shared_lock<graph::ModelMutex> lock(state()->mutex);
  return state()->heads;
}

void Model::set_heads(std::vector<Head> heads) {
  const std::unique_lock<graph::ModelMutex> lock(state()->mutex);
  state()->set_heads(std::move(heads));
}

const std::vector<ParameterInfo>& Model::parameters() const {
  return state()->graph.parameters().infos();
}
const std::vector<ParameterInfo>& Model::buffers() const {
  return state()->graph.buffers().infos();
}
std::vector<Layer> Model::layers() const {
  const std::shared_lock<graph::ModelMutex> lock(state()->mutex);
  return state()->layers();
}

std::vector<LayerInfo> Model::layer_infos() const {
  std::vector<LayerInfo> infos;
  for (const graph::Node& node : state()->graph.nodes()) {
    infos.push_back({node.layer.name, node.layer.kind, node.output_shape,
                     state()->graph.parameters().floats_of(node.parameters)});
  }
  return infos;
}

namespace {

void check_array(const graph::ArrayBlock& block, const ParameterInfo& array, const void* values,
                 const char* function) {
  const auto is_it = [&](const ParameterInfo& own) {
    return own.name == array.name && own.shape == array.shape && own.offset == array.offset;
  };
  if (std::none_of(block.infos().begin(), block.infos().end(), is_it)) {
    throw std::invalid_argument(std::string(function) + ": the model has no \"" + array.name +
                                "\" of shape " + to_string(array.shape) + " at offset " +
                                std::to_string(array.offset));
  }
  if (!values) throw std::invalid_argument(std::string(function) + ": values is a null pointer");
}

// One array of a block, under the model's lock.
void get(const ModelState& state, const runtime::AlignedBuffer& block, const ParameterInfo& array,
         float* values) {
  const std::shared_lock<graph::ModelMutex> lock(state.mutex);
  std::copy_n(block.data() + array.offset, element_count(array.shape), values);
}

void set(ModelState& state, runtime::AlignedBuffer& block, const ParameterInfo& array,
         const float* values) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  const std::unique_lock<graph::ModelMutex> lock(state.mutex);
  for (const graph::Int8Weight& each : graph::int8_weights(state.graph)) {
    const float* const scales = state.buffers.data() + each.scale.offset;
    if (each.weight.name == array.name) check_int8_values(each, values, scales);
    if (each.scale.name == array.name)
      rescale_int8_values(each, scales, values, state.parameters.data() + each.weight.offset);
  }
  std::copy_n(values, element_count(array.shape), block.data() + array.offset);
  state.parameters_changed();
}

}  // namespace

void Model::get_parameter(const ParameterInfo& parameter, float* values) const {
  check_array(state()->graph.parameters(), parameter, values, "get_parameter");
  get(*state(), state()->parameters, parameter, values);
}
void Model::set_parameter(const ParameterInfo& parameter, const float* values) {
  check_array(state()->graph.parameters(), parameter, values, "set_parameter");
  set(*state(), state()->parameters, parameter, values);
}
void Model::get_buffer(const ParameterInfo& buffer, float* values) const {
  check_array(state()->graph.buffers(), buffer, values, "get_buffer");
  get(*state(), state()->buffers, buffer, values);
}
void Model::set_buffer(const ParameterInfo& buffer, const float* values) {
  check_array(state()->graph.buffers(), buffer, values, "set_buffer");
  set(*state(), state()->buffers, buffer, values);
}

ComputeDtype Model::compute_dtype() const {
  const std::shared_lock<graph::ModelMutex> lock(state()->mutex);
  return state()->graph.compute_dtype();
}

void Model::set_compute_dtype(ComputeDtype dtype) {
  runtime::check_named("set_compute_dtype: ", "dtype", dtype, kComputeDtypes);
  const std::unique_lock<graph::ModelMutex> lock(state()->mutex);
  state()->set_compute_dtype(dtype);
}

void Model::set_trainable(const std::string& layer, bool trainable) {
  const std::unique_lock<graph::ModelMutex> lock(state()->mutex);
  state()->set_trainable(layer, trainable);
}

void Model::release() {
  const std::unique_lock<graph::ModelMutex> lock(state()->mutex);
  state()->release();
}

}  // namespace cnnx
