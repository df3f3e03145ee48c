/* The bytes of a snapshot: this comment, with those of the codecs that it names, is their specification. Version 1.1.
 *
 *   file     header | block* | footer | trailer                                       numbers are little-endian
 *
 *   varint   LEB128: seven bits a byte, the lowest first, the high bit set on all but the last; at most 64 bits.
 *            "signed": folded first, 0, -1, 1, -2 … become 0, 1, 2, 3 …
 *   XXH3     of 64 bits, without seed and secret
 *   text     size varint | bytes | a byte of 0
 *   time     i64, nanoseconds since 1970-01-01T00:00:00Z without leap seconds; i64 minimum: none
 *
 *   header   16 bytes: magic 89 'H' 'D' 'X' 0D 0A 1A 0A | major u16 | minor u16 | u32 of 0
 *            Another major version than 1 is refused. A minor one only adds footer sections: every reader of version 1
 *            reads every file of version 1.
 *
 *   trailer  48 bytes: footer offset u64 | footer stored size u32 | footer raw size u32 | file size u64 | major u16 |
 *            minor u16 | u32 of 0 | XXH3 u64 of header, footer as stored, and the trailer up to here | magic 'H' 'D'
 *            'X' 'T' 0D 0A 1A 0A
 *
 *   footer   lies directly before the trailer; one zstd frame, or raw where both sizes are equal. Raw, it is
 *            sections: tag u8 | size varint | content. Unknown tags are skipped; known ones appear once, in any order.
 *     1 SUBJECT    source, id, index, indextype as texts | catalog start i64 (minimum + 2: the dataset has no time, and
 *                  one file without year) | catalog stop i64 | flags u8 (bit 0: multiyear) | time digits u8 (0, 3, 6
 *                  or 9)
 *     2 COLUMNS    count varint | for each: id varint, name text. The extra columns, sorted by name; ids and names are
 *                  unique.
 *     3 YEARS      count varint | for each: year i32 (0: a file without year) | state u8 (0 present, 1 gap, 2 stale,
 *                  3 vanished, 4 failed) | checked at i64 | rows, bad rows, bytes as varints | url, etag, last
 *                  modified, reason as texts. Years ascend.
 *     4 BLOCKS     count u32 | then for each of these fields a list with its value for every block: offset u64 |
 *                  min start i64 | max start i64 | max stop i64 | sum of sizes u64 (of those not missing and not
 *                  negative, saturated) | XXH3 of the block's bytes u64 | length u32 | rows u32 | sizes missing u32 |
 *                  year i32 (i32 minimum: rows of several years) | flags u8 as in the block
 *                  Blocks ascend by min start, then max start, then offset. They lie anywhere between header and
 *                  footer, in any order, and fill that space without a gap.
 *     5 TEMPLATES  count varint | for each: size varint | bytes (codec/template.h). Their place in the list is their
 *                  number, from 0.
 *     6 FORMS      (1.1; may be missing) for each year in the order of YEARS: form text (what the index file looked
 *                  like, in words; empty: not known) | repairs, duplicates as varints | flags u8 (bit 0: rows out of
 *                  order). Where it is missing in a file of version 1.1 or later, every index file of which there are
 *                  bytes has the form "csv", and all the others of this are 0; in one of 1.0 nothing is known of it.
 *     7 PARAMETERS (1.1; may be missing: the fingerprint is 0, and nothing is known of any column) fingerprint u64 |
 *                  for each column in the order of COLUMNS: type u8 (0 not known, 1 string, 2 integer, 3 double) |
 *                  units, description as texts
 *                  The fingerprint is that of the dataset's document of parameters by which its columns have their
 *                  names: XXH3 of, for each extra column that it tells of, in its order: name text | type u8 | units,
 *                  description as texts; 0: there was none, or it told of none; 1: rows are named by different ones.
 *
 *   block    1 to 65,536 rows (8,192 as written), sorted by start, stop (missing: the start), key, year
 *            flags u8 | number of extra columns u8 | heads | columns, one behind the other, up to the block's end
 *     flags    bit 0: no row has a stop (there is no stop column) · bit 1: some rows have none · bit 2: rows of several
 *              years (there is a year column) · bit 3: some row has a stop before its start
 *     heads    of the columns in this order: times, size, year (if there is one), key, extras:
 *              an extra column's id varint (unique) | of key and extras: number of templates u8 | their numbers as
 *              varints | the column's size varint
 *     times    kind u8 | starts | stops                          "sized": size varint | that many bytes: a stream of
 *                                                                integers (codec/ints.h), one for each row unless said
 *              kind      bits 0-1: starts 0 PLAIN, 1 CHAIN, 2 DAY · bits 2-3: stops 0 DURATION, 1 OF_DAY (either, where
 *                        there is no stop column) · the others 0
 *              starts    PLAIN  sized: the starts
 *                        CHAIN  first start signed varint | sized, one for each row but the first: start less the stop
 *                               of the row before. Only with DURATION, all stops there, and 2 rows or more
 *                        DAY    sized: days since 1970, rounded down | sized: start less its day's beginning
 *              stops     none if flags' bit 0 is set. If bit 1 is: sized, not 0 where there is a stop. Then a stream up
 *                        to the column's end: DURATION stop less start; OF_DAY stop less the beginning of start's day;
 *                        any number where there is no stop
 *              All arithmetic is modulo 2^64.
 *     size     kind u8 | fields of the kind; a stream without size goes up to the column's end
 *              0 ALL          stream: the sizes
 *              1 SOME         sized: not 0 where it is stated | stream: the sizes, any number where not
 *              2 NONE         nothing: none is stated
 *              3 BY DURATION  all are stated, and all rows have stops: number of durations less 1 u8 | durations |
 *                             stream: size less what the row's duration stands for
 *              durations      of each duration (stop less start), ascending: the first as signed varint, others as
 *                             varint of the difference to the one before | the size that it stands for, less that of
 *                             the duration before (the first: as it is), signed varint
 *     year     stream: the year of the index file that the row is from; 0: a file without year
 *     key      texts (codec/column.h)
 *     extra    texts; a column that a block lacks is empty in all its rows
 *
 * A missing stop is read as the start of the next row, in the order of rows, of the whole snapshot; that of the last
 * row as its own start. The max stop of a block with missing stops is the greatest of the stops that are there and an
 * upper bound of those that are made up: the least min start of a block that is greater than this block's max start;
 * where there is none, the greatest max start of all.
 *
 * A row without time ("static") starts at i64 minimum + 2, the first instant there is, and stops at i64 maximum.
 *
 * Rows and blocks. A row that an index file has twice is there twice. A dataset of fewer than 65,536 rows is one run of
 * blocks sorted as a whole, with years mixed in them; in a larger one a block holds rows of one index file alone, so
 * that a new version of one year leaves the others' blocks as they are. There the rows of different years overlap in
 * time where an index file has rows of another year: readers merge blocks by start, stop, key, year, then by the
 * blocks' order in the footer.
 *
 * Limits: 65,536 rows, 512 MiB and 256 MiB of decoded text a block, 250 extra columns, 64 templates a column, 65,536
 * templates a file, 4,096 bytes a template, 1 MiB a text, 64 MiB of footer.
 *
 * A reader checks sizes, magics and versions, then the trailer's XXH3, then each block's before it decodes it; and
 * bounds every read all the same. A file once renamed into place is never modified, only replaced by another: so a map
 * of it stays whole (only a third party that truncates the file in place makes a reader die of SIGBUS). */
