// The generated data sets. Each call first checks its arguments, then allocates the arrays.
#include <algorithm>
#include <tuple>

#include "bindings.h"
#include "cnnx/shapes.h"
#include "cnnx/xo.h"

namespace cnnx::bindings {

void bind_generated_data(py::module_& module) {
  module.def(
      "draw_xo",
      [](int64_t count, int64_t size, uint64_t seed) {
        draw_xo(std::min<int64_t>(count, 0), size, seed, nullptr, nullptr);
        py::array_t<uint8_t> pixels(Shape{count, size, size, 1});
        py::array_t<int64_t> labels(Shape{count});
        uint8_t* pixel_data = pixels.mutable_data();
        int64_t* label_data = labels.mutable_data();
        {
          const ReleaseGil release;
          draw_xo(count, size, seed, pixel_data, label_data);
        }
        return std::make_tuple(pixels, labels);
      },
      py::arg("count"), py::arg("size"), py::arg("seed"));

  module.def(
      "draw_shapes",
      [](int64_t count, int64_t height, int64_t width, uint64_t seed) {
        draw_shapes(std::min<int64_t>(count, 0), height, width, seed, nullptr, nullptr);
        py::array_t<uint8_t> pixels(Shape{count, height, width, 3});
        py::array_t<uint8_t> masks(Shape{count, height, width});
        uint8_t* pixel_data = pixels.mutable_data();
        uint8_t* mask_data = masks.mutable_data();
        {
          const ReleaseGil release;
          draw_shapes(count, height, width, seed, pixel_data, mask_data);
        }
        return std::make_tuple(pixels, masks);
      },
      py::arg("count"), py::arg("height"), py::arg("width"), py::arg("seed"));

  module.def(
      "draw_single_shapes",
      [](int64_t count, int64_t height, int64_t width, uint64_t seed) {
        draw_single_shapes(std::min<int64_t>(count, 0), height, width, seed, nullptr, nullptr,
                           nullptr);
        py::array_t<uint8_t> pixels(Shape{count, height, width, 3});
        py::array_t<int64_t> labels(Shape{count});
        FloatArray boxes = new_array({count, 4});
        uint8_t* pixel_data = pixels.mutable_data();
        int64_t* label_data = labels.mutable_data();
        float* box_data = boxes.mutable_data();
        {
          const ReleaseGil release;
          draw_single_shapes(count, height, width, seed, pixel_data, label_data, box_data);
        }
        return std::make_tuple(pixels, labels, boxes);
      },
      py::arg("count"), py::arg("height"), py::arg("width"), py::arg("seed"));
}

}  // namespace cnnx::bindings
