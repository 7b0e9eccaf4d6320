// Parallel loops over the kernels of arrays of bfloat16.
#include "ops/bfloat16.h"

#include <algorithm>

#include "kernels/bfloat16_arrays.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Calls body(first element, number of elements) for the parts of the threads.
template <class Body>
void for_words(int threads, int64_t count, const Body& body) {
  // Memory-bound: below this a second thread costs more than it gains.
  constexpr int64_t kGrain = 32 * 1024;
  runtime::parallel_for(threads, count, kGrain,
                        [&](int64_t begin, int64_t end, int) { body(begin, end - begin); });
}

void widen(const uint16_t* words, int64_t count, int threads, float* floats) {
  const auto kernel = CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels).widen;
  for_words(threads, count,
            [&](int64_t begin, int64_t part) { kernel(words + begin, part, floats + begin); });
}
void add_words(const uint16_t* words, int64_t count, int threads, float* floats) {
  const auto kernel = CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels).add_words;
  for_words(threads, count,
            [&](int64_t begin, int64_t part) { kernel(words + begin, part, floats + begin); });
}
void add_floats(const float* floats, int64_t count, int threads, uint16_t* words) {
  const auto kernel = CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels).add_floats;
  for_words(threads, count,
            [&](int64_t begin, int64_t part) { kernel(floats + begin, part, words + begin); });
}

}  // namespace

void round_to_bfloat16(const float* floats, int64_t count, int threads, uint16_t* words) {
  const auto kernel = CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels).round;
  for_words(threads, count,
            [&](int64_t begin, int64_t part) { kernel(floats + begin, part, words + begin); });
}
namespace {

class Widening final : public BoundOp {
 public:
  explicit Widening(int64_t count) : count_(count) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_input = traits.backward_reads_output = false;
    traits.recomputes_quickly = true;
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    widen(bfloat16_of(a.inputs[0]), count_, a.threads, a.output);
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& input = a.grad_inputs[0];
    if (!input.values) return;
    const auto convert = input.accumulate ? add_floats : round_to_bfloat16;
    convert(a.grad_output, count_, a.threads, bfloat16_of(input.values));
  }

 private:
  int64_t count_;
};

class Rounding final : public BoundOp {
 public:
  explicit Rounding(int64_t count) : count_(count) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_input = traits.backward_reads_output = false;
    traits.recomputes_quickly = true;
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    round_to_bfloat16(a.inputs[0], count_, a.threads, bfloat16_of(a.output));
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& input = a.grad_inputs[0];
    if (!input.values) return;
    const auto convert = input.accumulate ? add_words : widen;
    convert(bfloat16_of(a.grad_output), count_, a.threads, input.values);
  }

 private:
  int64_t count_;
};

}  // namespace

std::unique_ptr<const BoundOp> bind_floats_to_bfloat16(int64_t count) {
  return std::make_unique<Rounding>(count);
}
std::unique_ptr<const BoundOp> bind_bfloat16_to_floats(int64_t count) {
  return std::make_unique<Widening>(count);
}

void add_bfloat16_arrays(const uint16_t* a, const uint16_t* b, int64_t count, bool relu,
                         int threads, uint16_t* output) {
  const auto kernel = CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels).add;
  for_words(threads, count, [&](int64_t begin, int64_t part) {
    kernel(a + begin, b + begin, part, relu, output + begin);
  });
}

void pass_bfloat16_gradient(const uint16_t* grad_output, const InputGradient& input, int64_t count,
                            int threads) {
  if (!input.values) return;
  uint16_t* const values = bfloat16_of(input.values);
  if (input.accumulate) {
    add_bfloat16_arrays(values, grad_output, count, false, threads, values);
  } else if (values != grad_output) {
    for_words(threads, count, [&](int64_t begin, int64_t part) {
      std::copy_n(grad_output + begin, part, values + begin);
    });
  }
}

void bfloat16_relu_gradient(uint16_t* gradient, const uint16_t* relu_output, int64_t count,
                            int threads, float ceiling) {
  const auto kernel = CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels).relu_gradient;
  for_words(threads, count, [&](int64_t begin, int64_t part) {
    kernel(gradient + begin, relu_output + begin, part, ceiling);
  });
}

}  // namespace cnnx::ops
