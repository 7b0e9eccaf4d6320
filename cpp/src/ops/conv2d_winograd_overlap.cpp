// Winograd's input gradient by overlapping tiles: distributes the images of a batch to threads.
#include <algorithm>
#include <memory>

#include "kernels/conv2d_winograd_overlap.h"
#include "ops/conv2d_winograd.h"
#include "ops/shares.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// The tiles are those of grad_output, fewer than those of grad_input where the padding is small. A
// pixel is the sum of the tiles that reach it, in their order, so a thread computes whole images.
class WinogradOverlappingGradient final : public Conv2dPass {
 public:
  WinogradOverlappingGradient(const Conv2dGeometry& geometry, WinogradTile tile);

  int64_t packed_floats() const override {
    return winograd_weight_floats(tile_.points(), weight_.inputs, weight_.outputs);
  }
  void pack_weights(const float* weight, int threads, float* transformed) const override {
    pack_winograd_weights(tile_, weight_, {1, 0}, weight, threads, transformed);
  }
  int64_t scratch_floats(int threads) const override { return threads * slot_floats(); }
  void run(const float* source, const float* weight, const float* transformed,
           const Epilogue& epilogue, int threads, float* scratch, float* target) const override;

 private:
  int64_t gradient_floats() const {
    return winograd_planes_floats(tile_.points(), most_tiles_, weight_.inputs);
  }
  int64_t products_floats() const {
    return winograd_planes_floats(tile_.points(), most_tiles_, weight_.outputs);
  }
  int64_t sums_floats() const {
    return winograd_overlap_floats(shape_, tile_.outputs, tile_.side());
  }
  int64_t slot_floats() const { return gradient_floats() + products_floats() + sums_floats(); }

  WinogradTile tile_;
  WinogradShape shape_;    // of the forward
  WinogradWeight weight_;  // from output to input channels
  int64_t batch_, image_tiles_;
  int64_t images_;      // at once
  int64_t most_tiles_;  // at once
};

WinogradOverlappingGradient::WinogradOverlappingGradient(const Conv2dGeometry& g, WinogradTile tile)
    : tile_(tile),
      shape_{g.in_height,  g.in_width,  g.in_channels,  -g.top,   -g.left,
             g.out_height, g.out_width, g.out_channels, g.groups, false},
      weight_{g.out_channels, g.in_channels, 1, g.out_channels, g.in_channels * g.out_channels,
              false},
      batch_(g.batch),
      image_tiles_(divide_up(g.out_height, tile.outputs) * divide_up(g.out_width, tile.outputs)) {
  // Their values stay in a second-level cache.
  constexpr int64_t kTilesAtOnce = 28;
  images_ = std::max<int64_t>(1, kTilesAtOnce / image_tiles_);
  most_tiles_ = std::min(images_ * image_tiles_, kTilesAtOnce);
}

void WinogradOverlappingGradient::run(const float* source, const float*, const float* transformed,
                                      const Epilogue& epilogue, int threads, float* scratch,
                                      float* target) const {
  const WinogradKernels& kernels = winograd_kernels(tile_);
  const WinogradOverlapKernels& overlap = *epilogue.kernels->winograd2_of_5_overlap;
  const auto transform_gradient = epilogue.kernels->winograd2_of_5->transform_gradient;
  const int64_t multiply_adds =
      images_ * image_tiles_ * tile_.points() * weight_.inputs * weight_.outputs;
  const int64_t grain = kGrainMultiplyAdds / std::max<int64_t>(1, multiply_adds) + 1;
  const int64_t pieces = divide_up(batch_, images_);
  runtime::parallel_for(threads, pieces, grain, [&](int64_t begin, int64_t end, int slot) {
    float* const slot_scratch = scratch + slot * slot_floats();
    float* const sums = slot_scratch + gradient_floats() + products_floats();
    std::fill_n(sums, sums_floats(), 0.0f);
    const int64_t last = std::min(batch_, end * images_) * image_tiles_;
    for (int64_t first = begin * images_ * image_tiles_; first < last; first += most_tiles_) {
      const WinogradTiles tiles = {first, std::min(most_tiles_, last - first)};
      const WinogradPlanes planes = winograd_planes(slot_scratch, tiles.count, weight_.inputs);
      const WinogradPlanes products =
          winograd_planes(slot_scratch + gradient_floats(), tiles.count, weight_.outputs);
      transform_gradient(shape_, source, tiles, {0, weight_.inputs}, planes, nullptr);
      kernels.multiply(planes, tiles.count, WinogradInputs::all(weight_.inputs),
                       {transformed, true}, weight_.outputs, true, products);
      overlap.add_tiles(shape_, products, tiles, epilogue.of_gradient(), sums, target);
    }
  });
}

}  // namespace

std::unique_ptr<const Conv2dPass> make_winograd_overlapping_gradient(
    const Conv2dGeometry& geometry) {
  return std::make_unique<WinogradOverlappingGradient>(geometry, winograd_tile(geometry, 2));
}

}  // namespace cnnx::ops
