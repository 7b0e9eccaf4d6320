// Every kind of layer with its settings, inputs and arrays. Each is described once, beside its op
// in cpp/src/ops/, and this list is what checks, files, texts, other languages and tests go by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "cnnx/export.h"
#include "cnnx/layer.h"

namespace cnnx {

// Constants that live as long as the program.
template <class Element>
struct ConstantArray {
  const Element* first = nullptr;
  std::size_t count = 0;

  constexpr ConstantArray() = default;
  template <std::size_t size>
  constexpr ConstantArray(const Element (&elements)[size]) : first(elements), count(size) {}

  constexpr const Element* begin() const { return first; }
  constexpr const Element* end() const { return first + count; }
  constexpr std::size_t size() const { return count; }
  constexpr const Element& operator[](std::size_t i) const { return first[i]; }
};

// What a setting holds.
enum class SettingForm : uint8_t {
  integer,  // int64_t
  real,     // float
  boolean,  // bool
  pair,     // {height, width}
  padding,  // "valid", "same" or {top, bottom, left, right}
  sides,    // {top, bottom, left, right}
  choice,   // one of `choices`
};

// One setting of a kind.
struct SettingInfo {
  const char* name;
  const char* words;  // what it is, in one line
  SettingForm form;
  // Whether it must be given where a layer is written down; otherwise it has a default.
  bool required = true;
  // False for what parameters begin at: a layer may lack it, and no file holds it.
  bool saved = true;
  // The limits of a number, and of each number of a pair or of sides: whole, or infinite.
  bool least_excluded = false, most_excluded = false;
  float least = -std::numeric_limits<float>::infinity();
  float most = std::numeric_limits<float>::infinity();
  // The default: a number, which is both of a pair, every side, 0 or 1 of a boolean, the place of
  // a choice, or the value of another setting.
  double default_number = 0;
  const char* default_setting = nullptr;
  ConstantArray<const char*> choices = {};
};

// A parameter or buffer of a kind.
struct LayerArray {
  const char* name;
  const char* only_if = nullptr;  // a boolean setting; null: always there
};

struct LayerKind {
  const char* name;
  const char* words;  // what it computes, in one line
  ConstantArray<SettingInfo> settings;
  ConstantArray<LayerArray> parameters, buffers;
  int least_inputs = 1, most_inputs = 1;
};

CNNX_API const std::vector<LayerKind>& layer_kinds();

// The value of a setting that is not given: of the form that it holds, zeros if it is required.
CNNX_API Setting default_value(const SettingInfo& setting);

}  // namespace cnnx
