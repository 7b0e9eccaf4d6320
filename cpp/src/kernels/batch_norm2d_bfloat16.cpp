// Batch normalisation of bfloat16.
#include "kernels/batch_norm2d_loops.h"

namespace cnnx {
namespace CNNX_ISA {

const BatchNorm2dBfloat16Kernels batch_norm2d_bfloat16_kernels = {moments<uint16_t>,
                                                                  forward<uint16_t>};
const BatchNorm2dBfloat16GradientKernels batch_norm2d_bfloat16_gradient_kernels = {
    sums<uint16_t>, backward<uint16_t>};

}  // namespace CNNX_ISA
}  // namespace cnnx
