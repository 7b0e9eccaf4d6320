// The baseline build of the kernels' elementary functions.
#include "runtime/elementary.h"

#include "kernels/elementary.h"

namespace cnnx::runtime {

float exp(float x) noexcept { return exp_f32(x); }
float log(float x) noexcept { return log_f32(x); }
float sin(float x) noexcept { return sin_f32(x); }
float cos(float x) noexcept { return cos_f32(x); }
float tanh(float x) noexcept { return tanh_f32(x); }

}  // namespace cnnx::runtime
