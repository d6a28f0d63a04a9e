/* Owns: reading of the CPU's and kernel's names. One thread. */
#include "bench/environment.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/str.h"

static void read_cpu(char *out, size_t size)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        struct str name;
        struct str value;
        if (str_cut(str_of(line), ':', &name, &value) && str_starts(name, STR("model name"))) {
            value.n -= value.n > 0 && value.p[value.n - 1] == '\n';
            value = str_trim(value);
            (void)snprintf(out, size, "%.*s", STR_ARG(value));
            break;
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
}

void environment_read(struct result_environment *env)
{
    struct utsname u;
    cpu_set_t set;
    *env = (struct result_environment){0};
    read_cpu(env->cpu, sizeof(env->cpu));
    env->cores = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 0;
    if (uname(&u) == 0) {
        (void)snprintf(env->kernel, sizeof(env->kernel), "%.40s %.50s", u.sysname, u.release);
    }
    (void)snprintf(env->openssl, sizeof(env->openssl), "%s", OpenSSL_version(OPENSSL_VERSION));
    (void)snprintf(env->tool, sizeof(env->tool), "%s", COUNTERSIGN_VERSION);
    env->started_wall_ms = clock_wall_ms();
}
