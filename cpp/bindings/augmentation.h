// An augmentation's settings as they cross from Python.
#pragma once

#include <string>
#include <tuple>
#include <utility>

#include "bindings.h"
#include "cnnx/augmentation.h"

namespace cnnx::bindings {

inline Augmentation augmentation_of(const py::dict& settings) {
  const auto number = [&](const char* name) { return settings[name].cast<float>(); };
  const auto integer = [&](const char* name) { return settings[name].cast<int64_t>(); };
  Augmentation augmentation;
  const auto flip = settings["flip"].cast<std::string>();
  if (flip == "random") augmentation.flip = Augmentation::Flip::random;
  if (flip == "alternating") augmentation.flip = Augmentation::Flip::alternating;
  if (settings["border"].cast<std::string>() == "reflect")
    augmentation.border = Augmentation::Border::reflect;
  augmentation.crop_padding = integer("crop_padding");
  augmentation.rotate = number("rotate");
  std::tie(augmentation.scale_low, augmentation.scale_high) =
      settings["scale"].cast<std::pair<float, float>>();
  augmentation.shift = number("shift");
  augmentation.contrast = number("contrast");
  augmentation.brightness = number("brightness");
  augmentation.cutout = integer("cutout");
  augmentation.mixup = number("mixup");
  return augmentation;
}

}  // namespace cnnx::bindings
