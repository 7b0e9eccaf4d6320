// Bands of rows, copied with their padding unless a window is one pixel, times panels of weights.
#include "ops/conv2d_quantized.h"

#include <algorithm>

#include "kernels/quantized_product.h"
#include "ops/conv2d_plan.h"
#include "ops/conv2d_quantized_depthwise.h"
#include "ops/product_shares.h"
#include "ops/quantization.h"
#include "ops/quantized_rows.h"
#include "ops/shared_rows.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace cnnx::ops {
namespace {

// A band's copied rows stay in a second-level cache, beside the weights.
constexpr int64_t kBandBytes = 64 * 1024;

class BoundQuantizedConvolution final : public InferenceOp {
 public:
  BoundQuantizedConvolution(const Conv2dGeometry& geometry, const QuantizedLayer& layer)
      : g_(geometry),
        copy_(geometry),
        layer_(layer),
        reads_in_place_(is_pointwise(g_)),
        runs_(g_.dilation.width == 1 ? g_.kernel_size.height
                                     : g_.kernel_size.height * g_.kernel_size.width),
        run_bytes_(weight_rows() / runs_) {}

  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.runs_in_slices = g_.in_height * g_.in_width > 1;
    if (layer_.makes_bytes()) traits.runs_in_place = InputSet::only(1);
    return traits;
  }
  int64_t multiply_adds() const override {
    return pixels() * weight_rows() * g_.out_channels / kProductsAtOnce;
  }
  int64_t packed_floats() const override {
    return kernels().packed_bytes(runs_, run_bytes_, g_.out_channels) / kBytesOfFloat + 1;
  }
  int64_t scratch_floats(int threads) const override {
    return threads * slot_bytes() / kBytesOfFloat;
  }

  void pack_weights(const float* const* parameters, const float* const* buffers, int,
                    float* packed) const override;
  void forward(const ForwardArguments& a) const override;

 private:
  static const QuantizedProductKernels& kernels() {
    return CNNX_INTEGER_TILE_KERNELS(quantized_product_kernels);
  }
  int64_t pixels() const { return g_.batch * g_.out_height * g_.out_width; }
  int64_t weight_rows() const {
    return g_.kernel_size.height * g_.kernel_size.width * g_.in_channels;
  }
  int64_t panels() const { return divide_up(g_.out_channels, kernels().panel_columns); }
  // Pixels of all images are rows if nothing is copied.
  SharedRows shared_rows() const {
    constexpr int64_t kTileWindows = 16;
    if (reads_in_place_)
      return SharedRows::of_work(pixels(), kTileWindows, multiply_adds() / (pixels() + 1),
                                 pixels());
    return SharedRows::of_work(g_.out_height, divide_up(kTileWindows, copy_.row_windows()),
                               multiply_adds() / (g_.batch * g_.out_height + 1), band_rows());
  }
  // Rows of outputs that are computed from one copy.
  int64_t band_rows() const {
    const int64_t for_cache = (kBandBytes - copy_.bytes(0)) / copy_.row_bytes() / g_.stride.height;
    const int64_t for_weights = divide_up(kLeastWindows, copy_.row_windows());
    return std::clamp<int64_t>(std::max(for_cache, for_weights), 1, g_.out_height);
  }
  // The offsets of the runs, then the copied rows, which a product reads a little beyond.
  int64_t runs_bytes() const { return runtime::round_up_to_line(2 * runs_) * kBytesOfFloat; }
  int64_t slot_bytes() const {
    constexpr int64_t kSlack = 64;
    const int64_t copied =
        reads_in_place_ ? 0 : copy_.bytes(shared_rows().most_band_rows()) + kSlack;
    return runs_bytes() + runtime::round_up_to_line(copied / kBytesOfFloat + 1) * kBytesOfFloat;
  }
  ProductShares shares(int64_t parts) const;
  void run_pixels(const ForwardArguments& a, int64_t begin, int64_t end, int64_t first_panel,
                  int64_t last_panel, int64_t* runs) const;
  void run_band(const ForwardArguments& a, int64_t image, int64_t first, int64_t last,
                int64_t first_panel, int64_t last_panel, uint8_t* slot) const;

  Conv2dGeometry g_;
  RowCopy copy_;
  QuantizedLayer layer_;
  bool reads_in_place_;
  int64_t runs_, run_bytes_;
};

