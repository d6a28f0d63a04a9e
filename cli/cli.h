/* The verbs of the command. Each gets its own arguments (argv[0] is the verb) and returns the exit
 * status: 0 fine, 1 it did not work or is not so, 2 wrong usage (explain: or no answer). That
 * standard output could not be written is told by main(). */
#ifndef CLI_CLI_H
#define CLI_CLI_H

int run_main(int argc, char **argv);
int check_main(int argc, char **argv);
int config_main(int argc, char **argv);
int ca_main(int argc, char **argv);
int request_main(int argc, char **argv);
int audit_main(int argc, char **argv);
int store_main(int argc, char **argv);
int cert_main(int argc, char **argv);
int user_main(int argc, char **argv);
int lockout_main(int argc, char **argv);
int explain_main(int argc, char **argv);
int demo_main(int argc, char **argv);
int status_main(int argc, char **argv);
int reload_main(int argc, char **argv);
int healthcheck_main(int argc, char **argv);

#endif
