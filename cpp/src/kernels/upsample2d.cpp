// Resampling images: the input pixels of an output along one axis, and loops over both axes.
#include "kernels/upsample2d.h"

#include "kernels/channel_lanes.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

CNNX_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// The quotient of whole numbers, rounded up and at least 0. Divisors of whole factors are 1 and 2;
// a real division takes much of the time of images of few channels.
CNNX_INLINE int64_t divide_up(int64_t number, int64_t divisor) {
  if (number <= 0) return 0;
  if (divisor == 1) return number;
  if (divisor == 2) return (number + 1) / 2;
  return (number + divisor - 1) / divisor;
}

// The outputs that read one input, and the input that one output reads.
struct Nearest {
  CNNX_INLINE explicit Nearest(const ResampledAxis& axis_) : axis(axis_) {}
  CNNX_INLINE int64_t source(int64_t output) const { return output * axis.step / axis.unit; }
  CNNX_INLINE int64_t first_reader(int64_t input) const {
    return divide_up(input * axis.unit, axis.step);
  }
  CNNX_INLINE int64_t end_reader(int64_t input) const { return first_reader(input + 1); }
  CNNX_INLINE float weight(int64_t, int64_t) const { return 1.0f; }
  ResampledAxis axis;
};

struct Bilinear {
  CNNX_INLINE explicit Bilinear(const ResampledAxis& axis_) : axis(axis_) {}
  // The position of an output relative to the centres of the first and the last input. Neighbouring
  // centres are a unit apart.
  CNNX_INLINE int64_t place(int64_t output) const {
    const int64_t position = output * axis.step + axis.offset;
    const int64_t last = axis.unit * (axis.in_size - 1);
    return position < 0 ? 0 : position > last ? last : position;
  }
  CNNX_INLINE float fraction(int64_t part) const {
    return static_cast<float>(part) / static_cast<float>(axis.unit);
  }
  CNNX_INLINE int64_t lower(int64_t output) const { return place(output) / axis.unit; }
  CNNX_INLINE int64_t upper(int64_t output) const {
    return smaller(lower(output) + 1, axis.in_size - 1);
  }
  CNNX_INLINE float upper_weight(int64_t output) const {
    return fraction(place(output) % axis.unit);
  }
  CNNX_INLINE float weight(int64_t input, int64_t output) const {
    const int64_t distance = place(output) - axis.unit * input;
    return fraction(axis.unit - (distance < 0 ? -distance : distance));
  }
  // The outputs at less than one input pixel's distance.
  CNNX_INLINE int64_t first_reader(int64_t input) const {
    return input == 0 ? 0 : divide_up(axis.unit * (input - 1) - axis.offset + 1, axis.step);
  }
  CNNX_INLINE int64_t end_reader(int64_t input) const {
    if (input == axis.in_size - 1) return axis.out_size;
    return smaller(axis.out_size, divide_up(axis.unit * (input + 1) - axis.offset, axis.step));
  }
  ResampledAxis axis;
};

template <class Element>
void nearest(const Upsampling& s, const Element* x, int64_t row_begin, int64_t row_end,
             Element* output) {
  const Nearest vertical(s.rows), horizontal(s.columns);
  for (int64_t i = row_begin; i < row_end; ++i) {
    const Element* pixel = x + vertical.source(i) * s.columns.in_size * s.channels;
    Element* target = output + i * s.columns.out_size * s.channels;
    int64_t j = 0;
    for (int64_t column = 0; column < s.columns.in_size; ++column, pixel += s.channels) {
      for (const int64_t end = horizontal.end_reader(column); j < end; ++j, target += s.channels) {
        for_channel_vectors(s.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
          lanes.store(target + channel, lanes.load(pixel + channel));
        });
      }
    }
  }
}

CNNX_INLINE Vector mix(Vector first, float first_weight, Vector second, float second_weight) {
  return fused_multiply_add(second, broadcast(second_weight), first * broadcast(first_weight));
}

template <class Element>
void bilinear(const Upsampling& s, const Element* x, int64_t row_begin, int64_t row_end,
              Element* output) {
  const Bilinear vertical(s.rows), horizontal(s.columns);
  const int64_t in_row = s.columns.in_size * s.channels, out_width = s.columns.out_size;
  for (int64_t i = row_begin; i < row_end; ++i) {
    const float down = vertical.upper_weight(i), up = 1.0f - down;
    const Element* const above = x + vertical.lower(i) * in_row;
    const Element* const below = x + vertical.upper(i) * in_row;
    Element* target = output + i * out_width * s.channels;
    for (int64_t j = 0; j < out_width; ++j, target += s.channels) {
      const float right = horizontal.upper_weight(j), left = 1.0f - right;
      const int64_t one = horizontal.lower(j) * s.channels, two = horizontal.upper(j) * s.channels;
      for_channel_vectors(s.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        const auto load_at = [&](const Element* row, int64_t column)
                                 CNNX_INLINED { return lanes.load(row + column + channel); };
        const Vector top = mix(load_at(above, one), left, load_at(above, two), right);
        const Vector bottom = mix(load_at(below, one), left, load_at(below, two), right);
        lanes.store(target + channel, mix(top, up, bottom, down));
      });
    }
  }
}

template <class Axis, class Element>
void backward(const Upsampling& s, const Element* grad_output, int64_t row_begin, int64_t row_end,
              bool accumulate, Element* grad_input) {
  const Axis vertical(s.rows), horizontal(s.columns);
  const int64_t in_width = s.columns.in_size, out_row = s.columns.out_size * s.channels;
  for (int64_t row = row_begin; row < row_end; ++row) {
    const int64_t first_row = vertical.first_reader(row), end_row = vertical.end_reader(row);
    for (int64_t column = 0; column < in_width; ++column) {
      Element* const target = grad_input + (row * in_width + column) * s.channels;
      const int64_t first = horizontal.first_reader(column), end = horizontal.end_reader(column);
      for_channel_vectors(s.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        Vector total = {};
        for (int64_t i = first_row; i < end_row; ++i) {
          const Element* const grad = grad_output + i * out_row + channel;
          Vector line = {};
          for (int64_t j = first; j < end; ++j) {
            line = fused_multiply_add(lanes.load(grad + j * s.channels),
                                      broadcast(horizontal.weight(column, j)), line);
          }
          total = fused_multiply_add(line, broadcast(vertical.weight(row, i)), total);
        }
        if (accumulate) total += lanes.load(target + channel);
        lanes.store(target + channel, total);
      });
    }
  }
}

}  // namespace

const Upsample2dKernels upsample2d_kernels = {nearest<float>, bilinear<float>, nearest<uint16_t>,
                                              bilinear<uint16_t>};
const Upsample2dGradientKernels upsample2d_gradient_kernels = {
    backward<Nearest, float>, backward<Bilinear, float>, backward<Nearest, uint16_t>,
    backward<Bilinear, uint16_t>};

}  // namespace CNNX_ISA
}  // namespace cnnx
