// The kinds of the layers that compute outputs, against their losses.
#include "training/raw_outputs.h"

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "cnnx/shape.h"
#include "graph/graph.h"

namespace cnnx::training {
namespace {

// The kind of the layer whose output a head is; empty for a range of another output, which is not
// the whole of an input of the Concat that ends the graph.
std::string kind_of_head(const graph::Graph& graph, const std::vector<Head>& heads,
                         std::size_t head) {
  const graph::Node& last = graph.nodes().back();
  if (last.layer.kind != "concat" || last.inputs.size() != heads.size()) return "";
  for (std::size_t i = 0; i < heads.size(); ++i) {
    if (element_count(last.input_shapes[i]) != element_count(heads[i].shape)) return "";
  }
  int id = last.inputs[head];
  while (id != graph::kGraphInput && graph.node(id).layer.kind == "flatten")
    id = graph.node(id).inputs.front();
  return id == graph::kGraphInput ? "" : graph.node(id).layer.kind;
}

}  // namespace

void check_outputs_are_raw(const graph::ModelState& model, const LossFunction& loss) {
  const std::vector<const LossTerm*> terms = loss.head_terms();
  const bool has_heads = loss.has_heads();
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const std::string kind = has_heads ? kind_of_head(model.graph, model.heads, i)
                                       : model.graph.nodes().back().layer.kind;
    if (!terms[i]->takes_logits() || (kind != "softmax" && kind != "sigmoid")) continue;
    const std::string output = has_heads ? "output \"" + model.heads[i].name + "\"" : "model";
    throw std::invalid_argument("trainer: the " + output + " ends in " + kind + ", but " +
                                terms[i]->name() +
                                " takes raw outputs and applies it itself: leave the last layer "
                                "out");
  }
}

}  // namespace cnnx::training
