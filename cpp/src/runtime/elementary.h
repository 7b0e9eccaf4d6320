// Elementary functions for code above the kernels: initialisation, schedules, augmentation, X/O
// images. Built with baseline flags everywhere, so that their bits are the same on every
// instruction set. Code above the kernels uses no others.
#pragma once

namespace cnnx::runtime {

// At most 2 ULP from the exact value; NaN gives NaN. Angles are in radians and may be of any size.
float exp(float x) noexcept;   // 0 below -103.97, infinity above 88.72
float log(float x) noexcept;   // -infinity at 0, NaN below
float sin(float x) noexcept;   // NaN at the infinities
float cos(float x) noexcept;   // NaN at the infinities
float tanh(float x) noexcept;  // +-1 at the infinities

}  // namespace cnnx::runtime
