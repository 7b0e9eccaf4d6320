// Creates and copies models, caches their plans, converts pixels to their input.
#include "graph/model_state.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <set>
#include <shared_mutex>
#include <stdexcept>

#include "data/pixels.h"
#include "graph/model_inputs.h"
#include "runtime/check_settings.h"
#include "runtime/philox.h"
#include "runtime/utf8.h"

namespace cnnx::graph {
namespace {

// Activations of one part of a batch in inference, in floats (32 MB): large enough to occupy every
// thread, small enough for any machine.
constexpr int64_t kPieceFloats = int64_t{8} << 20;
constexpr int64_t kMostImages = 256;

int64_t images_of(int64_t floats) {
  return std::clamp<int64_t>(kPieceFloats / floats, 1, kMostImages);
}

void check_classes(const std::vector<std::string>& classes, const Shape& output) {
  if (classes.empty()) return;
  const std::set<std::string> distinct(classes.begin(), classes.end());
  if (distinct.size() != classes.size()) {
    throw std::invalid_argument("model: classes has " + std::to_string(classes.size()) +
                                " names of which only " + std::to_string(distinct.size()) +
                                " differ");
  }
  for (const std::string& name : classes) {
    if (const std::size_t valid = runtime::valid_utf8_prefix(name); valid < name.size()) {
      throw std::invalid_argument("model: a class name is not UTF-8 from byte " +
                                  std::to_string(valid) + " on");
    }
  }
  // One output can distinguish two classes: its sigmoid is the probability of the second.
  // An output (height, width, classes) has a class for each position.
  const auto count = static_cast<int64_t>(classes.size());
  const bool one_output = output.size() == 1 && output[0] == 1 && count == 2;
  const bool per_image_or_position = output.size() == 1 || output.size() == 3;
  const bool fits = one_output || (per_image_or_position && output.back() == count);
  if (!fits) {
    throw std::invalid_argument("model: classes has " + std::to_string(classes.size()) +
                                " names, but the last layer's output has shape " +
                                to_string(output));
  }
}

// The memory of a model's arrays. Its std::bad_alloc names the layer with the most of them.
runtime::AlignedBuffer allocate(const char* kind, const ArrayBlock& arrays) {
  try {
    return runtime::AlignedBuffer(arrays.floats());
  } catch (const std::bad_alloc&) {
    const auto& infos = arrays.infos();
    const auto largest =
        std::max_element(infos.begin(), infos.end(), [](const auto& left, const auto& right) {
          return element_count(left.shape) < element_count(right.shape);
        });
    const auto bytes_of = [](int64_t floats) {
      return static_cast<uint64_t>(floats) * sizeof(float);
    };
    const uint64_t bytes = bytes_of(arrays.floats()), limit = runtime::memory_limit();
    throw runtime::OutOfMemory(
        std::string("model: its ") + kind + " take " + std::to_string(bytes) + " bytes, " +
        largest->name + " alone " + std::to_string(bytes_of(element_count(largest->shape))) +
        (bytes > limit ? ", expected at most the memory, " + std::to_string(limit) + " bytes"
                       : ", more than the system has left"));
  }
}

// Refuses images of `size` (height, width) for which an array would have another shape.
void check_same_arrays(const ArrayBlock& own, const ArrayBlock& needed, const Shape& size) {
  for (std::size_t i = 0; i < own.infos().size(); ++i) {
    const ParameterInfo& has = own.infos()[i];
    if (has.shape == needed.infos()[i].shape) continue;
    const std::size_t dot = has.name.rfind('.');
    throw std::invalid_argument(
        "layer " + has.name.substr(0, dot) + ": its " + has.name.substr(dot + 1) + " has shape " +
        to_string(has.shape) + ", but images of " + to_string(size) + " need " +
        to_string(needed.infos()[i].shape) +
        ", expected a layer for images of any size, such as GlobalAvgPool2d instead of Flatten");
  }
}

}  // namespace

ModelState::ModelState(Graph own, std::vector<std::string> class_names, Preprocessing how)
    : graph(std::move(own)),
      inputs(inputs_of(graph)),
      classes(std::move(class_names)),
      preprocessing(std::move(how)),
      parameters(allocate("parameters", graph.parameters())),
      buffers(allocate("buffers", graph.buffers())) {
  check_classes(classes, graph.output_shape());
  validate(preprocessing, graph.input_shape()[2]);
  const std::string& last = graph.nodes().back().layer.kind;
  if (last == "softmax" || last == "sigmoid") probabilities = Probabilities::outputs;
  for (std::size_t i = 0; i < graph.buffers().infos().size(); ++i) {
    const ParameterInfo& buffer = graph.buffers().infos()[i];
    std::fill_n(buffers.data() + buffer.offset, element_count(buffer.shape),
                graph.buffers().specs()[i].initial);
  }
}

void ModelState::draw_parameters(uint64_t seed, const std::vector<std::string>& given) {
  std::set<std::string> undrawn(given.begin(), given.end());
  const std::vector<ops::ParameterSpec>& specs = graph.parameters().specs();
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const ParameterInfo& parameter = graph.parameters().infos()[i];
    if (undrawn.erase(parameter.name) > 0) continue;
    const int64_t fan_in = specs[i].fan_in;
    float* values = parameters.data() + parameter.offset;
    const int64_t count = element_count(parameter.shape);
    if (fan_in == 0) {
      std::fill_n(values, count, specs[i].initial);
      continue;
    }
    // He, Zhang, Ren, Sun: Delving Deep into Rectifiers, 2015; the uniform form.
    const float bound = static_cast<float>(std::sqrt(6.0 / static_cast<double>(fan_in)));
    const runtime::Philox random(seed, runtime::Stream::initialise, i);
    for (int64_t j = 0; j < count; ++j) {
      values[j] = (2.0f * random.uniform(static_cast<uint64_t>(j)) - 1.0f) * bound;
    }
  }
  if (!undrawn.empty()) {
    throw std::invalid_argument("model: given_parameters holds " + *undrawn.begin() +
                                ", expected names of the model's parameters");
  }
}

