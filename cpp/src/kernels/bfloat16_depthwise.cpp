// The depthwise convolution of arrays of bfloat16.
#include "kernels/conv2d_depthwise.h"

namespace {
using DepthwiseElement = uint16_t;
}  // namespace

#include "kernels/conv2d_depthwise_tiles.h"

namespace cnnx {
namespace CNNX_ISA {

const Bfloat16DepthwiseKernels bfloat16_depthwise_kernels = {convolve_depthwise};

}  // namespace CNNX_ISA
}  // namespace cnnx
