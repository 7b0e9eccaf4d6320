// Max pooling: one vector of channels at a time, the window's pixels in row-major order.
#include "kernels/max_pool2d.h"

#include "kernels/argmax_lanes.h"
#include "kernels/pool2d_loops.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Some channels of a window. The steps lead to its next row and its next column.
template <class Element>
struct Window {
  const Element* first;
  int64_t rows, columns;
  int64_t row_step, column_step;
};

// Calls body(place, value) for the window's pixels but the first, in row-major order.
template <class Element, class Lanes, class Body>
CNNX_INLINE void for_next_pixels(const Window<Element>& window, Lanes lanes, const Body& body) {
  // The compiler alone does not unroll the loops over three rows and columns.
#pragma GCC unroll 3
  for (int64_t u = 0; u < window.rows; ++u) {
#pragma GCC unroll 3
    for (int64_t v = 0; v < window.columns; ++v) {
      if (u == 0 && v == 0) continue;
      body(static_cast<int32_t>(u * window.columns + v),
           lanes.load(window.first + u * window.row_step + v * window.column_step));
    }
  }
}

struct Maximum {
  Vector value;
  IntVector place;  // counted in row-major order
};
template <class Element, class Lanes>
CNNX_INLINE Maximum maximum_with_place(const Window<Element>& window, Lanes lanes) {
  Maximum best = {lanes.load(window.first), {}};
  for_next_pixels(window, lanes, [&](int32_t place, Vector value) CNNX_INLINED {
    const IntVector take = takes_over(value, best.value);
    best.value = take ? value : best.value;
    best.place = take ? IntVector{} + place : best.place;
  });
  return best;
}

// The same maximum of numbers in less time. A NaN is ignored, but then `nan_probe` becomes NaN.
// Very large and infinite numbers may have the same effect on it.
template <class Element, class Lanes>
CNNX_INLINE Vector maximum_of_numbers(const Window<Element>& window, Lanes lanes,
                                      Vector& nan_probe) {
  Vector best = lanes.load(window.first), sum = best;
  for_next_pixels(window, lanes, [&](int32_t, Vector value) CNNX_INLINED {
    best = at_least(value, best);
    sum += value;
  });
  nan_probe = fused_multiply_add(sum, Vector{}, nan_probe);
  return best;
}

CNNX_INLINE bool has_nan(Vector probe) {
  float sum = 0.0f;
  for (int lane = 0; lane < kLanes; ++lane) sum += probe[lane];
  return sum != sum;
}

template <bool general>
CNNX_INLINE int64_t row_step(const PoolWindows& w) {
  return w.in_width * w.channels * WindowTaps<general>::step(w.dilation_height);
}
template <bool general>
CNNX_INLINE int64_t column_step(const PoolWindows& w) {
  return w.channels * WindowTaps<general>::step(w.dilation_width);
}
CNNX_INLINE int64_t first_pixel(const PoolWindows& w, Taps rows, Taps columns) {
  return rows.begin * w.in_width + columns.begin;
}

// Calls body(window, output pixel, channel, lanes) for one row of windows.
template <bool general, class Element, class Body>
CNNX_INLINE void for_window_vectors(const PoolWindows& w, const Element* x, int64_t row,
                                    const Body& body) {
  const auto pool = [&](int64_t i, Taps rows, int64_t j, Taps columns) CNNX_INLINED {
    const Element* first = x + first_pixel(w, rows, columns) * w.channels;
    const auto pool_channels = [&](int64_t height, int64_t width) CNNX_INLINED {
      for_channel_vectors(w.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        const Window<Element> window = {first + channel, height, width, row_step<general>(w),
                                        column_step<general>(w)};
        body(window, i * w.out_width + j, channel, lanes);
      });
    };
    with_constant_size<general>(rows.count, columns.count, pool_channels);
  };
  for_windows<general>(w, row, row + 1, pool);
}