std::shared_ptr<ModelState> ModelState::clone() const {
  const std::shared_lock<ModelMutex> lock(mutex);
  return copy();
}

std::shared_ptr<ModelState> ModelState::copy() const {
  return copy_with(Graph(layers(), graph.input_shape()));
}

std::shared_ptr<ModelState> ModelState::resized(int64_t height, int64_t width) const {
  refuse_several_inputs(inputs, "resized");
  const std::shared_lock<ModelMutex> lock(mutex);
  try {
    Graph other(layers(), {height, width, graph.input_shape()[2]});
    check_same_arrays(graph.parameters(), other.parameters(), {height, width});
    check_same_arrays(graph.buffers(), other.buffers(), {height, width});
    return copy_with(std::move(other));
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(std::string("resized: ") + error.what());
  }
}

std::vector<Head> ModelState::heads_in(const Graph& other) const {
  std::vector<Head> found = heads;
  if (other.output_shape() == graph.output_shape()) return found;
  // Heads of maps have other shapes in other images: those of what is flattened and concatenated.
  const Node& last = other.nodes().back();
  const auto is_flat = [&](int id) { return id >= 0 && other.node(id).layer.kind == "flatten"; };
  const bool is_known = last.layer.kind == "concat" && last.inputs.size() == found.size() &&
                        std::all_of(last.inputs.begin(), last.inputs.end(), is_flat);
  if (!found.empty() && !is_known) {
    throw std::invalid_argument("the shapes of its outputs are not known for other images");
  }
  for (std::size_t k = 0; k < found.size(); ++k)
    found[k].shape = other.node(last.inputs[k]).input_shapes.front();
  return found;
}

std::shared_ptr<ModelState> ModelState::copy_with(Graph other) const {
  other.set_compute_dtype(graph.compute_dtype());
  auto copy = std::make_shared<ModelState>(std::move(other), classes, preprocessing);
  copy->probabilities = probabilities.load();
  copy->temperature = temperature;
  copy->set_heads(heads_in(copy->graph));
  copy->metadata = metadata;
  std::copy_n(parameters.data(), graph.parameters().floats(), copy->parameters.data());
  std::copy_n(buffers.data(), graph.buffers().floats(), copy->buffers.data());
  return copy;
}

void ModelState::set_compute_dtype(ComputeDtype dtype) {
  if (dtype == graph.compute_dtype()) return;
  for (const Node& node : graph.nodes()) {
    const auto int8 = node.layer.settings.find("int8_weight");
    if (!node.op->quantization() &&
        (int8 == node.layer.settings.end() || !std::get<bool>(int8->second)))
      continue;
    throw std::invalid_argument("model: compute_dtype is bfloat16, but layer " + node.layer.name +
                                " is quantized, expected float32 or a model before quantize");
  }
  graph.set_compute_dtype(dtype);
  release();
}

void ModelState::set_trainable(const std::string& layer, bool trainable) {
  const std::optional<int> id = graph.find(layer);
  if (!id || *id == kGraphInput)
    throw std::invalid_argument("model: no layer is named \"" + layer + "\"");
  graph.set_trainable(*id, trainable);
  training_plans_.clear();
}

