/* Connections take the addresses of a host in turn, and nobody else's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transfer/addresses.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>

static void make(union hdx_socket_address *address, const char *text, int port) {
  memset(address, 0, sizeof *address);
  if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons((uint16_t)port);
  } else {
    assert_int_equal(inet_pton(AF_INET6, text, &address->v6.sin6_addr), 1);
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons((uint16_t)port);
  }
}

static struct hdx_addresses found; /* of 10.0.0.1, ::1, 10.0.0.2, 10.0.0.3, ::2, at port 443 */

static int setup(void **state) {
  static const char *const texts[] = {"10.0.0.1", "::1", "10.0.0.2", "10.0.0.3", "::2"};
  union hdx_socket_address addresses[5];
  struct addrinfo list[5];
  (void)state;
  memset(list, 0, sizeof list);
  for (int i = 0; i < 5; i++) {
    make(&addresses[i], texts[i], 443);
    list[i].ai_addr = &addresses[i].any;
    list[i].ai_next = i < 4 ? &list[i + 1] : NULL;
  }
  memset(&found, 0, sizeof found);
  hdx_addresses_take(&found, list);
  assert_int_equal(found.count, 5);
  return 0;
}

/* The address that a connection takes which was offered one. */
static const char *turn(const char *offered, int port) {
  static char text[INET6_ADDRSTRLEN];
  union hdx_socket_address address;
  make(&address, offered, port);
  hdx_addresses_turn(&found, &address.any);
  if (address.any.sa_family == AF_INET)
    return inet_ntop(AF_INET, &address.v4.sin_addr, text, sizeof text);
  return inet_ntop(AF_INET6, &address.v6.sin6_addr, text, sizeof text);
}

static void test_each_in_turn(void **state) {
  (void)state;
  const char *expected[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3"};
  for (int i = 0; i < 9; i++)
    assert_string_equal(turn("10.0.0.1", 443), expected[i % 3]);
}

static void test_families_stay(void **state) {
  (void)state;
  int first = 0;
  for (int i = 0; i < 10; i++) {
    assert_null(strchr(turn("10.0.0.2", 443), ':'));
    const char *v6 = turn("::2", 443);
    assert_non_null(strchr(v6, ':'));
    first += strcmp(v6, "::1") == 0;
  }
  assert_in_range(first, 1, 9);
}

/* What is not of the list is a proxy's, or another port's. */
static void test_others_are_left_alone(void **state) {
  (void)state;
  assert_string_equal(turn("192.168.0.1", 443), "192.168.0.1");
  assert_string_equal(turn("10.0.0.2", 8080), "10.0.0.2");
  hdx_addresses_take(&found, NULL);
  assert_string_equal(turn("10.0.0.2", 443), "10.0.0.2");
}

int main(void) {
  static const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_each_in_turn, setup),
                                            cmocka_unit_test_setup(test_families_stay, setup),
                                            cmocka_unit_test_setup(test_others_are_left_alone, setup)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
