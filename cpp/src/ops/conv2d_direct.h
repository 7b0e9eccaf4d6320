// The direct algorithm of conv2d: every product is computed as the formula says. Its plans are made
// once per shape, allocate nothing when they run, and may run in several threads at once.
#pragma once

#include <cstdint>
#include <vector>

#include "cnnx/conv2d.h"
#include "kernels/conv2d.h"

namespace cnnx::ops {

// A picture as a convolution reads it.
struct PictureShape {
  int64_t height, width, channels;
  int64_t row_floats() const { return width * channels; }
  int64_t floats() const { return height * width * channels; }
};

// First and one past the last.
struct Range {
  int64_t first, last;
  int64_t size() const { return last - first; }
};

// Rows and columns of a picture, wherever they lie, as windows read them: the picture itself if it
// has the columns, otherwise a copy in `scratch` with zero columns added. Rows outside the picture
// are left out.
BandRows band_rows(const PictureShape& shape, const float* picture, Range rows, Range columns,
                   float* scratch);
// Floats of that copy, 0 when none is made.
int64_t band_floats(const PictureShape& shape, int64_t rows, Range columns);

// A convolution's outputs along one axis that see the same taps: all of them going forward; for an
// input gradient of stride s those s apart, because each tap of the kernel meets every s-th pixel
// only.
struct Phase {
  int64_t first, count;  // output pixels first + i * step
  WindowAxis window;     // on the source
  int64_t kernel_first,
      kernel_step;  // tap t is kernel row (or column) kernel_first + t * kernel_step
};

// Windows over a source picture that make a target picture: forward, or the input gradient, which
// is the same with flipped weights over grad_output.
class DirectConvolution {
 public:
  static DirectConvolution forward(const Conv2dGeometry& geometry);
  static DirectConvolution input_gradient(const Conv2dGeometry& geometry);

  int64_t scratch_floats(int threads) const;
  // `bias` may be null. `accumulate` adds to the target and takes no bias.
  void run(const float* source, const float* weight, const float* bias, bool accumulate,
           int threads, float* scratch, float* target) const;

 private:
  struct Bands {
    int64_t count, rows;  // bands of each picture; rows of each but the last, which may have fewer
  };
  Bands bands(int threads) const;
  Range source_rows(int64_t begin, int64_t end) const;
  Range source_columns() const;
  int64_t panels_floats() const;
  void pack(const float* weight, int threads, float* panels) const;
  void run_band(const float* source, const float* panels, const float* bias, bool accumulate,
                Range rows, float* scratch, float* target) const;

  Conv2dGeometry geometry_;
  bool transposed_ = false;  // weight's input channels are the target's
  PictureShape source_{}, target_{};
  Pair step_;
  int64_t group_inputs_ = 0, group_outputs_ = 0;
  std::vector<Phase> vertical_, horizontal_;
  bool covers_target_ = true;  // false: some target pixels see no tap and are zero
};

// Weight and bias gradients, as sums over chunks of the batch that are added up at the end.
class DirectWeightGradient {
 public:
  explicit DirectWeightGradient(const Conv2dGeometry& geometry);

  int64_t scratch_floats(int threads) const;
  // Either gradient may be null.
  void run(const float* x, const float* grad_output, bool accumulate, int threads, float* scratch,
           float* grad_weight, float* grad_bias) const;

 private:
  int64_t weight_sums_floats() const;
  int64_t chunk_floats() const;
  int64_t slot_floats() const;
  Range columns() const;
  void run_share(const float* x, const float* grad_output, Range rows, Range blocks, bool with_bias,
                 float* scratch, float* sums, float* bias_sums) const;

  Conv2dGeometry geometry_;
  PictureShape picture_{};
  WindowAxis vertical_{}, horizontal_{};
  int64_t group_inputs_ = 0, group_outputs_ = 0, depth_ = 0;
  int64_t chunks_ = 1;
  int64_t band_pictures_ = 1, band_rows_ = 1;
};

}  // namespace cnnx::ops