void ModelState::set_heads(std::vector<Head> given) {
  std::set<std::string> names;
  int64_t offset = 0;
  for (Head& head : given) {
    const int64_t size = element_count(head.shape);
    if (head.name.empty() || size < 1 || !names.insert(head.name).second) {
      throw std::invalid_argument("model: heads has \"" + head.name + "\" of shape " +
                                  to_string(head.shape) +
                                  ", expected different names and at least one number each");
    }
    // A class for each of several positions, or for the image.
    if (head.shape.size() != 1 && head.shape.size() != 3) {
      throw std::invalid_argument("model: heads has \"" + head.name + "\" of shape " +
                                  to_string(head.shape) +
                                  ", expected (numbers) or (height, width, channels)");
    }
    runtime::check_named("model: ", "probabilities of \"" + head.name + "\"", head.probabilities,
                         kProbabilities);
    head.offset = offset;
    offset += size;
    if (offset > element_count(graph.output_shape())) break;
  }
  if (!given.empty() && graph.output_shape() != Shape{offset}) {
    throw std::invalid_argument("model: heads has " + std::to_string(offset) +
                                " numbers, but the output has shape " +
                                to_string(graph.output_shape()));
  }
  if (!given.empty() && !classes.empty()) {
    throw std::invalid_argument("model: classes has " + std::to_string(classes.size()) +
                                " names, expected none in a model with several outputs");
  }
  heads = std::move(given);
}

int64_t ModelState::inference_floats(int64_t images, int threads) const {
  const int64_t batch = std::min(images, piece(threads));
  const auto plan = inference_plan(batch, threads);
  return own_floats() + plan->packed_floats() + plan->arena_floats() + plan->scratch_floats() +
         batch * element_count(graph.input_shape());
}

const float* ModelState::packed(const InferencePlan& plan) const {
  if (const float* current = current_packed_) return current;
  return packed_.use([&](runtime::AlignedBuffer& buffer) -> const float* {
    if (const float* current = current_packed_) return current;
    if (buffer.size() < plan.packed_floats()) buffer = runtime::AlignedBuffer(plan.packed_floats());
    plan.pack_weights(parameters.data(), buffers.data(), buffer.data());
    const runtime::ForkPause pause;  // a child sees all packed weights, or that they are not
    current_packed_ = buffer.data();
    return buffer.data();
  });
}

void ModelState::release() {
  inference_plans_.clear();
  training_plans_.clear();
  inference_memory_.clear();
  training_memory_.clear();
  parameters_changed();
  packed_.use([](runtime::AlignedBuffer& buffer) { buffer = runtime::AlignedBuffer(); });
}

int64_t ModelState::piece() const {
  int64_t most = element_count(graph.input_shape());
  for (const Node& node : graph.nodes()) most = std::max(most, element_count(node.output_shape));
  return images_of(2 * most);
}

int64_t ModelState::piece(int threads) const {
  const int64_t sharing = piece();
  if (sharing < threads) return sharing;
  if (whole_batch_floats_ == 0) whole_batch_floats_ = whole_batch_floats(graph);
  const int64_t images = std::max(sharing, images_of(whole_batch_floats_));
  return images - images % threads;
}

int64_t ModelState::piece_with_all_outputs() const {
  int64_t total = element_count(graph.input_shape());
  for (const Node& node : graph.nodes()) total += element_count(node.output_shape);
  return images_of(total);
}

const float* ModelState::normalised(const ImageBatch& images, int64_t first, int64_t count,
                                    runtime::AlignedBuffer& storage) const {
  const int64_t size = element_count(graph.input_shape());
  const int64_t channels = graph.input_shape()[2];
  const bool divide = data::divides_by_255(images);
  if (!divide && is_identity(preprocessing)) {
    return static_cast<const float*>(images.pixels) + first * size;
  }
  if (storage.size() < count * size) storage = runtime::AlignedBuffer(count * size);
  const int64_t pixels = count * (size / channels);
  if (images.type == PixelType::uint8) {
    data::normalise_pixels(static_cast<const uint8_t*>(images.pixels) + first * size, pixels,
                           channels, preprocessing, divide, storage.data());
  } else {
    data::normalise_pixels(static_cast<const float*>(images.pixels) + first * size, pixels,
                           channels, preprocessing, divide, storage.data());
  }
  return storage.data();
}

std::vector<Layer> ModelState::layers() const {
  std::vector<Layer> layers;
  for (const Node& node : graph.nodes()) layers.push_back(node.layer);
  return layers;
}

}  // namespace cnnx::graph
