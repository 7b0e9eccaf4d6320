// Detects the CPU's vector instructions, the operating system's support for their registers, and
// CNNX_ISA.
#include "runtime/isa.h"

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "cnnx/runtime.h"
#include "kernels/levels.h"

#if defined(__x86_64__) || defined(_M_X64)
#define CNNX_X86 1
#include <cpuid.h>
#endif
#if defined(CNNX_X86) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace cnnx::runtime {
namespace {

struct Level {
  Isa isa;
  DotProducts dot_products;
  const char* name;
};

// Best first: the first one that this CPU can run is the default.
// clang-format off
constexpr Level kLevels[] = {
    CNNX_IF_AMX({Isa::avx512, DotProducts::amx, "amx"}, )
    CNNX_IF_AVX512_BF16({Isa::avx512, DotProducts::avx512_bf16, "avx512_bf16"}, )
    CNNX_IF_AVX512_VNNI({Isa::avx512, DotProducts::avx512_vnni, "avx512_vnni"}, )
    CNNX_IF_AVX512({Isa::avx512, DotProducts::none, "avx512"}, )
    CNNX_IF_AVX2_VNNI({Isa::avx2, DotProducts::avx2_vnni, "avx2_vnni"}, )
    CNNX_IF_AVX2({Isa::avx2, DotProducts::none, "avx2"}, )
    CNNX_IF_NEON_DOTPROD({Isa::neon, DotProducts::neon_dotprod, "neon_dotprod"}, )
    CNNX_IF_NEON({Isa::neon, DotProducts::none, "neon"}, )
    {Isa::baseline, DotProducts::none, "baseline"}};
// clang-format on

#if defined(CNNX_X86)
// Register state that the operating system must save: a CPU flag alone does not make an instruction
// usable.
uint64_t saved_register_state() {
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

bool cpu_runs_x86(Isa isa) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return false;
  constexpr unsigned kFma = 1u << 12, kOsxsave = 1u << 27, kAvx = 1u << 28;
  if ((c & (kFma | kOsxsave | kAvx)) != (kFma | kOsxsave | kAvx)) return false;
  const uint64_t state = saved_register_state();
  constexpr uint64_t kYmm = 0x6, kZmm = 0xe6;
  if ((state & kYmm) != kYmm) return false;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned kAvx2 = 1u << 5;
  if (!(b & kAvx2)) return false;
  if (isa == Isa::avx2) return true;
  constexpr unsigned kAvx512 = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);  // F, DQ, BW, VL
  return (b & kAvx512) == kAvx512 && (state & kZmm) == kZmm;
}

// Linux gives a process the registers of tiles on request only.
bool may_use_tiles() {
#if defined(__linux__)
  constexpr uint64_t kTiles = 0x60000;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return (saved_register_state() & kTiles) == kTiles &&
         syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

// On a CPU that runs the level's other instructions.
bool cpu_has(DotProducts dot_products) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned kAvx512Vnni = 1u << 11;
  constexpr unsigned kTiles = (1u << 22) | (1u << 24) | (1u << 25);  // of bfloat16 and of bytes
  const bool vnni = (c & kAvx512Vnni) != 0, tiles = (d & kTiles) == kTiles;
  if (dot_products == DotProducts::avx512_vnni) return vnni;
  if (!__get_cpuid_count(7, 1, &a, &b, &c, &d)) return false;
  constexpr unsigned kAvxVnni = 1u << 4, kAvx512Bf16 = 1u << 5;
  if (dot_products == DotProducts::avx2_vnni) return (a & kAvxVnni) != 0;
  const bool bf16 = vnni && (a & kAvx512Bf16);
  return dot_products == DotProducts::amx ? bf16 && tiles && may_use_tiles() : bf16;
}
#endif

#if defined(__aarch64__)
bool cpu_has(DotProducts) {
#if defined(__linux__)
  constexpr unsigned long kDotProducts = 1ul << 20;  // HWCAP_ASIMDDP
  return (getauxval(AT_HWCAP) & kDotProducts) != 0;
#elif defined(__APPLE__)
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname("hw.optional.arm.FEAT_DotProd", &value, &size, nullptr, 0) == 0 && value == 1;
#else
  return false;
#endif
}
#endif

bool cpu_runs(Isa isa) {
  if (isa == Isa::baseline) return true;
#if defined(CNNX_X86)
  return (isa == Isa::avx2 || isa == Isa::avx512) && cpu_runs_x86(isa);
#elif defined(__aarch64__)
  return isa == Isa::neon;
#else
  return false;
#endif
}

bool cpu_runs(const Level& level) {
#if defined(CNNX_X86) || defined(__aarch64__)
  if (level.dot_products != DotProducts::none && !cpu_has(level.dot_products)) return false;
#endif
  return cpu_runs(level.isa);
}

Level choose() {
  const char* forced = std::getenv("CNNX_ISA");
  const std::string wanted = forced ? forced : "";
  std::string usable;
  for (const Level& level : kLevels) {
    if (!cpu_runs(level)) continue;
    if (wanted.empty() || wanted == level.name) return level;
    usable += (usable.empty() ? "" : ", ") + std::string(level.name);
  }
  throw std::invalid_argument("CNNX_ISA is \"" + wanted +
                              "\", expected one that this CPU runs: " + usable);
}

const Level& active_level() {
  static const Level level = choose();
  return level;
}

}  // namespace

Isa active_isa() { return active_level().isa; }
DotProducts dot_products() { return active_level().dot_products; }

}  // namespace cnnx::runtime

namespace cnnx {

std::string integer_isa() { return runtime::active_level().name; }

bool has_native_bfloat16() {
  const runtime::DotProducts level = runtime::dot_products();
  return level == runtime::DotProducts::amx || level == runtime::DotProducts::avx512_bf16;
}

std::string isa() {
  for (const runtime::Level& level : runtime::kLevels) {
    if (level.isa == runtime::active_isa() && level.dot_products == runtime::DotProducts::none)
      return level.name;
  }
  return "baseline";
}

}  // namespace cnnx
