/* cmocka with what it wants included before, and what the tests of the command line share. */
#ifndef CLI_CMOCKA_H
#define CLI_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

#endif
