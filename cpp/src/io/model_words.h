// The words of a model file for enumerated values, and its format.
#pragma once

#include "cnnx/model.h"
#include "cnnx/preprocessing.h"

namespace cnnx::io {

constexpr const char* kFormat = "1";
constexpr const char* kTemperature = "cnnx.temperature";

template <class Value>
struct Word {
  Value value;
  const char* text;
};
inline constexpr Word<Resize> kResizes[] = {
    {Resize::stretch, "stretch"}, {Resize::fit, "fit"}, {Resize::crop, "crop"}};
inline constexpr Word<ComputeDtype> kComputeDtypes[] = {{ComputeDtype::float32, "float32"},
                                                        {ComputeDtype::bfloat16, "bfloat16"}};
inline constexpr Word<Probabilities> kProbabilities[] = {{Probabilities::softmax, "softmax"},
                                                         {Probabilities::sigmoid, "sigmoid"},
                                                         {Probabilities::outputs, "outputs"},
                                                         {Probabilities::none, "none"}};

}  // namespace cnnx::io
