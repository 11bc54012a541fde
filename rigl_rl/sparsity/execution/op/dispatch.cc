// Which of the compiled kernels this processor runs.

#include <cstdlib>
#include <cstring>

#include "kernels.h"

namespace rigl_rl {

extern const Kernels kernels_any;
#ifdef RIGL_RL_X86
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;
#endif

namespace {

const Kernels& choose() {
#ifdef RIGL_RL_X86
  const char* const forced = std::getenv("RIGL_RL_PROCESSOR");
  const bool any = forced && !std::strcmp(forced, "any");
  const bool avx2 = forced && !std::strcmp(forced, "avx2");
  __builtin_cpu_init();
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (!any && !avx2 && has_avx2 && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return kernels_avx512;
  if (!any && has_avx2) return kernels_avx2;
#endif
  return kernels_any;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace rigl_rl
