/* Compares the vector kernel of this processor with the scalar one, without a test library: cross-compiled and run
 * under an emulator by ../neon.sh. Every length at the end of a mapped page, every alignment, every cut, every value of
 * every byte of a usual row. Ends with 0 and a line that names the kernel, or with 1 at the first difference. */
#include "unit/parse/csv_record.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static enum hdx_cpu_level kernel;

static void compare(struct hdx_buffer expected, struct hdx_buffer got, const char *what, size_t at) {
  if (!csv_record_same(&expected, &got)) {
    printf("%s differs from scalar at %s %zu:\n%s\nexpected:\n", hdx_cpu_level_name(kernel), what, at,
           hdx_buffer_string(&got));
    printf("%s\n", hdx_buffer_string(&expected));
    exit(1);
  }
  hdx_buffer_deinit(&expected);
  hdx_buffer_deinit(&got);
}

static void compare_placed(const char *data, size_t size, const char *what, size_t at) {
  compare(csv_record_place(HDX_CPU_SCALAR, data, size), csv_record_place(kernel, data, size), what, at);
}

static char *page_end(size_t room) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (room + page - 1) / page * page;
  char *map = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED || mprotect(map + size, page, PROT_NONE) != 0) {
    printf("no memory with a page end could be had\n");
    exit(1);
  }
  return map + size;
}

static void check_places(struct hdx_text file, char *end) {
  for (size_t size = 0; size <= file.size; size++) {
    memcpy(end - size, file.data, size);
    compare_placed(end - size, size, "length", size);
  }
  for (size_t align = 0; align < 64; align++) {
    memcpy(end - file.size - align, file.data, file.size);
    compare_placed(end - file.size - align, file.size, "alignment", align);
  }
  for (size_t cut = 0; cut <= file.size; cut += 3)
    compare(csv_record_place(HDX_CPU_SCALAR, file.data, file.size),
            csv_record_scan(kernel, file.data, file.size, &cut, 1), "cut", cut);
}

static void check_bytes(void) {
  static const char row[] = "2011-12-31T23:59:59.999Z,2012-01-01T00:00:00.001Z,s3://b/sdo_aia_v1.fits,12345600\n";
  enum { SIZE = sizeof row - 1 };
  char file[3 * SIZE];
  for (size_t i = 0; i < 3; i++)
    memcpy(file + i * SIZE, row, SIZE);
  for (size_t at = SIZE; at < 2 * SIZE; at++) {
    for (int value = 0; value < 256; value++) {
      file[at] = (char)value;
      compare_placed(file, sizeof file, "byte", at);
    }
    file[at] = row[at - SIZE];
  }
}

int main(void) {
  kernel = hdx_csv_kernel(hdx_cpu_level());
  if (kernel == HDX_CPU_SCALAR) {
    printf("only the scalar kernel is built in\n");
    return 1;
  }
  struct hdx_text files[] = {csv_record_oddities(), csv_record_short_rows(), csv_record_tidy_rows()};
  char *end = page_end(files[0].size + 64);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    check_places(files[i], end);
  check_bytes();
  printf("kernel %s gives what the scalar one gives\n", hdx_cpu_level_name(kernel));
  return 0;
}
