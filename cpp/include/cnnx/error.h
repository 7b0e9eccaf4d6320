// The exception types of cnnx: a malformed file, and training that has diverged.
//
// All other exceptions of cnnx are std::invalid_argument (a wrong argument), std::system_error (the
// operating system refused: no such file, no space left) and std::bad_alloc.
#pragma once

#include <stdexcept>

#include "cnnx/export.h"

namespace cnnx {

// The bytes of a file are malformed, truncated, of another kind, or of a newer format than this
// version reads. what() is one sentence in UTF-8 that names the file, the position and the reason:
//
//   digits.cnnx: tensor "conv2d_1.weight": ends at byte 4096 of the data, which has only 4000
class CNNX_API FormatError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// Numbers are NaN or infinite: the loss of a step, of which what() names the first layer whose
// output is not finite; a gradient that Trainer::apply_gradients was to apply; a parameter or
// buffer after an epoch of Trainer::fit or in Trainer::check_finite; or the outputs of
// Model::predict.
class CNNX_API NotFiniteError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace cnnx
