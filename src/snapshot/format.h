/* The bytes of a snapshot: this comment is their specification. Version 0 is a DRAFT: files of it are not promised to
 * stay readable.
 *
 *   file     header | block* | footer | trailer                                       numbers are little-endian
 *
 *   header   16 bytes: magic 89 'H' 'D' 'X' 0D 0A 1A 0A | major u16 | minor u16 | u32 of 0
 *            major 0: draft. Another major version is refused; a minor one only adds footer sections.
 *
 *   trailer  48 bytes: footer offset u64 | footer stored size u32 | footer raw size u32 | file size u64 | major u16 |
 *            minor u16 | u32 of 0 | XXH3 u64 of header, footer as stored, and the trailer up to here | magic 'H' 'D'
 *            'X' 'T' 0D 0A 1A 0A
 *
 *   footer   lies directly before the trailer; one zstd frame, or raw where both sizes are equal. Raw, it is
 *            sections: tag u8 | size varint | content. Unknown tags are skipped; known ones appear once, in any order.
 *     1 SUBJECT  source, id, index, indextype as texts | catalog start i64 | catalog stop i64 | flags u8 (bit 0:
 *                multiyear) | time digits u8 (0, 3, 6 or 9)
 *     2 COLUMNS  count varint | for each: id varint, name text. Sorted by name; ids and names are unique.
 *     3 YEARS    count varint | for each: year i32 | state u8 (enum hdx_year_state) | checked at i64 | rows, bad rows,
 *                bytes as varints | url, etag, last modified, reason as texts. Years ascend.
 *     4 BLOCKS   count u32 | then for each field a list with its value for every block:
 *                offset u64 | min start i64 | max start i64 | max stop i64 | sum of sizes u64 (of those not missing
 *                and not negative, saturated) | XXH3 of the block's bytes u64 | length u32 | rows u32 | sizes missing
 *                u32 | year i32 (i32 minimum: rows of several years) | flags u8 as in the block
 *                Ascending by min start, then max start, then offset. Blocks lie anywhere between header and footer,
 *                in any order, and fill that space without a gap.
 *     text       size varint | bytes | a byte of 0
 *
 *   block    1 to 65,536 rows (8,192 as written), sorted by start, stop (missing: the start), key
 *            flags u8 | number of extra columns u8 | size varint of each column in the order below; before that of an
 *            extra column its id varint (unique) | the columns, one behind the other, up to the block's end
 *     flags      bit 0: no row has a stop (there is no stop column) · bit 1: some rows have none · bit 2: rows of
 *                several years (there is a year column) · bit 3: some row has a stop before its start
 *     start      integers (codec/ints.h): ns since 1970
 *     stop       kind u8 | integers. kind 0: stop - start; 1: start of the next row (of the last row: its own) - stop;
 *                both modulo 2^64. A missing stop is i64 minimum.
 *     size       kind u8 | for kind 1 a bit for each row, set where the size is stated, padded with 0 to a byte |
 *                integers, in which a size not stated is any number. kind 0: all stated; 1: some; 2: none, and nothing
 *                follows.
 *     year       integers: the year of the index file that the row is from; 0: a file without year
 *     key        texts (codec/texts.h)
 *     extra      texts; a column that a block lacks is empty in all its rows
 *
 * The max stop of a block with missing stops is an upper bound of the stops that readers make up: the least min start
 * of a block that is greater than this block's max start; where there is none, the greatest max start of all.
 *
 * A reader checks sizes, magics and versions, then the trailer's XXH3, then each block's before it decodes it; and
 * bounds every read all the same. A file once renamed into place is never modified, only replaced by another: so a map
 * of it stays whole (only a third party that truncates the file in place makes a reader die of SIGBUS). */
#ifndef HDX_SNAPSHOT_FORMAT_H
#define HDX_SNAPSHOT_FORMAT_H

#include <stdint.h>

#define HDX_FORMAT_MAJOR 0
#define HDX_FORMAT_MINOR 0
#define HDX_FORMAT_TEXT "0 (draft)"

#define HDX_HEADER_MAGIC "\x89HDX\r\n\x1a\n"
#define HDX_TRAILER_MAGIC "HDXT\r\n\x1a\n"

enum { HDX_MAGIC_BYTES = 8, HDX_HEADER_BYTES = 16, HDX_TRAILER_BYTES = 48 };

enum hdx_section { HDX_SECTION_SUBJECT = 1, HDX_SECTION_COLUMNS, HDX_SECTION_YEARS, HDX_SECTION_BLOCKS };

enum hdx_block_flag {
  HDX_BLOCK_NO_STOP = 1,
  HDX_BLOCK_SOME_STOPS = 2,
  HDX_BLOCK_MIXED = 4,
  HDX_BLOCK_BACKWARD = 8,
  HDX_BLOCK_FLAGS = 15
};

enum { HDX_STOP_DURATION, HDX_STOP_GAP };
enum { HDX_SIZES_ALL, HDX_SIZES_SOME, HDX_SIZES_NONE };

enum { HDX_BLOCK_ROWS_MAX = 65536 };
#define HDX_YEAR_MIXED INT32_MIN

/* What a block may take: in the file, and of text when it is decoded. The writer begins another block earlier. */
#define HDX_BLOCK_BYTES_MAX (512u << 20)
#define HDX_BLOCK_TEXT_BYTES_MAX (256u << 20)
#define HDX_BLOCK_TEXT_BYTES_WRITTEN (64u << 20)
#define HDX_FOOTER_BYTES_MAX (64u << 20)

#endif
