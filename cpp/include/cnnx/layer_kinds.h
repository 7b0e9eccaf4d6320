// The kinds of layers: their settings, inputs, parameters and buffers. Each kind is described once,
// beside its op in cpp/src/ops/. The checks of settings, the texts of the C interface, the fuzzers
// and the tests use this list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "cnnx/export.h"
#include "cnnx/layer.h"

namespace cnnx {

// A view of constants that live as long as the program.
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

// The most that a size in a setting may be: far above any real one, far below an overflow of sums
// and products of two.
constexpr int64_t kMostSetting = int64_t{1} << 24;

// The form of a setting's value.
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
  const char* words;  // its meaning, in one line
  SettingForm form;
  // Builders and texts must give a required setting; the others have a default.
  bool required = true;
  // False if it only says how a parameter starts: it is optional in a Layer, and not saved.
  bool saved = true;
  // True if a Layer or a file may lack it, and then means the default. A file omits the default,
  // so that files of earlier versions, which do not know the setting, stay the same.
  bool omitted_if_default = false;
  // The limits of a number, and of each number of a pair or of sides: whole numbers or infinite.
  bool least_excluded = false, most_excluded = false;
  float least = -std::numeric_limits<float>::infinity();
  float most = std::numeric_limits<float>::infinity();
  // The default is the value of another setting, or a number: both numbers of a pair, every side,
  // 0 or 1 for a boolean, the index of a choice.
  double default_number = 0;
  const char* default_setting = nullptr;
  ConstantArray<const char*> choices = {};
};

// A parameter or buffer of a kind.
struct LayerArray {
  const char* name;
  const char* only_if = nullptr;  // the boolean setting that it depends on, or null
};

struct LayerKind {
  const char* name;
  const char* words;  // its result, in one line
  ConstantArray<SettingInfo> settings = {};
  ConstantArray<LayerArray> parameters = {}, buffers = {};
  int least_inputs = 1, most_inputs = 1;
};

// Those of the library; cnnx/custom_layer.h lists those that a program has registered.
CNNX_API const std::vector<LayerKind>& layer_kinds();

// The default in the form of the setting; zeros if the setting is required or its default is the
// value of another setting.
CNNX_API Setting default_value(const SettingInfo& setting);

}  // namespace cnnx
