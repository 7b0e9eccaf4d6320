// Model files that demand as much of a reader as their format allows, as bytes in memory.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "graph/model_state.h"
#include "io/model_file.h"
#include "io/safetensors.h"

namespace cnnx::test {

// A file whose graph is this JSON text, valid or not.
inline std::vector<std::byte> model_of(const std::string& graph,
                                       std::vector<io::Tensor> tensors = {},
                                       const std::string& classes = "[]") {
  static const float zero = 0, one = 1;
  tensors.push_back({"preprocessing.mean", io::DType::f32, {1}, &zero});
  tensors.push_back({"preprocessing.std", io::DType::f32, {1}, &one});
  return io::safetensors_bytes(tensors,
                               {{"cnnx.format", "1"},
                                {"cnnx.graph", graph},
                                {"cnnx.preprocessing", R"({"resize":"stretch"})"},
                                {"cnnx.classes", classes}},
                               "m.cnnx");
}

inline std::string node(const std::string& name, const std::string& input,
                        const std::string& settings = R"("kind":"relu")") {
  return R"({"name":")" + name + R"(","inputs":[")" + input + R"("],)" + settings + "}";
}

inline std::string graph_of(const std::string& nodes, const std::string& output) {
  return R"({"input_shape":[1,1,1],"nodes":[)" + nodes + R"(],"output":")" + output +
         R"(","probabilities":"outputs"})";
}

// A name of `length` characters, unique for each number.
inline std::string long_name(int number, std::size_t length) {
  const std::string digits = std::to_string(number);
  return std::string(length - digits.size(), 'n') + digits;
}

// `count` layers, each with a name of `length` characters, each reading the layer before.
inline std::string long_chain(int count, std::size_t length) {
  std::string nodes, input = "input";
  for (int number = 0; number < count; ++number) {
    const std::string name = long_name(number, length);
    nodes += (number > 0 ? "," : "") + node(name, input);
    input = name;
  }
  return graph_of(nodes, input);
}

inline std::shared_ptr<graph::ModelState> read_model(const std::vector<std::byte>& bytes) {
  return io::read_model(io::SafetensorsFile::from_bytes(bytes.data(), bytes.size(), "m.cnnx"));
}

}  // namespace cnnx::test
