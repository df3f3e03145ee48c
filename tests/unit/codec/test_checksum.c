/* Checksums: against published vectors, against what others computed (tests/vectors/checksums), against the definition
 * bit by bit, whatever the cut, the alignment and the thread. And the texts that digests come as. */
#include "codec/checksum.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define T(string) hdx_text_of(string)
#define VECTORS "vectors/checksums/digests.txt"

enum { MADE_UP_BYTES = (1 << 20) + 3, THREADS = 4 };

/* As make.py makes them. */
static uint8_t made_up[MADE_UP_BYTES];

static int make_up(void **state) {
  (void)state;
  uint64_t value = 1;
  for (size_t i = 0; i < MADE_UP_BYTES; i++) {
    value = value * 6364136223846793005u + 1442695040888963407u;
    made_up[i] = (uint8_t)(value >> 56);
  }
  return 0;
}

static struct hdx_hasher *opened(enum hdx_check check) {
  struct hdx_hasher *hasher = NULL;
  struct hdx_error error;
  if (hdx_hasher_open(check, &hasher, &error) != HDX_OK)
    fail_msg("%s: %s", hdx_check_name(check), error.message);
  return hasher;
}

static const char *finished(struct hdx_hasher *hasher) {
  static _Thread_local char text[HDX_DIGEST_TEXT_MAX];
  struct hdx_digest digest;
  hdx_hasher_finish(hasher, &digest);
  hdx_digest_write(&digest, text);
  return text;
}

static const char *digest_of(enum hdx_check check, const void *data, size_t size) {
  struct hdx_hasher *hasher = opened(check);
  hdx_hasher_add(hasher, data, size);
  const char *text = finished(hasher);
  hdx_hasher_close(hasher);
  return text;
}

/* The first to use the libraries: they are loaded by whichever thread comes first. */
static void *hash_in_thread(void *user) {
  bool *good = user;
  *good = strcmp(digest_of(HDX_CHECK_SHA1, "abc", 3), "a9993e364706816aba3e25717850c26c9cd0d89d") == 0 &&
          hdx_crc32c(0, "123456789", 9) == 0xe3069283 &&
          strcmp(digest_of(HDX_CHECK_CRC64NVME, "123456789", 9), "ae8b14860a799888") == 0;
  return NULL;
}

static void test_any_thread_may_come_first(void **state) {
  (void)state;
  pthread_t threads[THREADS];
  bool good[THREADS] = {false};
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, hash_in_thread, &good[i]), 0);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  for (int i = 0; i < THREADS; i++)
    assert_true(good[i]);
}