#ifndef HDX_SNAPSHOT_FORMAT_H
#define HDX_SNAPSHOT_FORMAT_H

#include <stdint.h>

#define HDX_FORMAT_MAJOR 1
#define HDX_FORMAT_MINOR 1

#define HDX_HEADER_MAGIC "\x89HDX\r\n\x1a\n"
#define HDX_TRAILER_MAGIC "HDXT\r\n\x1a\n"

enum { HDX_MAGIC_BYTES = 8, HDX_HEADER_BYTES = 16, HDX_TRAILER_BYTES = 48 };

enum hdx_section {
  HDX_SECTION_SUBJECT = 1,
  HDX_SECTION_COLUMNS,
  HDX_SECTION_YEARS,
  HDX_SECTION_BLOCKS,
  HDX_SECTION_TEMPLATES,
  HDX_SECTION_FORMS,
  HDX_SECTION_PARAMETERS
};
enum { HDX_SECTION_COUNT = HDX_SECTION_PARAMETERS + 1 };

#define HDX_FORM_PLAIN "csv" /* the form of a file of which nothing is said */
enum { HDX_FORM_UNSORTED = 1 };
enum { HDX_ZONE_BYTES = 6 * 8 + 4 * 4 + 1 }; /* of a block in BLOCKS */

enum hdx_block_flag {
  HDX_BLOCK_NO_STOP = 1,
  HDX_BLOCK_SOME_STOPS = 2,
  HDX_BLOCK_MIXED = 4,
  HDX_BLOCK_BACKWARD = 8,
  HDX_BLOCK_FLAGS = 15
};

enum { HDX_START_PLAIN, HDX_START_CHAIN, HDX_START_DAY };
enum { HDX_STOP_DURATION, HDX_STOP_OF_DAY };
enum { HDX_SIZES_ALL, HDX_SIZES_SOME, HDX_SIZES_NONE, HDX_SIZES_BY_DURATION };
enum { HDX_DURATIONS_MAX = 256 };

enum { HDX_BLOCK_ROWS_MAX = 65536 };
#define HDX_YEAR_MIXED INT32_MIN

/* What a block may take: in the file, and of text when it is decoded. The writer begins another block earlier. */
#define HDX_BLOCK_BYTES_MAX (512u << 20)
#define HDX_BLOCK_TEXT_BYTES_MAX (256u << 20)
#define HDX_BLOCK_TEXT_BYTES_WRITTEN (64u << 20)
#define HDX_FOOTER_BYTES_MAX (64u << 20)

#endif
