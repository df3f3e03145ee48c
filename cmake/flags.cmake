# What every target is compiled with: warnings, sanitizers and coverage as interface targets.
add_library(hdx_flags INTERFACE)
target_compile_definitions(hdx_flags INTERFACE _GNU_SOURCE)
target_compile_options(hdx_flags INTERFACE
  -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wundef -Wpointer-arith -Wcast-align -Wwrite-strings
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition>
  $<$<BOOL:${HDX_WERROR}>:-Werror>
  -fno-omit-frame-pointer)
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
