// The model file, version 1: one safetensors file. Its metadata holds, as JSON texts,
//
//   cnnx.format         "1"
//   cnnx.graph          {"input_shape": [28, 28, 1],
//                        "nodes": [{"name", "kind", "inputs": [names of nodes before, or "input"],
//                                   "trainable": only where false, settings...}],
//                        "output": name,
//                        "compute_dtype": "bfloat16"; missing in float32,
//                        "heads": [{"name", "shape", "probabilities"}]; missing with one output,
//                        "probabilities": "softmax" | "sigmoid" | "outputs" | "none"}
//   cnnx.preprocessing  {"resize": "stretch" | "fit" | "crop"}
//   cnnx.classes        ["X", "O"]
//   cnnx.checksums      those of checksums.h; a file of an earlier version has none
//   any other name      Model::metadata
//
// Its tensors are every parameter and every buffer under its name, every real-valued setting as
// <layer>.<setting>, and preprocessing.mean and preprocessing.std: real numbers are bits, never
// text.
#include "io/model_file.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <stdexcept>

#include "cnnx/error.h"
#include "cnnx/model.h"
#include "graph/int8_weights.h"
#include "graph/model_state.h"
#include "io/checksums.h"
#include "io/json.h"
#include "io/json_view.h"
#include "io/safetensors.h"
#include "io/text.h"
#include "ops/registry.h"
#include "runtime/floating_point.h"
#include "runtime/sizes.h"
#include "runtime/utf8.h"

namespace cnnx {
namespace io {
namespace {

template <class Value, std::size_t count>
Value value_of(const NamedValue<Value> (&values)[count], const JsonView& view) {
  Value value;
  if (find_value(values, view.string(), value)) return value;
  std::string known;
  for (const std::string& name : names(values))
    known += (known.empty() ? "" : ", ") + in_quotes(name);
  view.fail("unknown word " + in_quotes(view.string()) + ", expected one of " + known);
}

// Whether metadata of this name is cnnx's own; the rest is the user's.
bool is_own(const std::string& name) { return name.rfind("cnnx.", 0) == 0; }

// Each function reads its part and records the tensors that it used.
class ModelReader {
 public:
  explicit ModelReader(SafetensorsFile& file) : file_(file) {
    if (file.metadata().count(kCheckpointPrefix) == 0) return;
    for (const StoredTensor* tensor : file.beginning_with(std::string(kCheckpointPrefix) + "."))
      checkpoint_.insert(tensor->name);
  }

  std::shared_ptr<graph::ModelState> read() {
    check_format();
    file_.expect_checksums();
    Described described = read_description();
    std::vector<std::string> classes = read_classes();
    Preprocessing preprocessing = read_preprocessing();
    std::shared_ptr<graph::ModelState> model;
    try {
      graph::Graph graph(std::move(described.layers), described.input_shape);
      check_parameters(graph);
      model = std::make_shared<graph::ModelState>(std::move(graph), std::move(classes),
                                                  std::move(preprocessing));
      model->set_compute_dtype(described.compute_dtype);
      model->set_heads(std::move(described.heads));
    } catch (const FormatError&) {
      throw;
    } catch (const std::invalid_argument& error) {
      throw FormatError(file_.name() + ": " + in_one_line(error.what()));
    }
    model->probabilities = described.probabilities;
    read_temperature(*model);
    read_parameters(*model);
    for (const auto& [name, text] : file_.metadata()) {
      if (!is_own(name)) model->metadata[name] = text;
    }
    return model;
  }

 private:
  // The content of cnnx.graph, the real numbers included.
  struct Described {
    std::vector<Layer> layers;
    Shape input_shape;
    Probabilities probabilities;
    ComputeDtype compute_dtype;
    std::vector<Head> heads;
  };

  std::string name_of(const char* key) const { return file_.name() + ": " + key; }

  const std::string& text(const char* key) const {
    const auto found = file_.metadata().find(key);
    if (found == file_.metadata().end()) {
      throw FormatError(file_.name() +
                        ": is a safetensors file, but no cnnx model: its metadata has no " + key);
    }
    return found->second;
  }

  Json parse(const char* key) const { return Json::parse(text(key), name_of(key)); }

  void check_format() const {
    const std::string& format = text("cnnx.format");
    if (format != kFormat) {
      throw FormatError(file_.name() + ": has cnnx format " + in_quotes(format) +
                        ", but this version of cnnx reads \"" + kFormat + "\" only");
    }
  }

  // Copies the tensor of this name and shape to `values`.
  void read_floats(const std::string& name, const Shape& shape, float* values) {
    file_.read(file_.at(name, DType::f32, shape), values);
    used_.insert(name);
  }

  // Separate, so that its JSON is freed before the graph allocates memory.
  Described read_description() {
    const Json json = parse("cnnx.graph");
    const JsonView graph(json, name_of("cnnx.graph"));
    graph.allow_only({"input_shape", "nodes", "output", "compute_dtype", "heads", "probabilities"});
    const std::optional<JsonView> dtype = graph.find("compute_dtype");
    return {read_layers(graph), graph.at("input_shape").integers(3),
            value_of(kProbabilities, graph.at("probabilities")),
            dtype ? value_of(kComputeDtypes, *dtype) : ComputeDtype::float32, read_heads(graph)};
  }

