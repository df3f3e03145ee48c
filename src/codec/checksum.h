/* The checksums that data files come with: what an index file's checksum column, an entity tag of S3 or S3's additional
 * checksums say. Pure.
 *
 * MD5 (RFC 1321), SHA-1, SHA-256, SHA-512 (FIPS 180-4) are OpenSSL's; CRC-32 (IEEE 802.3) and CRC-32C (Castagnoli, RFC
 * 3720) ISA-L's, loaded when first needed; CRC-64/NVME (NVM Express, S3's default) is ours, as neither has it: crc.h.
 */
#ifndef HDX_CODEC_CHECKSUM_H
#define HDX_CODEC_CHECKSUM_H

#include "base/text.h"

#define HDX_DIGEST_BYTES_MAX 64
#define HDX_DIGEST_TEXT_MAX (2 * HDX_DIGEST_BYTES_MAX + 1)

struct hdx_digest {
  enum hdx_check check;                /* HDX_CHECK_SIZE: there is none */
  uint8_t bytes[HDX_DIGEST_BYTES_MAX]; /* big-endian, as S3 encodes CRCs */
};

/* How many bytes its digests have; 0: HDX_CHECK_SIZE. */
size_t hdx_check_bytes(enum hdx_check check);

/* The check that a name means, in any letter case, with or without - and _ ("MD5", "SHA-256", "crc32c"); false: none
 * that is known. */
bool hdx_check_of_name(struct hdx_text name, enum hdx_check *check);

/* Reads a digest in hexadecimal digits or base64 (what its length says). False: it is none of this check's. */
bool hdx_digest_read(enum hdx_check check, struct hdx_text text, struct hdx_digest *digest);
/* Writes it in lower-case hexadecimal digits with a NUL to `out`, which has HDX_DIGEST_TEXT_MAX bytes. */
void hdx_digest_write(const struct hdx_digest *digest, char *out);
/* False if either is none. */
bool hdx_digest_equal(const struct hdx_digest *a, const struct hdx_digest *b);

/* The digest of an entity tag of S3 (with its quotes): an MD5 of an object that was put in one piece. False: it is
 * none ("…-12" of an upload in parts, weak, another length). */
bool hdx_digest_of_etag(struct hdx_text etag, struct hdx_digest *digest);

struct hdx_hasher;

/* For HDX_CHECK_SIZE there is nothing to compute: its digest is none. IO: a library is not there; LIMIT: it does not
 * compute this check here (MD5 under FIPS; anything once it has lacked memory for what it keeps); MEMORY. */
enum hdx_status hdx_hasher_open(enum hdx_check check, struct hdx_hasher **hasher, struct hdx_error *error);
/* NULL is allowed. */
void hdx_hasher_close(struct hdx_hasher *hasher);
void hdx_hasher_add(struct hdx_hasher *hasher, const void *data, size_t size);
/* The digest of what was added (none, if libcrypto failed meanwhile); the hasher begins anew. */
void hdx_hasher_finish(struct hdx_hasher *hasher, struct hdx_digest *digest);

/* Goes on with the CRC-32C of what came before (0: nothing). As fast as memory. */
uint32_t hdx_crc32c(uint32_t crc, const void *data, size_t size);
/* The CRC-32C of two runs of bytes one behind the other, of which the second has `size` bytes. */
uint32_t hdx_crc32c_join(uint32_t first, uint32_t second, uint64_t size);

#endif
