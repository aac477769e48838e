/* Fails system calls on files of a database as a rule file says: compiled and preloaded by faults.test.ts.
 * The file that MILLRACE_FAULTS names has a line for each rule: <call> <part of the path> <errno or SHORT> <skip> <count>.
 * `call` is write, sync, open, truncate or rename. Of the calls that match, `skip` pass and the next `count` fail. A new
 * rule file counts anew. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define RULES_MAX 8
#define SHORT (-1)

struct rule {
  char call[16], part[128];
  int error;
  long skip, count, seen;
};

static struct rule rules[RULES_MAX];
static int rule_count;
static char loaded[4096];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void load(void) {
  const char *name = getenv("MILLRACE_FAULTS");
  char text[sizeof loaded] = {0};
  if (!name) return;
  int file = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDONLY);
  if (file >= 0) {
    if (syscall(SYS_read, file, text, sizeof text - 1) < 0) text[0] = 0;
    syscall(SYS_close, file);
  }
  if (strcmp(text, loaded) == 0) return;
  memcpy(loaded, text, sizeof loaded);
  rule_count = 0;
  for (char *rest = text, *line; rule_count < RULES_MAX && (line = strtok_r(rest, "\n", &rest));) {
    struct rule *rule = &rules[rule_count];
    char error[16];
    memset(rule, 0, sizeof *rule);
    if (sscanf(line, "%15s %127s %15s %ld %ld", rule->call, rule->part, error, &rule->skip, &rule->count) == 5) {
      rule->error = strcmp(error, "SHORT") == 0 ? SHORT : atoi(error);
      rule_count++;
    }
  }
}

/* 0, an errno, or SHORT. */
static int fault(const char *call, const char *path) {
  int error = 0;
  pthread_mutex_lock(&lock);
  load();
  for (int i = 0; i < rule_count && !error; i++) {
    struct rule *rule = &rules[i];
    if (strcmp(rule->call, call) != 0 || !strstr(path, rule->part)) continue;
    long seen = rule->seen++;
    if (seen >= rule->skip && seen < rule->skip + rule->count) error = rule->error;
  }
  pthread_mutex_unlock(&lock);
  return error;
}

static int fault_of(const char *call, int file) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t len = readlink(link, path, sizeof path - 1);
  if (len < 0) return 0;
  path[len] = 0;
  return fault(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL(error, result) do { int e = (error); if (e > 0) { errno = e; return result; } } while (0)

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
  int error = fault_of("write", file);
  FAIL(error, -1);
  if (error == SHORT && count > 1) count /= 2;
  return REAL(pwrite64)(file, bytes, count, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) { return pwrite64(file, bytes, count, offset); }

int fdatasync(int file) {
  FAIL(fault_of("sync", file), -1);
  return REAL(fdatasync)(file);
}

int fsync(int file) {
  FAIL(fault_of("sync", file), -1);
  return REAL(fsync)(file);
}

int ftruncate64(int file, off64_t length) {
  FAIL(fault_of("truncate", file), -1);
  return REAL(ftruncate64)(file, length);
}

int rename(const char *from, const char *to) {
  FAIL(fault("rename", to), -1);
  return REAL(rename)(from, to);
}

int open64(const char *path, int flags, ...) {
  mode_t mode = 0;
  if (flags & (O_CREAT | O_TMPFILE)) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  FAIL(fault("open", path), -1);
  return REAL(open64)(path, flags, mode);
}