  static std::vector<Head> read_heads(const JsonView& graph) {
    std::vector<Head> heads;
    const std::optional<JsonView> given = graph.find("heads");
    if (!given) return heads;
    given->for_each_element([&](const JsonView& each) {
      each.allow_only({"name", "shape", "probabilities"});
      heads.push_back({each.at("name").string(), each.at("shape").integers(), 0,
                       value_of(kProbabilities, each.at("probabilities"))});
    });
    if (heads.empty()) given->fail("is empty");
    return heads;
  }

  std::vector<std::string> read_classes() const {
    const Json json = parse("cnnx.classes");
    return JsonView(json, name_of("cnnx.classes")).strings();
  }

  std::vector<Layer> read_layers(const JsonView& graph) {
    std::vector<Layer> layers;
    graph.at("nodes").for_each_element([&](const JsonView& node) {
      Layer layer;
      layer.name = node.at("name").string();
      layer.kind = node.at("kind").string();
      if (layer.name.empty()) node.at("name").fail("is empty");
      layer.inputs = node.at("inputs").strings();
      if (layer.inputs.empty()) node.at("inputs").fail("is empty");
      node.for_each_member([&](const std::string& name, const JsonView& member) {
        if (name == "name" || name == "kind" || name == "inputs") return;
        if (name == "trainable") {
          layer.trainable = member.boolean();
        } else {
          layer.settings[name] = read_setting(member);
        }
      });
      read_real_settings(layer);
      for (const auto& [name, value] : layer.settings) {
        if (!is_saved(layer.kind, name))
          node.fail("has a setting " + in_quotes(name) + ", which no file holds");
      }
      layers.push_back(std::move(layer));
    });
    const std::string last = layers.empty() ? "" : layers.back().name;
    if (graph.at("output").string() != last)
      graph.at("output").fail("expected " + in_quotes(last) + ", the last node");
    return layers;
  }

  // The graph refuses settings that the kind does not have.
  static bool is_saved(const std::string& kind, const std::string& name) {
    const LayerKind* known = ops::find_layer_kind(kind);
    if (!known) return true;
    const auto& settings = known->settings;
    return std::none_of(settings.begin(), settings.end(), [&](const SettingInfo& setting) {
      return name == setting.name && !setting.saved;
    });
  }

  static Setting read_setting(const JsonView& view) {
    if (view.is_boolean()) return view.boolean();
    if (view.is_integer()) return view.integer();
    if (view.is_string()) return view.string();
    return view.integers();
  }

  // Settings that are real numbers: scalar tensors named after the layer.
  void read_real_settings(Layer& layer) {
    const std::string prefix = layer.name + ".";
    for (const StoredTensor* tensor : file_.beginning_with(prefix)) {
      if (!tensor->shape.empty() || checkpoint_.count(tensor->name) > 0) continue;
      const std::string name = tensor->name.substr(prefix.size());
      // A dot: it belongs to a layer whose name begins with this one's.
      if (name.find('.') != std::string::npos) continue;
      float value;
      read_floats(tensor->name, {}, &value);
      if (!layer.settings.emplace(name, value).second) {
        throw FormatError(file_.name() + ": tensor " + in_quotes(tensor->name) +
                          ": the graph holds this setting too");
      }
    }
  }

  Preprocessing read_preprocessing() {
    const Json json = parse("cnnx.preprocessing");
    const JsonView view(json, name_of("cnnx.preprocessing"));
    view.allow_only({"resize"});
    Preprocessing how;
    how.resize = value_of(kResizes, view.at("resize"));
    how.mean = read_statistic("preprocessing.mean");
    how.std = read_statistic("preprocessing.std");
    return how;
  }

  std::vector<float> read_statistic(const char* name) {
    const StoredTensor* tensor = file_.find(name);
    if (!tensor || tensor->shape.size() != 1) {
      throw FormatError(file_.name() + ": tensor \"" + name +
                        "\": expected a list of numbers, one per channel");
    }
    const Shape& shape = file_.at(name, DType::f32, tensor->shape).shape;
    std::vector<float> values(runtime::checked_size(shape[0]));
    read_floats(name, shape, values.data());
    return values;
  }

  // Missing if it is 1, as before there was one.
  void read_temperature(graph::ModelState& model) {
    if (!model.uses_temperature() || !file_.find(kTemperature)) return;
    read_floats(kTemperature, {}, &model.temperature);
    if (!(model.temperature > 0) || !std::isfinite(model.temperature)) {
      throw FormatError(file_.name() + ": tensor \"" + kTemperature + "\": holds " +
                        std::to_string(model.temperature) + ", expected a finite number above 0");
    }
  }

