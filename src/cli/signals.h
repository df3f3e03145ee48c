/* INT, TERM and HUP: the first cancels the session, so that the verb ends soon and tidily; the second ends the process
 * at once, removing unfinished files. A signal that was ignored when the program began (as nohup does) stays ignored.
 * PIPE is ignored: writers see EPIPE. */
#ifndef HDX_CLI_SIGNALS_H
#define HDX_CLI_SIGNALS_H

#include "heliodex.h"

void cli_signals_install(void);

/* The session to cancel; NULL before it is closed. */
void cli_signals_session(struct hdx_session *session);

/* The number of the first signal that came; 0: none. */
int cli_signals_pending(void);

/* A file to remove on the second signal, until it is forgotten. The name must stay where it is so long. */
void cli_signals_remember(const char *path);
void cli_signals_forget(const char *path);

#endif
