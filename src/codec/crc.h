/* Cyclic redundancy checks as data files come with them, each over its reflected polynomial, with a register that
 * begins and ends inverted. Pure; any thread.
 *
 *   CRC-32       x^32 + 0x04c11db7           of "123456789": cbf43926          (IEEE 802.3, gzip)
 *   CRC-32C      x^32 + 0x1edc6f41                           e3069283          (RFC 3720, iSCSI)
 *   CRC-64/NVME  x^64 + 0xad93d23594c93659                   ae8b14860a799888  (NVM Express NVM Command Set 1.0, 5.2.1)
 *
 * The short ones are ISA-L's, which is loaded when it is first needed (base/library.h); where there is none, and for
 * the long one, they are made here: by folding with carry-less multiplication where the processor has it, by tables
 * elsewhere. Each function goes on with the check of what came before; 0 begins. */
#ifndef HDX_CODEC_CRC_H
#define HDX_CODEC_CRC_H

#include "codec/checksum.h"

enum hdx_crc { HDX_CRC_32, HDX_CRC_32C, HDX_CRC_64NVME, HDX_CRC_COUNT };

uint32_t hdx_crc32(uint32_t crc, const void *data, size_t size);
uint64_t hdx_crc64nvme(uint64_t crc, const void *data, size_t size);
/* hdx_crc32c: checksum.h. */

/* Any of them without ISA-L; `by_tables`: without carry-less multiplication either. */
uint64_t hdx_crc_fold(enum hdx_crc kind, bool by_tables, uint64_t crc, const void *data, size_t size);

#endif