  // Before the model allocates its parameters: a small file cannot declare a large model.
  void check_parameters(const cnnx::graph::Graph& graph) const {
    for (const cnnx::graph::ArrayBlock* arrays : {&graph.parameters(), &graph.buffers()}) {
      for (std::size_t i = 0; i < arrays->infos().size(); ++i) {
        const ParameterInfo& array = arrays->infos()[i];
        file_.at(array.name, arrays->specs()[i].int8 ? DType::i8 : DType::f32, array.shape);
      }
    }
  }

  void read_arrays(const graph::ArrayBlock& arrays, runtime::AlignedBuffer& block) {
    for (std::size_t i = 0; i < arrays.infos().size(); ++i) {
      const ParameterInfo& array = arrays.infos()[i];
      if (!arrays.specs()[i].int8)
        read_floats(array.name, array.shape, block.data() + array.offset);
    }
  }

  void read_int8_array(graph::ModelState& model, const graph::Int8Weight& array) {
    const ParameterInfo& weight = array.weight;
    std::vector<int8_t> values(runtime::checked_size<int8_t>(element_count(weight.shape)));
    file_.read(file_.at(weight.name, DType::i8, weight.shape), values.data());
    used_.insert(weight.name);
    const float* const scales = model.buffers.data() + array.scale.offset;
    const auto columns = static_cast<std::size_t>(array.scale.shape[0]);
    for (std::size_t c = 0; c < columns; ++c) {
      if (scales[c] > 0 && std::isfinite(scales[c])) continue;
      throw FormatError(file_.name() + ": tensor " + in_quotes(array.scale.name) + ": holds " +
                        std::to_string(scales[c]) + ", expected finite numbers above 0");
    }
    float* const weights = model.parameters.data() + weight.offset;
    for (std::size_t i = 0; i < values.size(); ++i) weights[i] = values[i] * scales[i % columns];
  }

  void read_parameters(graph::ModelState& model) {
    read_arrays(model.graph.parameters(), model.parameters);
    read_arrays(model.graph.buffers(), model.buffers);
    for (const graph::Int8Weight& each : graph::int8_weights(model.graph))
      read_int8_array(model, each);
    const std::size_t count = file_.tensors().size() - checkpoint_.size();
    if (used_.size() != count) {
      throw FormatError(file_.name() + ": has " + std::to_string(count) +
                        " tensors, but its graph uses " + std::to_string(used_.size()));
    }
  }

  SafetensorsFile& file_;
  std::set<std::string> used_;        // names of the tensors that this version knows
  std::set<std::string> checkpoint_;  // names of the checkpoint's tensors, which the model ignores
};

}  // namespace

std::shared_ptr<graph::ModelState> read_model(SafetensorsFile& file) {
  return ModelReader(file).read();
}

}  // namespace io

std::map<std::string, std::string> Model::metadata() const {
  const std::shared_lock<graph::ModelMutex> lock(state()->mutex);
  return state()->metadata;
}

void Model::set_metadata(const std::map<std::string, std::string>& metadata) {
  constexpr std::size_t kMostBytes = std::size_t{1} << 20;
  std::size_t bytes = 0;
  for (const auto& [name, text] : metadata) {
    const std::string what = "set_metadata: the name " + io::in_quotes(name);
    if (name.empty()) throw std::invalid_argument("set_metadata: a name is empty");
    if (io::is_own(name))
      throw std::invalid_argument(what + " begins with \"cnnx.\", expected one of your own");
    if (runtime::valid_utf8_prefix(name) < name.size() ||
        runtime::valid_utf8_prefix(text) < text.size())
      throw std::invalid_argument(what + " or its text is not UTF-8");
    bytes += name.size() + text.size();
  }
  if (bytes > kMostBytes) {
    throw std::invalid_argument("set_metadata: the texts have " + std::to_string(bytes) +
                                " bytes, expected at most " + std::to_string(kMostBytes));
  }
  const std::unique_lock<graph::ModelMutex> lock(state()->mutex);
  state()->metadata = metadata;
}

void Model::save(const std::string& path) const {
  const std::shared_lock<graph::ModelMutex> lock(state()->mutex);
  io::FileContent content = io::content_of(*state());
  io::add_checksums(content);
  io::write_safetensors(io::path_of(path, "cannot write"), content.tensors, content.metadata);
}

std::vector<std::byte> Model::to_bytes() const {
  const std::shared_lock<graph::ModelMutex> lock(state()->mutex);
  io::FileContent content = io::content_of(*state());
  io::add_checksums(content);
  return io::safetensors_bytes(content.tensors, content.metadata, "model");
}

Model Model::load(const std::string& path) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  return Model(io::read_model(io::SafetensorsFile::open(io::path_of(path, "cannot read"))));
}

Model Model::from_bytes(const void* bytes, std::size_t size, const std::string& name) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  if (!bytes) throw std::invalid_argument("from_bytes: bytes is a null pointer");
  return Model(io::read_model(io::SafetensorsFile::from_bytes(bytes, size, name)));
}

}  // namespace cnnx
