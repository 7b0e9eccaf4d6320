// Names layers and expands blocks: in a branch each layer reads the one before, its first layer
// reads the block's input, and one more layer merges the branches.
#include "graph/blocks.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace cnnx::graph {
namespace {

using Branches = std::vector<std::vector<Layer>>;

constexpr std::string_view kReserved = "cnnx.";  // prefix of names in a file that are no layer's

constexpr std::size_t kLongestName = 100;

std::string shortened(const std::string& name) {
  return name.size() > kLongestName ? name.substr(0, kLongestName) + "..." : name;
}

[[noreturn]] void refuse(const Layer& layer, const std::string& what) {
  throw std::invalid_argument("layer " + shortened(layer.name) + ": " + what);
}

// Names become keys of a file and of a dictionary, and words of an error.
void check_name(const std::string& name) {
  const bool good = !name.empty() && name.size() <= kLongestName &&
                    std::all_of(name.begin(), name.end(), [](unsigned char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
                    });
  if (!good) {
    throw std::invalid_argument(
        "model: layer name \"" + shortened(name) +
        "\" must be 1 to 100 letters, digits, underscores, hyphens or dots");
  }
  if (name == kInputName)
    throw std::invalid_argument("model: no layer may be named \"input\": that is the image itself");
  if (name.compare(0, kReserved.size(), kReserved) == 0) {
    throw std::invalid_argument("model: layer name \"" + name +
                                "\" begins with \"cnnx.\", which files keep for themselves");
  }
}

void take_name(const std::string& name, std::set<std::string>& taken) {
  check_name(name);
  if (!taken.insert(name).second)
    throw std::invalid_argument("model: two layers are named \"" + name + "\"");
}

// Fills in the names of adjacent layers: the user's own, or kind and ordinal, skipping names
// already taken.
void fill_in_names(std::vector<Layer>& layers) {
  std::set<std::string> taken;
  for (const Layer& layer : layers) {
    if (!layer.name.empty()) take_name(layer.name, taken);
  }
  std::map<std::string, int> ordinals;
  for (Layer& layer : layers) {
    if (!layer.name.empty()) continue;
    do {
      layer.name = layer.kind + "_" + std::to_string(++ordinals[layer.kind]);
    } while (!taken.insert(layer.name).second);
  }
}

bool is_residual(const Layer& layer) { return layer.kind == "residual"; }
bool is_block(const Layer& layer) { return is_residual(layer) || layer.kind == "parallel"; }

// The kind of the layer that merges a block's branches.
std::string merge_of(const Layer& block) {
  if (is_residual(block)) return "add";
  const auto found = block.settings.find("merge");
  const auto* merge =
      found == block.settings.end() ? nullptr : std::get_if<std::string>(&found->second);
  if (!merge || (*merge != "concat" && *merge != "add"))
    refuse(block, R"(parallel: merge is missing or wrong, expected "concat" or "add")");
  return *merge;
}

// The names that a user gives are checked before, so a long one is that of nested blocks.
void check_length(const Layer& layer) {
  if (layer.name.size() <= kLongestName) return;
  refuse(layer,
         "its name with those of the blocks around it has " + std::to_string(layer.name.size()) +
             " characters, expected at most 100: nest fewer blocks or give them short names");
}

void check_block(const Layer& block) {
  if (block.inputs.size() != 1) {
    refuse(block,
           block.kind + ": has " + std::to_string(block.inputs.size()) + " inputs, expected one");
  }
  const Branches& branches = block.branches;
  if (is_residual(block) && (branches.empty() || branches[0].empty()))
    refuse(block, "residual: body is empty, expected at least one layer");
  if (is_residual(block) && branches.size() > 2) {
    refuse(block, "residual: has " + std::to_string(branches.size()) +
                      " branches, expected a body and a shortcut");
  }
  if (!is_residual(block) && branches.size() < 2) {
    refuse(block, "parallel: branches has " + std::to_string(branches.size()) +
                      " of them, expected at least 2");
  }
}

class Writer {
 public:
  // A layer with its name and inputs; a block is replaced by its layers.
  void write(Layer layer) {
    check_length(layer);
    for (std::string& input : layer.inputs) {
      if (const auto block = results_.find(input); block != results_.end()) input = block->second;
    }
    if (is_block(layer)) {
      write_block(layer);
    } else if (layer.branches.empty()) {
      take_name(layer.name, taken_);
      layers_.push_back(std::move(layer));
    } else {
      refuse(layer, layer.kind + ": has branches, expected those of a residual or parallel block");
    }
  }

  std::vector<Layer> layers() && { return std::move(layers_); }

 private:
  void write_block(const Layer& block) {
    check_block(block);
    Branches branches = block.branches;
    // The shortcut runs first, so that the body's last layer can add it on its way out.
    if (is_residual(block)) {
      branches.resize(2);
      std::swap(branches[0], branches[1]);
    }
    Layer merge;
    merge.kind = merge_of(block);
    merge.trainable = block.trainable;
    std::vector<Layer> within;
    for (const std::vector<Layer>& branch : branches)
      within.insert(within.end(), branch.begin(), branch.end());
    within.push_back(merge);
    fill_in_names(within);

    auto next = within.begin();
    for (const std::vector<Layer>& branch : branches) {
      std::string last = block.inputs[0];
      for (std::size_t i = 0; i < branch.size(); ++i, ++next) {
        next->name = block.name + "." + next->name;
        if (!next->inputs.empty())
          refuse(*next,
                 "it names its inputs, expected none: layers within a block follow one "
                 "another");
        next->inputs = {last};
        next->trainable = next->trainable && block.trainable;
        last = next->name;
        write(*next);
      }
      merge.inputs.push_back(last);
    }
    if (is_residual(block)) std::swap(merge.inputs[0], merge.inputs[1]);
    merge.name = block.name + "." + next->name;
    results_[block.name] = merge.name;
    write(merge);
  }

  std::vector<Layer> layers_;
  std::set<std::string> taken_;
  std::map<std::string, std::string> results_;  // by block, the layer with its output
};

}  // namespace

std::vector<Layer> written_out(std::vector<Layer> layers) {
  fill_in_names(layers);
  Writer writer;
  std::string last = kInputName;
  for (Layer& layer : layers) {
    if (layer.inputs.empty()) layer.inputs = {last};
    last = layer.name;
    writer.write(std::move(layer));
  }
  return std::move(writer).layers();
}

}  // namespace cnnx::graph
