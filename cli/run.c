/* countersign run: the proxy itself. */
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/loaded.h"
#include "proxy/proc/master.h"

static const char usage_text[] =
    "usage: countersign run [-c FILE]\n"
    "\n"
    "  -c, --config FILE  the configuration (default " LOADED_DEFAULT_PATH ")\n"
    "\n"
    "Runs in the foreground until it is told to stop.\n"
    "\n"
    "  HUP        load everything anew, all or nothing; also: countersign reload\n"
    "  USR1       open the log files again\n"
    "  TERM, INT  finish what is under way, then end; a second one: end at once\n"
    "  QUIT       end at once\n"
    "\n"
    "Exit status: 0 drained, 1 could not start or was forced, 2 wrong usage.\n";

static bool wants_ca(const struct conf *conf)
{
    return conf->ca.socket.p != NULL;
}

int run_main(int argc, char **argv)
{
    struct master_options o = {0};
    int status = loaded_options(argc, argv, usage_text, &o.config_path);
    if (status >= 0) {
        return status;
    }
    if (optind < argc) {
        (void)fprintf(stderr, "countersign run: what is \"%s\"? The configuration goes behind -c\n",
                      argv[optind]);
        return 2;
    }
    const char *const ca[] = {"countersign", "ca", "serve", "-c", o.config_path, NULL};
    o.companion = ca;
    o.companion_wanted = wants_ca;
    return master_run(&o);
}
