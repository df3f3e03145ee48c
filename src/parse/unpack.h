/* Index files as archives publish them, plain or packed: the bytes of a file in, in any cut, the bytes of what it holds
 * out. What the file is, its first bytes tell, whatever it is called: mirrors gzip files and leave their names alone,
 * and what is called .csv.zip may have been unpacked on the way.
 *
 * Plain bytes are handed on where they lie. Those of a packed file are handed out as they are unpacked, from a buffer
 * of fixed size, before its checksums are known: they count only once the file has been finished without an error.
 *
 * Pure: no input or output, no thread of its own; one thread at a time. */
#ifndef HDX_PARSE_UNPACK_H
#define HDX_PARSE_UNPACK_H

#include "parse/inflate.h"

enum hdx_packing { HDX_PACKING_NONE, HDX_PACKING_GZIP, HDX_PACKING_ZIP };

/* "", "gzip", "zip". */
const char *hdx_packing_name(enum hdx_packing packing);

struct hdx_unpack;

/* `sink` takes what comes out; `user` is its. What it takes to unpack is made when the first packed file comes. MEMORY.
 */
enum hdx_status hdx_unpack_open(hdx_inflate_sink *sink, void *user, struct hdx_unpack **unpack,
                                struct hdx_error *error);
void hdx_unpack_close(struct hdx_unpack *unpack);

/* Begins another file, keeping the memory. */
void hdx_unpack_reset(struct hdx_unpack *unpack);

/* The next bytes of the file. INTEGRITY: it is packed, and damaged, encrypted, of several parts, a bomb …: what was
 * expected, and found; INTERNAL: the library that unpacks is missing; MEMORY; the sink's. */
enum hdx_status hdx_unpack_feed(struct hdx_unpack *unpack, const char *data, size_t size, struct hdx_error *error);
/* The file has ended: hands out what is left. INTEGRITY: it is packed and breaks off, or its checks fail. */
enum hdx_status hdx_unpack_finish(struct hdx_unpack *unpack, struct hdx_error *error);

/* How the file is packed: NONE until its first bytes have come. */
enum hdx_packing hdx_unpack_packing(const struct hdx_unpack *unpack);

#endif
