// Chooses the kernels of gradients for the active instruction set.
#include "ops/gradient_kernels.h"

#include "runtime/dispatch.h"

namespace cnnx::ops {
namespace {

const Conv2dGradientKernels& conv2d_half_vectors() {
  CNNX_IF_AVX512(
      if (runtime::active_isa() == runtime::Isa::avx512) return avx2::conv2d_gradient_kernels;)
  return CNNX_KERNELS(conv2d_gradient_kernels);
}

}  // namespace

const GradientKernels& gradient_kernels() {
  static const GradientKernels kernels = {
      &CNNX_KERNELS(conv2d_gradient_kernels),
      &conv2d_half_vectors(),
      &CNNX_BFLOAT16_TILE_KERNELS(bfloat16_weight_kernels),
      &CNNX_KERNELS(depthwise_gradient_kernels),
      &CNNX_KERNELS(depthwise_phases_kernels),
      &CNNX_KERNELS(lane_groups_gradient_kernels),
      &CNNX_KERNELS(winograd2_weight_kernels),
      &CNNX_KERNELS(winograd4_weight_kernels),
      &CNNX_KERNELS(winograd2_of_5_weight_kernels),
      &CNNX_KERNELS(winograd4_of_2_weight_kernels),
      &CNNX_KERNELS(winograd4_of_4_weight_kernels),
      &CNNX_KERNELS(winograd2_of_5_overlap_kernels),
      &CNNX_KERNELS(dense_gradient_kernels),
      &CNNX_KERNELS(activation_gradient_kernels),
      &CNNX_KERNELS(maximum_gradient_kernels),
      &CNNX_KERNELS(max_pool2d_gradient_kernels),
      &CNNX_KERNELS(avg_pool2d_gradient_kernels),
      &CNNX_KERNELS(adaptive_avg_pool2d_gradient_kernels),
      &CNNX_KERNELS(upsample2d_gradient_kernels),
      &CNNX_KERNELS(channel_shuffle_gradient_kernels),
      &CNNX_KERNELS(batch_norm2d_gradient_kernels),
      &CNNX_BFLOAT16_KERNELS(batch_norm2d_bfloat16_gradient_kernels),
      &CNNX_KERNELS(group_norm_gradient_kernels),
      &CNNX_KERNELS(l2_norm_gradient_kernels),
      &CNNX_KERNELS(lrn_gradient_kernels),
      &CNNX_KERNELS(softmax_gradient_kernels)};
  return kernels;
}

}  // namespace cnnx::ops
