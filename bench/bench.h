/* The verbs of countersign-bench. Each gets its own arguments (argv[0] is the verb) and returns the
 * exit status: 0 fine; 1 it did not work, or answers were not as expected (compare: got worse);
 * 2 wrong usage. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

int bench_run_main(int argc, char **argv);
int bench_gen_pki_main(int argc, char **argv);
int bench_report_main(int argc, char **argv);
int bench_compare_main(int argc, char **argv);

#endif
