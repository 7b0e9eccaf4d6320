// The plan of a convolution: an algorithm for each of its three directions. All algorithms of one
// direction have the same arguments and the same contract; each has its own bits.
#pragma once

#include <cstdint>
#include <memory>

#include "cnnx/conv2d.h"
#include "kernels/conv2d_epilogue.h"
#include "ops/gradient_kernels.h"

namespace cnnx::ops {

// The epilogue of a pass's sums. Either pass may compute an output or a gradient, because a
// transposed convolution computes its output by a convolution's input gradient.
struct Epilogue {
  Epilogue(const ForwardEpilogue& output)
      : bias(output.bias),
        relu(output.relu),
        pool(output.pool),
        argmax(output.argmax),
        addend(output.addend),
        ceiling(output.ceiling) {}
  Epilogue(const GradientEpilogue& gradient, const GradientKernels* gradient_kernels)
      : accumulate(gradient.accumulate),
        relu_output(gradient.relu_output),
        kernels(gradient_kernels) {}

  ForwardEpilogue of_output() const { return {bias, relu, pool, argmax, addend, ceiling}; }
  GradientEpilogue of_gradient() const { return {accumulate, relu_output}; }
  bool makes_gradient() const { return accumulate || relu_output; }

  const float* bias = nullptr;
  bool relu = false, pool = false;
  uint8_t* argmax = nullptr;
  const float* addend = nullptr;
  float ceiling = kNoCeiling;  // of the ReLU
  bool accumulate = false;
  const float* relu_output = nullptr;
  const GradientKernels* kernels = nullptr;  // of a gradient
  // Before the sums, of the source: see ops::ForwardArguments.
  const BatchNormForward* normalisation = nullptr;
};

// Windows over a source image that compute a target image: forward computes the output from x, and
// the input gradient computes grad_input from grad_output with flipped windows. Bound to one
// geometry; immutable, allocates nothing when it runs, may run in several threads at once.
// `scratch` holds scratch_floats(threads), is aligned to a cache line and overwritten.
class Conv2dPass {
 public:
  virtual ~Conv2dPass() = default;
  // Packed or transformed weights for run, the same for any batch, so that a model packs them once
  // after its parameters change.
  virtual int64_t packed_floats() const { return 0; }
  virtual void pack_weights(const float* /*weight*/, int /*threads*/, float* /*packed*/) const {}
  // Whether run accepts a null `packed` and packs weights as it needs them: those that would leave
  // a cache before they are read.
  virtual bool packs_in_parts() const { return false; }

  virtual int64_t scratch_floats(int /*threads*/) const { return 0; }
  virtual void run(const float* source, const float* weight, const float* packed,
                   const Epilogue& epilogue, int threads, float* scratch, float* target) const = 0;
  // Whether the epilogue may pool, whether it may add, and whether the addend may be the target.
  virtual bool pools() const { return false; }
  virtual bool adds() const { return false; }
  virtual bool adds_in_place() const { return adds(); }
  // Scratch floats that run needs besides to normalise the source; 0: it cannot.
  virtual int64_t normalised_floats(int /*threads*/) const { return 0; }
};

// Weight and bias gradients, with the properties of a Conv2dPass.
class Conv2dWeightGradient {
 public:
  virtual ~Conv2dWeightGradient() = default;
  virtual int64_t scratch_floats(int threads) const = 0;
  virtual void run(const WeightGradientArguments& arguments) const = 0;
  virtual int64_t normalised_floats(int /*threads*/) const { return 0; }  // as of a Conv2dPass
};

struct Conv2dPlan {
  std::unique_ptr<const Conv2dPass> forward, input_gradient;
  std::unique_ptr<const Conv2dWeightGradient> weight_gradient;
};

// Whether output pixel (i, j) depends on input pixel (i, j) alone. A padding may move a 1x1 kernel
// over an output of the input's size.
inline bool is_pointwise(const Conv2dGeometry& g) {
  const Pair &kernel = g.kernel_size, &stride = g.stride;
  return kernel.height == 1 && kernel.width == 1 && stride.height == 1 && stride.width == 1 &&
         g.top == 0 && g.left == 0 && g.out_height == g.in_height && g.out_width == g.in_width;
}

// Of the inputs and outputs of a batch.
inline int64_t elements_in_and_out(const Conv2dGeometry& g) {
  return g.batch *
         (g.in_height * g.in_width * g.in_channels + g.out_height * g.out_width * g.out_channels);
}

// Whether each channel has a filter of its own.
inline bool is_depthwise(const Conv2dGeometry& g) {
  return g.groups == g.in_channels && g.in_channels == g.out_channels;
}

// The choice: a function of the shapes and settings of one image, never of the batch, the thread
// count or the instruction set, because each algorithm has its own bits. In training only the time
// of a batch matters, in inference also that of a single image. In the plan of a transposed
// convolution, which is trained and used for inference, the input gradient makes an output.
enum class Conv2dUse { inference, training, transposed };
Conv2dPlan choose_conv2d_plan(const Conv2dGeometry& geometry,
                              Conv2dMethod method = Conv2dMethod::chosen,
                              Conv2dUse use = Conv2dUse::inference);

}  // namespace cnnx::ops
