// Writing: the tensors and the metadata of a model; model_file.cpp describes and reads them.
#include <stdexcept>

#include "graph/int8_weights.h"
#include "io/checksums.h"
#include "io/json.h"
#include "io/model_file.h"
#include "ops/quantized_layer.h"
#include "runtime/sizes.h"

namespace cnnx::io {
namespace {

std::string tensor_of_setting(const Layer& layer, const std::string& setting) {
  return layer.name + "." + setting;
}

Json json_of(const Setting& setting) {
  if (const bool* flag = std::get_if<bool>(&setting)) return Json(*flag);
  if (const int64_t* number = std::get_if<int64_t>(&setting)) return Json(*number);
  if (const std::string* text = std::get_if<std::string>(&setting)) return Json(*text);
  return Json::array(std::get<std::vector<int64_t>>(setting));
}

Json json_of_heads(const graph::ModelState& model) {
  Json heads = Json::array();
  for (const Head& head : model.heads) {
    Json each = Json::object();
    each.set("name", head.name);
    each.set("shape", Json::array(head.shape));
    each.set("probabilities", name_of(kProbabilities, head.probabilities));
    heads.append(std::move(each));
  }
  return heads;
}

Json json_of_graph(const graph::ModelState& model) {
  Json nodes = Json::array();
  for (const graph::Node& node : model.graph.nodes()) {
    Json each = Json::object();
    each.set("name", node.layer.name);
    each.set("kind", node.layer.kind);
    each.set("inputs", Json::array(node.layer.inputs));
    if (!node.layer.trainable) each.set("trainable", Json(false));
    for (const auto& [name, setting] : node.layer.settings) {
      if (!std::holds_alternative<float>(setting)) each.set(name, json_of(setting));
    }
    nodes.append(std::move(each));
  }
  Json json = Json::object();
  json.set("input_shape", Json::array(model.graph.input_shape()));
  json.set("nodes", std::move(nodes));
  json.set("output", model.graph.nodes().back().layer.name);
  // A file in float32 has none, so earlier versions read it.
  if (model.graph.compute_dtype() != ComputeDtype::float32)
    json.set("compute_dtype", name_of(kComputeDtypes, model.graph.compute_dtype()));
  if (!model.heads.empty()) json.set("heads", json_of_heads(model));
  json.set("probabilities", name_of(kProbabilities, model.probabilities.load()));
  return json;
}

}  // namespace

void append_arrays(const graph::ArrayBlock& arrays, const float* block, const std::string& prefix,
                   std::vector<Tensor>& tensors) {
  for (const ParameterInfo& array : arrays.infos())
    tensors.push_back({prefix + array.name, DType::f32, array.shape, block + array.offset});
}

namespace {

std::vector<int8_t> int8_values(const graph::ModelState& model, const graph::Int8Weight& array) {
  std::vector<int8_t> values(runtime::checked_size<int8_t>(element_count(array.weight.shape)));
  const float* const weights = model.parameters.data() + array.weight.offset;
  const float* const scales = model.buffers.data() + array.scale.offset;
  const auto columns = static_cast<std::size_t>(array.scale.shape[0]);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = ops::quantized_weight(weights[i], scales[i % columns]);
  return values;
}

}  // namespace

// The functions of a program.
void refuse_custom_layers(const graph::ModelState& model) {
  for (const graph::Node& node : model.graph.nodes()) {
    if (!node.layer.custom) continue;
    throw std::invalid_argument("model: layer " + node.layer.name +
                                " is computed by functions of the program, which a file cannot "
                                "hold, expected a kind of layer that the program registers "
                                "(cnnx/custom_layer.h)");
  }
}

FileContent content_of(const graph::ModelState& model) {
  refuse_custom_layers(model);
  std::vector<Tensor> tensors;
  std::vector<std::vector<int8_t>> int8_arrays;
  append_arrays(model.graph.parameters(), model.parameters.data(), "", tensors);
  for (const graph::Int8Weight& each : graph::int8_weights(model.graph)) {
    int8_arrays.push_back(int8_values(model, each));
    tensors[each.index].dtype = DType::i8;
    tensors[each.index].data = int8_arrays.back().data();
  }
  append_arrays(model.graph.buffers(), model.buffers.data(), "", tensors);
  for (const graph::Node& node : model.graph.nodes()) {
    for (const auto& [name, setting] : node.layer.settings) {
      if (const float* number = std::get_if<float>(&setting)) {
        tensors.push_back({tensor_of_setting(node.layer, name), DType::f32, {}, number});
      }
    }
  }
  const Preprocessing& how = model.preprocessing;
  const auto count = [](const std::vector<float>& values) {
    return static_cast<int64_t>(values.size());
  };
  tensors.push_back({"preprocessing.mean", DType::f32, {count(how.mean)}, how.mean.data()});
  tensors.push_back({"preprocessing.std", DType::f32, {count(how.std)}, how.std.data()});
  if (model.temperature != 1 && model.uses_temperature())
    tensors.push_back({kTemperature, DType::f32, {}, &model.temperature});
  Json preprocessing = Json::object();
  preprocessing.set("resize", name_of(kResizes, how.resize));
  Metadata metadata = {{"cnnx.format", kFormat},
                       {"cnnx.graph", json_of_graph(model).dump()},
                       {"cnnx.preprocessing", preprocessing.dump()},
                       {"cnnx.classes", Json::array(model.classes).dump()}};
  metadata.insert(model.metadata.begin(), model.metadata.end());
  return {std::move(tensors), std::move(metadata), std::move(int8_arrays)};
}

void add_checksums(FileContent& content) {
  content.metadata[kChecksumsKey] = checksums_text(content.tensors, content.metadata);
}

}  // namespace cnnx::io