void BoundQuantizedConvolution::pack_weights(const float* const* parameters,
                                             const float* const* buffers, int,
                                             float* packed) const {
  const QuantizedArrays arrays = layer_.arrays(parameters, buffers, weight_rows(), g_.out_channels);
  kernels().pack({runs_, run_bytes_, g_.out_channels, arrays.weights.data(), arrays.bias.data(),
                  arrays.multiplier.data()},
                 packed);
}

void BoundQuantizedConvolution::run_pixels(const ForwardArguments& a, int64_t begin, int64_t end,
                                           int64_t first_panel, int64_t last_panel,
                                           int64_t* runs) const {
  runs[0] = 0;
  QuantizedProduct product = {};
  product.source = bytes_of(a.inputs[0]) + begin * g_.in_channels;
  product.window_step = g_.in_channels;
  product.runs = runs;
  product.run_count = runs_;
  product.run_bytes = run_bytes_;
  product.windows = product.row_windows = product.row_outputs = end - begin;
  product.columns = g_.out_channels;
  product.packed = a.packed;
  product.first_panel = first_panel;
  product.last_panel = last_panel;
  product.epilogue = layer_.epilogue(a, begin * g_.out_channels);
  kernels().run(product);
}

void BoundQuantizedConvolution::run_band(const ForwardArguments& a, int64_t image, int64_t first,
                                         int64_t last, int64_t first_panel, int64_t last_panel,
                                         uint8_t* slot) const {
  int64_t* const runs = reinterpret_cast<int64_t*>(slot);
  uint8_t* const rows = slot + runs_bytes();
  const int64_t per_row = runs_ / g_.kernel_size.height;
  for (int64_t run = 0; run < runs_; ++run) {
    runs[run] = copy_.offset(run / per_row, last - first) +
                run % per_row * g_.dilation.width * g_.in_channels;
  }
  copy_.copy(bytes_of(a.inputs[0]) + image * g_.in_height * g_.in_width * g_.in_channels, first,
             last, layer_.input_zero(), rows);
  QuantizedProduct product = {};
  product.source = rows;
  product.window_step = g_.stride.width * g_.in_channels;
  product.runs = runs;
  product.run_count = runs_;
  product.run_bytes = run_bytes_;
  product.row_windows = copy_.row_windows();
  product.row_outputs = g_.out_width;
  product.windows = (last - first - 1) * product.row_windows + g_.out_width;
  product.columns = g_.out_channels;
  product.packed = a.packed;
  product.first_panel = first_panel;
  product.last_panel = last_panel;
  product.epilogue =
      layer_.epilogue(a, (image * g_.out_height + first) * g_.out_width * g_.out_channels);
  kernels().run(product);
}

// Of so many parts of the images.
ProductShares BoundQuantizedConvolution::shares(int64_t parts) const {
  const int64_t images =
      g_.batch * g_.in_height * g_.in_width * g_.in_channels + pixels() * g_.out_channels;
  return {parts, panels(), multiply_adds(), weight_rows() * g_.out_channels, images};
}

void BoundQuantizedConvolution::forward(const ForwardArguments& a) const {
  const auto slot_of = [&](int slot) { return bytes_of(a.scratch) + slot * slot_bytes(); };
  const SharedRows rows = shared_rows();
  shares(reads_in_place_ ? rows.parts() : g_.batch * rows.parts())
      .for_each(a.threads,
                [&](int64_t begin, int64_t end, int64_t first_panel, int64_t last_panel, int slot) {
                  rows.for_each_band(begin, end, [&](int64_t image, int64_t first, int64_t last) {
                    if (reads_in_place_) {
                      run_pixels(a, first, last, first_panel, last_panel,
                                 reinterpret_cast<int64_t*>(slot_of(slot)));
                    } else {
                      run_band(a, image, first, last, first_panel, last_panel, slot_of(slot));
                    }
                  });
                });
}

}  // namespace

bool reads_bytes(const Conv2dGeometry& g) {
  const Shape weight = g.weight_shape();
  return (g.groups == 1 || is_depthwise(g)) && sums_fit(weight[0] * weight[1] * weight[2]);
}

std::unique_ptr<const BoundOp> bind_quantized_convolution(const Conv2dGeometry& geometry, bool bias,
                                                          const std::vector<Quantization>& inputs,
                                                          const Fusion& fusion) {
  const QuantizedLayer layer(bias, inputs, fusion);
  if (geometry.groups > 1) return bind_quantized_depthwise(geometry, layer);
  return std::make_unique<BoundQuantizedConvolution>(geometry, layer);
}

}  // namespace cnnx::ops
