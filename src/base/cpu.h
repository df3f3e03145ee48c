/* Which vector instructions this processor has, found once; HELIODEX_KERNEL=scalar|sse2|avx2|avx512|neon picks a lower
 * kernel, so that tests can walk all of them on one machine. */
#ifndef HDX_BASE_CPU_H
#define HDX_BASE_CPU_H

enum hdx_cpu_level { HDX_CPU_SCALAR, HDX_CPU_NEON, HDX_CPU_SSE2, HDX_CPU_AVX2, HDX_CPU_AVX512 };

/* AVX2 means AVX2 with BMI1, BMI2 and POPCNT; AVX512 means F, BW, VL, DQ, VBMI, VBMI2 and AVX2's besides. The variable
 * lowers it; a name that is unknown, of another processor or above what there is changes nothing. Any thread. */
enum hdx_cpu_level hdx_cpu_level(void);

/* "scalar", "neon", "sse2", "avx2", "avx512". */
const char *hdx_cpu_level_name(enum hdx_cpu_level level);

#endif
