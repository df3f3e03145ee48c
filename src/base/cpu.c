#include "base/cpu.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"scalar", "neon", "sse2", "avx2", "avx512"};
enum { LEVELS = sizeof names / sizeof *names, UNKNOWN = -1 };

const char *hdx_cpu_level_name(enum hdx_cpu_level level) {
  return (unsigned)level < LEVELS ? names[level] : "unknown";
}

static enum hdx_cpu_level found(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
              __builtin_cpu_supports("popcnt");
  bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
  return avx512 ? HDX_CPU_AVX512 : avx2 ? HDX_CPU_AVX2 : HDX_CPU_SSE2;
#elif defined(__aarch64__)
  return HDX_CPU_NEON;
#else
  return HDX_CPU_SCALAR;
#endif
}

static bool built_for(enum hdx_cpu_level level) {
#if defined(__aarch64__)
  return level == HDX_CPU_SCALAR || level == HDX_CPU_NEON;
#else
  return level != HDX_CPU_NEON;
#endif
}

enum hdx_cpu_level hdx_cpu_level(void) {
  /* Threads that race here find the same. */
  static atomic_int known = UNKNOWN;
  int level = atomic_load_explicit(&known, memory_order_relaxed);
  if (level == UNKNOWN) {
    level = (int)found();
    const char *wanted = getenv("HELIODEX_KERNEL");
    for (int i = 0; wanted && i < level; i++)
      if (strcmp(wanted, names[i]) == 0 && built_for((enum hdx_cpu_level)i))
        level = i;
    atomic_store_explicit(&known, level, memory_order_relaxed);
  }
  return (enum hdx_cpu_level)level;
}
