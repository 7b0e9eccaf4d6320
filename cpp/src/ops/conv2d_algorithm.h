// What every way of computing a convolution offers, so that the layer and the public functions need
// not know which one runs. One algorithm is a sibling of the other: same arguments, same contract,
// its own bits.
#pragma once

#include <cstdint>
#include <memory>

#include "cnnx/conv2d.h"
#include "kernels/conv2d_epilogue.h"
#include "ops/gradient_kernels.h"

namespace cnnx::ops {

// Either way a convolution goes may make an output or a gradient: a transposed convolution's output
// is what `input_gradient` makes, its gradient what `forward` does.
struct Epilogue {
  Epilogue(const ForwardEpilogue& output)
      : bias(output.bias),
        relu(output.relu),
        pool(output.pool),
        argmax(output.argmax),
        addend(output.addend) {}
  Epilogue(const GradientEpilogue& gradient)
      : accumulate(gradient.accumulate), relu_output(gradient.relu_output) {}

  ForwardEpilogue of_output() const { return {bias, relu, pool, argmax, addend}; }
  GradientEpilogue of_gradient() const { return {accumulate, relu_output}; }
  bool makes_gradient() const { return accumulate || relu_output; }

  const float* bias = nullptr;
  bool relu = false, pool = false;
  uint8_t* argmax = nullptr;
  const float* addend = nullptr;
  bool accumulate = false;
  const float* relu_output = nullptr;
};

// Bound to one geometry; immutable, allocates nothing when it runs, may run in several threads at
// once. `scratch` holds at least the floats its function asks for, is aligned to a cache line and
// ours to write.
class Conv2dAlgorithm {
 public:
  virtual ~Conv2dAlgorithm() = default;

  // Weights as forward reads them, packed or transformed: the same for any batch, so that a model
  // at rest packs them once.
  virtual int64_t packed_floats() const = 0;
  virtual void pack_weights(const float* weight, int threads, float* packed) const = 0;
  // Whether forward may be given null instead, and packs what it needs when it needs it: for
  // weights that would not stay in a cache until they are read.
  virtual bool packs_in_parts() const { return false; }

  virtual int64_t forward_scratch_floats(int threads) const = 0;
  virtual void forward(const float* x, const float* weight, const float* packed,
                       const Epilogue& epilogue, int threads, float* scratch,
                       float* output) const = 0;
  // Whether forward's epilogue may pool.
  virtual bool pools() const = 0;
  // Whether it may add.
  virtual bool adds() const { return false; }

  // The same for the way back, whose windows are flipped. It never pools.
  virtual int64_t gradient_packed_floats() const = 0;
  virtual void pack_for_gradient(const float* weight, int threads, float* packed) const = 0;
  virtual bool gradient_packs_in_parts() const { return false; }
  virtual int64_t input_gradient_scratch_floats(int threads) const = 0;
  virtual void input_gradient(const float* grad_output, const float* weight, const float* packed,
                              const Epilogue& epilogue, int threads, float* scratch,
                              float* grad_input) const = 0;

  virtual int64_t weight_gradient_scratch_floats(int threads) const = 0;
  // Either gradient may be null.
  virtual void weight_gradient(const GradientKernels& kernels, const float* x,
                               const float* grad_output, bool accumulate, int threads,
                               float* scratch, float* grad_weight, float* grad_bias) const = 0;
};

// The side of Winograd's tiles of outputs: F(2x2, 3x3) or F(4x4, 3x3).
enum class WinogradTile : int64_t { two = 2, four = 4 };

// The choice: a function of shapes and settings of one image, never of the batch, the thread
// count or the instruction set, because each algorithm has its own bits. `training` does not weigh
// what a single image takes.
std::shared_ptr<const Conv2dAlgorithm> choose_conv2d_algorithm(
    const Conv2dGeometry& geometry, Conv2dMethod method = Conv2dMethod::chosen,
    bool training = false);

std::unique_ptr<const Conv2dAlgorithm> make_conv2d_direct(const Conv2dGeometry& geometry);
// Kernel size 3x3, stride 1, dilation 1 only; several groups only of whole sixteens of channels.
std::unique_ptr<const Conv2dAlgorithm> make_conv2d_winograd(const Conv2dGeometry& geometry,
                                                            WinogradTile tile);
// Any groups; meant for narrow ones. Not where a group has several channels and dilation.
std::unique_ptr<const Conv2dAlgorithm> make_conv2d_depthwise(const Conv2dGeometry& geometry);
// Groups of 2, 4 or 8 inputs and as many outputs only.
std::unique_ptr<const Conv2dAlgorithm> make_conv2d_lane_groups(const Conv2dGeometry& geometry);

}  // namespace cnnx::ops
