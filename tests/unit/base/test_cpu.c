/* The level that is found is one the processor has; the variable lowers it and nothing else. Each case asks in a
 * process of its own, since the answer is kept. */
#include "base/cpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int level_with(const char *value) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    if (value)
      setenv("HELIODEX_KERNEL", value, 1);
    else
      unsetenv("HELIODEX_KERNEL");
    int level = (int)hdx_cpu_level();
    setenv("HELIODEX_KERNEL", "scalar", 1);
    _exit(level == (int)hdx_cpu_level() ? level : 99);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void test_the_variable_lowers_the_level(void **state) {
  (void)state;
  int best = level_with(NULL);
  assert_int_equal(level_with(""), best);
  assert_int_equal(level_with("fastest"), best);
  assert_int_equal(level_with("avx512"), best);
  assert_int_equal(level_with("scalar"), HDX_CPU_SCALAR);
#if defined(__x86_64__)
  assert_true(best >= HDX_CPU_SSE2);
  assert_int_equal(level_with("sse2"), HDX_CPU_SSE2);
  assert_int_equal(level_with("neon"), best);
  assert_int_equal(level_with("avx2"), best < HDX_CPU_AVX2 ? best : HDX_CPU_AVX2);
#endif
}

static void test_names(void **state) {
  (void)state;
  assert_string_equal(hdx_cpu_level_name(HDX_CPU_SCALAR), "scalar");
  assert_string_equal(hdx_cpu_level_name(HDX_CPU_NEON), "neon");
  assert_string_equal(hdx_cpu_level_name(HDX_CPU_SSE2), "sse2");
  assert_string_equal(hdx_cpu_level_name(HDX_CPU_AVX2), "avx2");
  assert_string_equal(hdx_cpu_level_name(HDX_CPU_AVX512), "avx512");
  assert_string_equal(hdx_cpu_level_name((enum hdx_cpu_level)17), "unknown");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_variable_lowers_the_level),
      cmocka_unit_test(test_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
