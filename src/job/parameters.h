/* What the extra columns of a dataset are: asked of the document beside its index files (catalog/parameters.h), once in
 * a run: before the first index file, if the older snapshot has any such columns, as that may be made with another
 * document; else when the first index file that has any was read. A dataset without extra columns never asks. */
#ifndef HDX_JOB_PARAMETERS_H
#define HDX_JOB_PARAMETERS_H

#include "job/index.h"

struct hdx_parameters;

/* Whether what there is to know is known: the document, or that there is none, or that it could not be read. */
bool hdx_parameters_answered(const struct hdx_dataset_job *job);

/* Whether the document is to be asked for before the dataset's years begin: some are held that it names. */
bool hdx_parameters_come_first(const struct hdx_dataset_job *job);
/* Asks for it; hdx_dataset_begin_years is called once it has answered, perhaps before this returns. */
void hdx_parameters_ask(struct hdx_dataset_job *job);

/* Whether it came first, and is not what the rows that are held were named by. */
bool hdx_parameters_changed(const struct hdx_dataset_job *job);

/* The fingerprint that the new snapshot has (snapshot/format.h), by its states and what it keeps. */
uint64_t hdx_parameters_fingerprint(const struct hdx_dataset_job *job);

/* Asks for the document, unless that is under way; hdx_year_go_on is called for the year once it has answered. */
void hdx_parameters_wait(struct hdx_year_job *year);

/* OK; or why the document could not be read, INTERRUPTED too. Not where it is not there, or malformed: then there is
 * none. The message names it. */
enum hdx_status hdx_parameters_status(const struct hdx_dataset_job *job, const char **message);

/* The names of extra columns, by their position; a count of 0: none is known. They stay what they are. */
const struct hdx_text *hdx_parameters_names(const struct hdx_dataset_job *job, size_t *count);

/* Tells the writer what its columns are: as the document says if it was asked for; else, and of rows that are kept as
 * another one named them, as the older snapshot does. */
enum hdx_status hdx_parameters_describe(const struct hdx_dataset_job *job, struct hdx_error *error);

/* NULL is allowed. */
void hdx_parameters_free(struct hdx_parameters *parameters);

#endif
