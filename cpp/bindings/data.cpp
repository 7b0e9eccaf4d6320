// The resizing of images and their augmentation.
#include "bindings.h"
#include "cnnx/preprocessing.h"
#include "image_batch.h"
#include "training_settings.h"

namespace cnnx::bindings {
namespace {

void bind_augmentation(py::module_& module) {
  module.def(
      "check_augmentation", [](const py::dict& settings) { validate(augmentation_of(settings)); },
      py::arg("settings"));

  module.def(
      "augment_images",
      [](const py::array& pixels, bool integer_values, const std::vector<float>& mean,
         const std::vector<float>& std, const py::dict& settings, uint64_t seed, uint64_t epoch) {
        const ImageBatch images = image_batch(pixels, integer_values);
        const Shape shape = shape_of(pixels);
        const Augmentation augmentation = augmentation_of(settings);
        FloatArray result = new_array(shape);
        float* data = result.mutable_data();
        {
          const ReleaseGil release;
          augment_images(images, {shape[1], shape[2], shape[3]}, {Resize::stretch, mean, std},
                         augmentation, seed, epoch, data);
        }
        return result;
      },
      py::arg("pixels"), py::arg("integer_values"), py::arg("mean"), py::arg("std"),
      py::arg("settings"), py::arg("seed"), py::arg("epoch"));

  module.def(
      "augment_masks",
      [](const py::array_t<int64_t, py::array::c_style>& masks, const Shape& image_shape,
         const py::dict& settings, uint64_t seed, uint64_t epoch, int64_t beyond) {
        const Shape shape = shape_of(masks);
        if (shape.size() != 3) {
          throw py::value_error("augment_masks: masks has shape " + to_string(shape) +
                                ", expected (batch, height, width)");
        }
        const Augmentation augmentation = augmentation_of(settings);
        py::array_t<int64_t> result(shape);
        int64_t* data = result.mutable_data();
        {
          const ReleaseGil release;
          augment_masks({masks.data(), shape[0], shape[1], shape[2], beyond}, image_shape,
                        augmentation, seed, epoch, data);
        }
        return result;
      },
      py::arg("masks").noconvert(), py::arg("image_shape"), py::arg("settings"), py::arg("seed"),
      py::arg("epoch"), py::arg("beyond"));
}

// resize_mask or restore_mask.
using MaskFunction = void (*)(const uint8_t*, int64_t, int64_t, int64_t, int64_t, Resize, uint8_t*);

void bind_masks(py::module_& module) {
  const auto bind = [&module](const char* name, MaskFunction function) {
    module.def(
        name,
        [name, function](const py::array_t<uint8_t, py::array::c_style>& mask, int64_t height,
                         int64_t width, const std::string& resize) {
          if (mask.ndim() != 2) {
            throw py::value_error(std::string(name) + ": mask has shape " +
                                  to_string(shape_of(mask)) + ", expected (height, width)");
          }
          const Resize how = resize_of(resize);
          py::array_t<uint8_t> result(Shape{height, width});
          uint8_t* data = result.mutable_data();
          {
            const ReleaseGil release;
            function(mask.data(), mask.shape(0), mask.shape(1), height, width, how, data);
          }
          return result;
        },
        py::arg("mask").noconvert(), py::arg("height"), py::arg("width"), py::arg("resize"));
  };
  bind("resize_mask", resize_mask);
  bind("restore_mask", restore_mask);
}

}  // namespace

void bind_data(py::module_& module) {
  module.def(
      "resize_image",
      [](const py::array_t<uint8_t, py::array::c_style>& pixels, int64_t height, int64_t width,
         int64_t channels, const std::string& resize) {
        if (pixels.ndim() != 3) {
          throw py::value_error("resize_image: pixels has shape " + to_string(shape_of(pixels)) +
                                ", expected (height, width, channels)");
        }
        const ImageView image{pixels.data(),   pixels.shape(0),  pixels.shape(1),
                              pixels.shape(2), PixelType::uint8, 0};
        const Resize how = resize_of(resize);
        py::array_t<uint8_t> result(Shape{height, width, channels});
        uint8_t* data = result.mutable_data();
        {
          const ReleaseGil release;
          resize_image(image, height, width, channels, how, data);
        }
        return result;
      },
      py::arg("pixels").noconvert(), py::arg("height"), py::arg("width"), py::arg("channels"),
      py::arg("resize"));

  bind_masks(module);
  bind_augmentation(module);
}

}  // namespace cnnx::bindings
