// Enlarging images: the input pixels of an output along one axis, and loops over both axes.
#include "kernels/upsample2d.h"

#include "kernels/channel_lanes.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// The outputs that read one input, and the input that one output reads.
struct Nearest {
  CNNX_INLINE Nearest(int64_t, int64_t scale_) : scale(scale_) {}
  CNNX_INLINE int64_t first_reader(int64_t input) const { return input * scale; }
  CNNX_INLINE int64_t end_reader(int64_t input) const { return (input + 1) * scale; }
  CNNX_INLINE float weight(int64_t, int64_t) const { return 1.0f; }
  int64_t scale;
};

struct Bilinear {
  CNNX_INLINE Bilinear(int64_t size_, int64_t scale_) : size(size_), scale(scale_) {}
  // The position of an output relative to the centres of the first and the last input. Neighbouring
  // centres are 2 * scale apart.
  CNNX_INLINE int64_t place(int64_t output) const {
    const int64_t halves = 2 * output + 1 - scale, last = 2 * scale * (size - 1);
    return halves < 0 ? 0 : halves > last ? last : halves;
  }
  CNNX_INLINE float fraction(int64_t part) const {
    return static_cast<float>(part) / static_cast<float>(2 * scale);
  }
  CNNX_INLINE int64_t lower(int64_t output) const { return place(output) / (2 * scale); }
  CNNX_INLINE int64_t upper(int64_t output) const {
    const int64_t next = lower(output) + 1;
    return next < size ? next : size - 1;
  }
  CNNX_INLINE float upper_weight(int64_t output) const {
    return fraction(place(output) % (2 * scale));
  }
  CNNX_INLINE float weight(int64_t input, int64_t output) const {
    const int64_t distance = place(output) - 2 * scale * input;
    return fraction(2 * scale - (distance < 0 ? -distance : distance));
  }
  // The outputs at less than one input pixel's distance.
  CNNX_INLINE int64_t first_reader(int64_t input) const {
    return input == 0 ? 0 : (2 * scale * (input - 1) + scale + 1) / 2;
  }
  CNNX_INLINE int64_t end_reader(int64_t input) const {
    return input == size - 1 ? size * scale : (2 * scale * (input + 1) + scale) / 2;
  }
  int64_t size, scale;
};

void nearest(const Upsampling& s, const float* x, int64_t row_begin, int64_t row_end,
             float* output) {
  for (int64_t i = row_begin; i < row_end; ++i) {
    const float* pixel = x + i / s.scale_height * s.in_width * s.channels;
    float* target = output + i * s.in_width * s.scale_width * s.channels;
    for (int64_t column = 0; column < s.in_width; ++column, pixel += s.channels) {
      for (int64_t repeat = 0; repeat < s.scale_width; ++repeat, target += s.channels) {
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

void bilinear(const Upsampling& s, const float* x, int64_t row_begin, int64_t row_end,
              float* output) {
  const Bilinear vertical(s.in_height, s.scale_height), horizontal(s.in_width, s.scale_width);
  const int64_t out_width = s.in_width * s.scale_width;
  for (int64_t i = row_begin; i < row_end; ++i) {
    const float down = vertical.upper_weight(i), up = 1.0f - down;
    const float* const above = x + vertical.lower(i) * s.in_width * s.channels;
    const float* const below = x + vertical.upper(i) * s.in_width * s.channels;
    float* target = output + i * out_width * s.channels;
    for (int64_t j = 0; j < out_width; ++j, target += s.channels) {
      const float right = horizontal.upper_weight(j), left = 1.0f - right;
      const int64_t one = horizontal.lower(j) * s.channels, two = horizontal.upper(j) * s.channels;
      for_channel_vectors(s.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        const auto load_at = [&](const float* row, int64_t column)
                                 CNNX_INLINED { return lanes.load(row + column + channel); };
        const Vector top = mix(load_at(above, one), left, load_at(above, two), right);
        const Vector bottom = mix(load_at(below, one), left, load_at(below, two), right);
        lanes.store(target + channel, mix(top, up, bottom, down));
      });
    }
  }
}

template <class Axis>
void backward(const Upsampling& s, const float* grad_output, int64_t row_begin, int64_t row_end,
              bool accumulate, float* grad_input) {
  const Axis vertical(s.in_height, s.scale_height), horizontal(s.in_width, s.scale_width);
  const int64_t out_row = s.in_width * s.scale_width * s.channels;
  for (int64_t row = row_begin; row < row_end; ++row) {
    for (int64_t column = 0; column < s.in_width; ++column) {
      float* const target = grad_input + (row * s.in_width + column) * s.channels;
      const int64_t first = horizontal.first_reader(column), end = horizontal.end_reader(column);
      for_channel_vectors(s.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        Vector total = {};
        for (int64_t i = vertical.first_reader(row); i < vertical.end_reader(row); ++i) {
          const float* const grad = grad_output + i * out_row + channel;
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

const Upsample2dKernels upsample2d_kernels = {nearest, bilinear, backward<Nearest>,
                                              backward<Bilinear>};

}  // namespace CNNX_ISA
}  // namespace cnnx