template <bool general, class Element>
void pool_windows(const PoolWindows& w, const Element* x, int64_t row_begin, int64_t row_end,
                  Element* output, uint8_t* argmax) {
  const auto pool_numbers = [&](int64_t row) CNNX_INLINED {
    Vector nan_probe = {};
    const auto pool = [&](auto window, int64_t pixel, int64_t channel, auto lanes) CNNX_INLINED {
      lanes.store(output + pixel * w.channels + channel,
                  maximum_of_numbers(window, lanes, nan_probe));
    };
    for_window_vectors<general>(w, x, row, pool);
    return !has_nan(nan_probe);
  };
  const auto pool_with_places = [&](auto window, int64_t pixel, int64_t channel,
                                    auto lanes) CNNX_INLINED {
    const Maximum maximum = maximum_with_place(window, lanes);
    lanes.store(output + pixel * w.channels + channel, maximum.value);
    if (argmax)
      store_argmax(argmax + pixel * cnnx::argmax_step(w.channels) + channel, maximum.place, lanes);
  };
  for (int64_t row = row_begin; row < row_end; ++row) {
    if (!argmax && pool_numbers(row)) continue;
    for_window_vectors<general>(w, x, row, pool_with_places);
  }
}

// The places of maxima as forward saved them, or from the image.
struct SavedPlaces {
  const uint8_t* argmax;
  template <class Element, class Lanes>
  CNNX_INLINE IntVector operator()(const PoolWindows& w, const Window<Element>&, int64_t pixel,
                                   int64_t channel, Lanes) const {
    return load_argmax(argmax + pixel * cnnx::argmax_step(w.channels) + channel);
  }
};
struct PlacesInImage {
  template <class Element, class Lanes>
  CNNX_INLINE IntVector operator()(const PoolWindows&, const Window<Element>& window, int64_t,
                                   int64_t, Lanes lanes) const {
    return maximum_with_place(window, lanes).place;
  }
};

template <bool general, class Element, class Places>
void spread_gradients(const PoolWindows& w, const Element* grad_output, const Element* x,
                      const Places& places, int64_t row_begin, int64_t row_end, bool accumulate,
                      float* grad_input) {
  const auto spread = [&](int64_t i, Taps rows, int64_t j, Taps columns, TapRange written,
                          bool add) CNNX_INLINED {
    const int64_t offset = first_pixel(w, rows, columns) * w.channels;
    const int64_t pixel = i * w.out_width + j;
    const auto spread_channels = [&](int64_t height, int64_t width) CNNX_INLINED {
      for_channel_vectors(w.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        const Window<Element> window = {x + offset + channel, height, width, row_step<general>(w),
                                        column_step<general>(w)};
        const IntVector argmax_index = places(w, window, pixel, channel, lanes);
        const Vector gradient = lanes.load(grad_output + pixel * w.channels + channel);
        for (int64_t u = 0; u < height; ++u) {
          if (u < written.first || u >= written.end) continue;
          for (int64_t v = 0; v < width; ++v) {
            float* target =
                grad_input + offset + channel + u * window.row_step + v * window.column_step;
            const IntVector mine = argmax_index == static_cast<int32_t>(u * width + v);
            const Vector value = mine ? gradient : Vector{};
            lanes.store(target, add ? lanes.load(target) + value : value);
          }
        }
      });
    };
    with_constant_size<general>(rows.count, columns.count, spread_channels);
  };
  spread_rows<general>(w, row_begin, row_end, accumulate, grad_input, spread);
}

template <class Element>
void forward(const PoolWindows& w, const Element* x, int64_t row_begin, int64_t row_end,
             Element* output, uint8_t* argmax) {
  const auto pool = is_dilated(w) ? pool_windows<true, Element> : pool_windows<false, Element>;
  pool(w, x, row_begin, row_end, output, argmax);
}

template <class Element>
void backward(const PoolWindows& w, const Element* grad_output, const Element* x,
              const uint8_t* argmax, int64_t row_begin, int64_t row_end, bool accumulate,
              float* grad_input) {
  const auto spread = [&](const auto& places) {
    if (is_dilated(w)) {
      spread_gradients<true>(w, grad_output, x, places, row_begin, row_end, accumulate, grad_input);
    } else {
      spread_gradients<false>(w, grad_output, x, places, row_begin, row_end, accumulate,
                              grad_input);
    }
  };
  argmax ? spread(SavedPlaces{argmax}) : spread(PlacesInImage{});
}

}  // namespace

const MaxPool2dKernels max_pool2d_kernels = {forward<float>, forward<uint16_t>};
const MaxPool2dGradientKernels max_pool2d_gradient_kernels = {backward<float>, backward<uint16_t>};

}  // namespace CNNX_ISA
}  // namespace cnnx