/* RFC 1321, A.5; FIPS 180-4's examples; the CRC catalogues' check values; RFC 3720, B.4. */
static void test_published_texts(void **state) {
  (void)state;
  static const struct {
    enum hdx_check check;
    const char *text, *digest;
  } known[] = {
      {HDX_CHECK_MD5, "", "d41d8cd98f00b204e9800998ecf8427e"},
      {HDX_CHECK_MD5, "a", "0cc175b9c0f1b6a831c399e269772661"},
      {HDX_CHECK_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72"},
      {HDX_CHECK_MD5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
      {HDX_CHECK_MD5, "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
       "57edf4a22be3c955ac49da2e2107b67a"},
      {HDX_CHECK_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
      {HDX_CHECK_SHA1, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
      {HDX_CHECK_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {HDX_CHECK_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {HDX_CHECK_SHA512, "abc",
       "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
       "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
      {HDX_CHECK_CRC32, "", "00000000"},
      {HDX_CHECK_CRC32, "123456789", "cbf43926"},
      {HDX_CHECK_CRC32C, "", "00000000"},
      {HDX_CHECK_CRC32C, "123456789", "e3069283"},
      {HDX_CHECK_CRC64NVME, "", "0000000000000000"},
      {HDX_CHECK_CRC64NVME, "123456789", "ae8b14860a799888"},
      {HDX_CHECK_SIZE, "123456789", ""},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    assert_string_equal(digest_of(known[i].check, known[i].text, strlen(known[i].text)), known[i].digest);
}

/* RFC 3720, B.4, and the NVM Command Set Specification, "64b CRC Test Cases for 4KiB Logical Block with no Metadata".
 */
static void test_published_runs_of_bytes(void **state) {
  (void)state;
  static const uint8_t read_command[48] = {
      0x01, 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02};
  uint8_t zeros[4096] = {0}, ones[4096], up[4096], down[4096];
  memset(ones, 0xff, sizeof ones);
  for (size_t i = 0; i < sizeof up; i++) {
    up[i] = (uint8_t)i;
    down[i] = (uint8_t)(0xff - i);
  }
  assert_int_equal(hdx_crc32c(0, zeros, 32), 0x8a9136aa);
  assert_int_equal(hdx_crc32c(0, ones, 32), 0x62a8ab43);
  assert_int_equal(hdx_crc32c(0, up, 32), 0x46dd794e);
  assert_int_equal(hdx_crc32c(0, down + 4096 - 32, 32), 0x113fdb5c);
  assert_int_equal(hdx_crc32c(0, read_command, sizeof read_command), 0xd9963a56);
  assert_string_equal(digest_of(HDX_CHECK_CRC64NVME, zeros, 4096), "6482d367eb22b64e");
  assert_string_equal(digest_of(HDX_CHECK_CRC64NVME, ones, 4096), "c0ddba7302eca3ac");
  assert_string_equal(digest_of(HDX_CHECK_CRC64NVME, up, 4096), "3e729f5f6750449c");
  assert_string_equal(digest_of(HDX_CHECK_CRC64NVME, down, 4096), "9a2df64b8e9e517e");
}

static void test_what_others_computed(void **state) {
  (void)state;
  FILE *file = fopen(VECTORS, "r");
  char name[16], digest[HDX_DIGEST_TEXT_MAX];
  size_t size, lines = 0;
  enum hdx_check check;
  assert_non_null(file);
  for (; fscanf(file, "%zu %15s %128s", &size, name, digest) == 3; lines++) {
    assert_true(size <= MADE_UP_BYTES && hdx_check_of_name(T(name), &check));
    assert_string_equal(digest_of(check, made_up, size), digest);
  }
  assert_true(feof(file));
  assert_int_equal(lines, 420);
  fclose(file);
}

static void test_cuts_change_nothing(void **state) {
  (void)state;
  enum { BYTES = 700 };
  for (int check = HDX_CHECK_MD5; check < HDX_CHECK_COUNT; check++) {
    char whole[HDX_DIGEST_TEXT_MAX];
    struct hdx_hasher *hasher = opened((enum hdx_check)check); /* begins anew with each digest */
    strcpy(whole, digest_of((enum hdx_check)check, made_up, BYTES));
    for (size_t cut = 0; cut <= BYTES; cut++) {
      hdx_hasher_add(hasher, made_up, cut);
      hdx_hasher_add(hasher, NULL, 0);
      hdx_hasher_add(hasher, made_up + cut, BYTES - cut);
      assert_string_equal(finished(hasher), whole);
    }
    for (size_t i = 0; i < BYTES; i++)
      hdx_hasher_add(hasher, made_up + i, 1);
    assert_string_equal(finished(hasher), whole);
    hdx_hasher_close(hasher);
  }
  hdx_hasher_close(NULL);
}

static void test_digests_are_read(void **state) {
  (void)state;
  static const struct {
    enum hdx_check check;
    const char *text, *digest; /* NULL: refused */
  } texts[] = {
      {HDX_CHECK_MD5, "d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e"},
      {HDX_CHECK_MD5, "D41D8CD98F00B204E9800998ECF8427E", "d41d8cd98f00b204e9800998ecf8427e"},
      {HDX_CHECK_MD5, "1B2M2Y8AsgTpgAmY7PhCfg==", "d41d8cd98f00b204e9800998ecf8427e"},
      {HDX_CHECK_MD5, "1B2M2Y8AsgTpgAmY7PhCfh==", NULL}, /* spare bits that are set */
      {HDX_CHECK_MD5, "1B2M2Y8AsgTpgAmY7PhCfg=", NULL},
      {HDX_CHECK_MD5, "1B2M2Y8AsgTpgAmY7PhCfg", NULL},
      {HDX_CHECK_MD5, "1B2M2Y8AsgTpgAmY7PhCf===", NULL},
      {HDX_CHECK_MD5, "1B2M2Y8A gTpgAmY7PhCfg==", NULL},
      {HDX_CHECK_MD5, "1B2M2Y8AsgTpgAmY7PhCfg==-3", NULL},
      {HDX_CHECK_MD5, "1B2M-Y8AsgTpgAmY7PhCfg==", NULL},
      {HDX_CHECK_MD5, "d41d8cd98f00b204e9800998ecf8427", NULL},
      {HDX_CHECK_MD5, "d41d8cd98f00b204e9800998ecf8427e0", NULL},
      {HDX_CHECK_MD5, "d41d8cd98f00b204e9800998ecf8427g", NULL},
      {HDX_CHECK_MD5, " d41d8cd98f00b204e9800998ecf8427", NULL},
      {HDX_CHECK_MD5, "", NULL},
      {HDX_CHECK_CRC32, "cbf43926", "cbf43926"},
      {HDX_CHECK_CRC32, "y/Q5Jg==", "cbf43926"},
      {HDX_CHECK_CRC32, "y/Q5Jgg=", NULL},
      {HDX_CHECK_CRC32, "0xcbf439", NULL},
      {HDX_CHECK_CRC32C, "4waSgw==", "e3069283"},
      {HDX_CHECK_CRC64NVME, "rosUhgp5mIg=", "ae8b14860a799888"},
      {HDX_CHECK_CRC64NVME, "ae8b14860a799888", "ae8b14860a799888"},
      {HDX_CHECK_CRC64NVME, "rosUhgp5mIg", NULL},
      {HDX_CHECK_CRC64NVME, "rosUhgp5mIiI", NULL},
      {HDX_CHECK_SHA1, "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", "a9993e364706816aba3e25717850c26c9cd0d89d"},
      {HDX_CHECK_SHA256, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {HDX_CHECK_SIZE, "", NULL},
      {HDX_CHECK_SIZE, "00", NULL},
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct hdx_digest digest = {.check = HDX_CHECK_COUNT};
    char written[HDX_DIGEST_TEXT_MAX];
    /* Not terminated, so that nothing is read behind it. */
    size_t size = strlen(texts[i].text);
    char *exact = malloc(size ? size : 1);
    memcpy(exact, texts[i].text, size);
    bool good = hdx_digest_read(texts[i].check, (struct hdx_text){exact, size}, &digest);
    free(exact);
    assert_int_equal(good, texts[i].digest != NULL);
    if (!good) {
      assert_int_equal(digest.check, HDX_CHECK_COUNT); /* untouched */
      continue;
    }
    hdx_digest_write(&digest, written);
    assert_string_equal(written, texts[i].digest);
  }
}

static void test_entity_tags(void **state) {
  (void)state;
  static const struct {
    const char *etag;
    bool md5;
  } etags[] = {
      {"\"d41d8cd98f00b204e9800998ecf8427e\"", true},
      {"\"d41d8cd98f00b204e9800998ecf8427e-12\"", false}, /* of an upload in parts */
      {"\"1B2M2Y8AsgTpgAmY7PhCfg==12345678\"", false},
      {"\"1B2M2Y8AsgTpgAmY7PhCfg==\"", false},
      {"W/\"d41d8cd98f00b204e9800998ecf8427e\"", false},
      {"d41d8cd98f00b204e9800998ecf8427e", false},
      {"\"d41d8cd98f00b204e9800998ecf8427e", false},
      {"'d41d8cd98f00b204e9800998ecf8427e\"", false},
      {"\"d41d8cd98f00b204e9800998ecf8427e'", false},
      {"\"5f3c1a2b-400\"", false},
      {"\"\"", false},
      {"\"", false},
      {"", false},
  };
  struct hdx_digest digest;
  for (size_t i = 0; i < sizeof etags / sizeof *etags; i++)
    assert_int_equal(hdx_digest_of_etag(T(etags[i].etag), &digest), etags[i].md5);
  assert_true(hdx_digest_of_etag(T(etags[0].etag), &digest));
  assert_int_equal(digest.check, HDX_CHECK_MD5);
}

static void test_equal_are_digests_of_one_check(void **state) {
  (void)state;
  struct hdx_digest a, b, none = {.check = HDX_CHECK_SIZE};
  assert_true(hdx_digest_read(HDX_CHECK_CRC32, T("cbf43926"), &a));
  assert_true(hdx_digest_read(HDX_CHECK_CRC32, T("y/Q5Jg=="), &b));
  assert_true(hdx_digest_equal(&a, &b));
  assert_true(hdx_digest_read(HDX_CHECK_CRC32, T("cbf43927"), &b));
  assert_false(hdx_digest_equal(&a, &b));
  assert_true(hdx_digest_read(HDX_CHECK_CRC32C, T("cbf43926"), &b));
  assert_false(hdx_digest_equal(&a, &b));
  assert_false(hdx_digest_equal(&none, &none));
}

static void test_names(void **state) {
  (void)state;
  static const struct {
    const char *name;
    int check; /* -1: none */
  } names[] = {
      {"md5", HDX_CHECK_MD5},
      {"MD5", HDX_CHECK_MD5},
      {"MD-5", HDX_CHECK_MD5},
      {"sha256", HDX_CHECK_SHA256},
      {"SHA-256", HDX_CHECK_SHA256},
      {"Sha_256", HDX_CHECK_SHA256},
      {"sha-1", HDX_CHECK_SHA1},
      {"SHA512", HDX_CHECK_SHA512},
      {"CRC32", HDX_CHECK_CRC32},
      {"crc-32c", HDX_CHECK_CRC32C},
      {"CRC32C", HDX_CHECK_CRC32C},
      {"CRC64NVME", HDX_CHECK_CRC64NVME},
      {"size", HDX_CHECK_SIZE},
      {"crc-64-nvme", HDX_CHECK_CRC64NVME},
      {"", -1},
      {"-", -1},
      {"sha", -1},
      {"sha 256", -1},
      {"md4", -1},
      {"md55", -1},
      {"crc32cc", -1},
      {"sha256sha256sha256sha256", -1},
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    enum hdx_check check = HDX_CHECK_COUNT;
    assert_int_equal(hdx_check_of_name(T(names[i].name), &check), names[i].check >= 0);
    assert_int_equal(check, names[i].check >= 0 ? names[i].check : HDX_CHECK_COUNT);
  }
  assert_string_equal(hdx_check_name(HDX_CHECK_SIZE), "size");
  assert_string_equal(hdx_check_name(HDX_CHECK_CRC64NVME), "crc64nvme");
  assert_string_equal(hdx_check_name(HDX_CHECK_COUNT), "unknown");
  assert_int_equal(hdx_check_bytes(HDX_CHECK_SIZE), 0);
  assert_int_equal(hdx_check_bytes(HDX_CHECK_SHA512), HDX_DIGEST_BYTES_MAX);
  assert_int_equal(hdx_check_bytes(HDX_CHECK_COUNT), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_any_thread_may_come_first),
      cmocka_unit_test(test_published_texts),
      cmocka_unit_test(test_published_runs_of_bytes),
      cmocka_unit_test(test_what_others_computed),
      cmocka_unit_test(test_cuts_change_nothing),
      cmocka_unit_test(test_digests_are_read),
      cmocka_unit_test(test_entity_tags),
      cmocka_unit_test(test_equal_are_digests_of_one_check),
      cmocka_unit_test(test_names),
  };
  return cmocka_run_group_tests(tests, make_up, NULL);
}
