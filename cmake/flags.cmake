# What every target is compiled with: warnings, hardening, sanitizers and coverage as interface targets.
include(CheckCCompilerFlag)
include(CheckPIESupported)
check_pie_supported()
check_c_compiler_flag(-fstack-clash-protection HDX_HAS_STACK_CLASH)
check_c_compiler_flag(-fcf-protection HDX_HAS_CF_PROTECTION) # x86 alone
add_library(hdx_flags INTERFACE)
target_compile_definitions(hdx_flags INTERFACE _GNU_SOURCE)
target_compile_options(hdx_flags INTERFACE
  -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wundef -Wpointer-arith -Wcast-align -Wwrite-strings
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition>
  $<$<BOOL:${HDX_WERROR}>:-Werror>
  -fno-omit-frame-pointer)
target_link_options(hdx_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
if(NOT HDX_SANITIZE)
  target_compile_options(hdx_flags INTERFACE
    -fstack-protector-strong
    $<$<BOOL:${HDX_HAS_STACK_CLASH}>:-fstack-clash-protection>
    $<$<BOOL:${HDX_HAS_CF_PROTECTION}>:-fcf-protection>
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>) # which needs -O
endif()
if(HDX_SANITIZE)
  target_compile_options(hdx_flags INTERFACE -fsanitize=${HDX_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(hdx_flags INTERFACE -fsanitize=${HDX_SANITIZE})
endif()
if(HDX_COVERAGE)
  target_compile_options(hdx_flags INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(hdx_flags INTERFACE --coverage)
endif()
if(HDX_ANALYZE)
  # GCC 12 takes whatever is stored behind a pointer that it knows nothing of for lost: leaks are what AddressSanitizer looks
  # for in every test, also in those where the n-th allocation fails.
  target_compile_definitions(hdx_flags INTERFACE HDX_ANALYZE)
  target_compile_options(hdx_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:-fanalyzer;-Wno-analyzer-malloc-leak>)
endif()
