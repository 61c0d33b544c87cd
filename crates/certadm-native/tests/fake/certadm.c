/* A Certadm.dll whose every answer the test decides, and which counts what its caller owes.
 *
 * One loaded copy is one CA: state is global. Lists end where memory ends, so that who reads behind them
 * dies. Contexts are never freed, so that who uses one after its end is noticed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#define API __declspec(dllexport)
#else
#include <sys/mman.h>
#include <unistd.h>
#define API __attribute__((visibility("default")))
#endif

typedef int32_t HR;
typedef uint16_t W;
typedef uint32_t U;

#define E_HANDLE ((HR)0x80070006)
#define E_UNEXPECTED ((HR)0x8000FFFF)
#define FILE_NOT_FOUND ((HR)0xC8000713)

enum { MAX = 512 };

/* ---- What the test sets and asks; the numbers are those of `Knob` and `Tally` in `fake.rs`. ---- */

enum { FAIL_AT, FAIL_CODE, ONLINE, MAX_READ, OVERCOUNT, SIZE, STOP_AT, EXTRA, REGISTER_CODE, PREPARE_CODE, KNOBS };
enum { CALLS, LISTS, BAD_FREES, CONTEXTS, STALE, OPEN, PREPARED, TRUNCATED, WRONG_THREAD, TALLIES };

static int64_t knob[KNOBS] = { [ONLINE] = 1, [SIZE] = -1, [STOP_AT] = INT64_MAX };
static int64_t tally[TALLIES];
static char trace[1 << 16];

static struct { void *bytes; size_t length; U announced; int is_null; } list[4];
static struct { W name[260]; unsigned char *bytes; size_t length; } file[MAX];
static int files;
static struct { void *list, *memory; size_t length; } live[MAX];

struct context { int is_restore, is_over, open; size_t at; const void *thread; };
static _Thread_local char this_thread;

API void fake_set(U what, int64_t value) { knob[what] = value; }
API int64_t fake_get(U what) { return tally[what]; }
API const char *fake_trace(void) { return trace; }

API void fake_list(U which, const void *bytes, size_t length, U announced, int is_null) {
    list[which].bytes = malloc(length + 1);
    memcpy(list[which].bytes, bytes, length);
    list[which].length = length;
    list[which].announced = announced;
    list[which].is_null = is_null;
}

API void fake_file(const W *name, const void *bytes, size_t length) {
    size_t units = 0;
    while (name[units]) units++;
    memcpy(file[files].name, name, (units + 1) * sizeof(W));
    file[files].bytes = malloc(length + 1);
    memcpy(file[files].bytes, bytes, length);
    file[files++].length = length;
}

/* ---- Inside ---- */

static void note(const char *what, const W *text) {
    size_t at = strlen(trace);
    if (at + 600 > sizeof trace) return;
    at += (size_t)sprintf(trace + at, "%s%s", at && what[0] != '=' ? " " : "", what);
    for (; text && *text && at + 1 < sizeof trace; text++) trace[at++] = (char)*text;
    trace[at] = 0;
}

/* Is this the call that goes wrong? Success then has no effect at all. */
static int wrong(const char *name, HR *code) {
    note(name, NULL);
    *code = (HR)knob[FAIL_CODE];
    return ++tally[CALLS] == knob[FAIL_AT];
}

static int stale(const void *handle, int is_restore) {
    const struct context *context = handle;
    int is_stale = !context || context->is_over || context->is_restore != is_restore;
    tally[STALE] += is_stale;
    if (!is_stale) tally[WRONG_THREAD] += context->thread != &this_thread;
    return is_stale;
}

static HR prepare(void **handle, int is_restore) {
    HR code = (HR)knob[PREPARE_CODE];
    if (code < 0) {
        *handle = (void *)1; /* no context */
        return code;
    }
    struct context *context = calloc(1, sizeof *context);
    context->is_restore = is_restore;
    context->open = -1;
    context->thread = &this_thread;
    *handle = context;
    tally[CONTEXTS]++;
    tally[PREPARED]++;
    return code;
}

static HR end(void *handle, int is_restore, int fails, HR code) {
    if (stale(handle, is_restore)) return E_HANDLE;
    struct context *context = handle;
    context->is_over = 1;
    tally[CONTEXTS]--;
    if (context->open >= 0) tally[OPEN]--;
    return fails ? code : 0;
}

static HR hand_out(void *handle, U which, W **out, U *size) {
    if (stale(handle, 0)) return E_HANDLE;
    *size = list[which].announced;
    *out = NULL;
    if (list[which].is_null) return 0;
    int slot = 0;
    while (live[slot].list) slot++;
    size_t length = list[which].length;
#ifdef _WIN32
    char *memory = malloc(length + 1), *at = memory;
#else
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (length + page - 1) / page * page;
    char *memory = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(memory + whole, page, PROT_NONE);
    char *at = memory + whole - length;
    live[slot].length = whole + page;
#endif
    memcpy(at, list[which].bytes, length);
    live[slot].memory = memory;
    live[slot].list = at;
    tally[LISTS]++;
    *out = (W *)at;
    return 0;
}

/* ---- The interface ---- */

API HR CertSrvIsServerOnlineW(const W *server, int *online) {
    HR code;
    if (wrong("Online", &code)) return code;
    note("=", server);
    *online = (int)knob[ONLINE];
    return 0;
}

API HR CertSrvBackupPrepareW(const W *server, U jet, U flags, void **handle) {
    HR code;
    if (wrong(jet ? "BadPrepare" : flags == 1 ? "PrepareFull" : "PrepareLogs", &code)) return code;
    note("=", server);
    return prepare(handle, 0);
}

#define LIST(function, name, which)                          \
    API HR function(void *handle, W **out, U *size) {        \
        HR code;                                             \
        if (wrong(name, &code)) {                            \
            if (code < 0) *out = (W *)1; /* no list */       \
            return code;                                     \
        }                                                    \
        return hand_out(handle, which, out, size);           \
    }
LIST(CertSrvBackupGetDatabaseNamesW, "Databases", 0)
LIST(CertSrvBackupGetBackupLogsW, "Logs", 1)
LIST(CertSrvBackupGetDynamicFileListW, "Dynamic", 2)
LIST(CertSrvRestoreGetDatabaseLocationsW, "Map", 3)

API HR CertSrvBackupOpenFileW(void *handle, const W *name, U hint, int64_t *size) {
    HR code;
    (void)hint;
    if (wrong("Open", &code)) return code;
    if (stale(handle, 0)) return E_HANDLE;
    struct context *context = handle;
    if (context->open >= 0) return E_UNEXPECTED;
    for (int i = 0; i < files; i++) {
        const W *a = file[i].name, *b = name;
        while (*a && *a == *b) a++, b++;
        if (*a != *b) continue;
        context->open = i;
        context->at = 0;
        tally[OPEN]++;
        *size = knob[SIZE] != -1 ? knob[SIZE] : (int64_t)file[i].length;
        return 0;
    }
    return FILE_NOT_FOUND;
}

API HR CertSrvBackupRead(void *handle, void *buffer, U size, U *count) {
    HR code;
    if (wrong("Read", &code)) return code;
    if (stale(handle, 0)) return E_HANDLE;
    struct context *context = handle;
    if (context->open < 0) return E_UNEXPECTED;
    size_t end = file[context->open].length;
    if ((int64_t)end > knob[STOP_AT]) end = (size_t)knob[STOP_AT];
    size_t many = end > context->at ? end - context->at : 0;
    if (many > size) many = size;
    if (knob[MAX_READ] && many > (size_t)knob[MAX_READ]) many = (size_t)knob[MAX_READ];
    memcpy(buffer, file[context->open].bytes + context->at, many);
    context->at += many;
    if (!many && knob[EXTRA]) many = size < knob[EXTRA] ? size : (size_t)knob[EXTRA];
    *count = knob[OVERCOUNT] ? size + (U)knob[OVERCOUNT] : (U)many;
    return 0;
}

API HR CertSrvBackupClose(void *handle) {
    HR code;
    int fails = wrong("Close", &code);
    if (stale(handle, 0)) return E_HANDLE;
    struct context *context = handle;
    if (context->open < 0) return E_UNEXPECTED;
    context->open = -1;
    tally[OPEN]--;
    return fails ? code : 0;
}

API HR CertSrvBackupTruncateLogs(void *handle) {
    HR code;
    if (wrong("Truncate", &code)) return code;
    if (stale(handle, 0)) return E_HANDLE;
    tally[TRUNCATED]++;
    return 0;
}

API HR CertSrvBackupEnd(void *handle) {
    HR code;
    int fails = wrong("End", &code);
    return end(handle, 0, fails, code);
}

API void CertSrvBackupFree(void *memory) {
    for (int i = 0; i < MAX; i++) {
        if (!memory || live[i].list != memory) continue;
#ifdef _WIN32
        free(live[i].memory);
#else
        munmap(live[i].memory, live[i].length);
#endif
        live[i].list = NULL;
        tally[LISTS]--;
        return;
    }
    tally[BAD_FREES]++;
}

API HR CertSrvRestorePrepareW(const W *server, U flags, void **handle) {
    HR code;
    if (wrong(flags == 1 ? "RestorePrepare" : "BadRestorePrepare", &code)) return code;
    note("=", server);
    return prepare(handle, 1);
}

struct map { W *old_name, *new_name; };

static void note_registration(const W *checkpoint, const W *log, const struct map *map, int32_t count,
                              const W *backup_log, U low, U high) {
    char range[64];
    note("chk=", checkpoint);
    note("log=", log);
    for (int32_t i = 0; i < count; i++) {
        note("old=", map[i].old_name);
        note("new=", map[i].new_name);
    }
    note(map ? "map" : "nomap", NULL);
    note("from=", backup_log);
    sprintf(range, "%u..%u", low, high);
    note(range, NULL);
}

API HR CertSrvRestoreRegisterW(void *handle, const W *checkpoint, const W *log, struct map *map, int32_t count,
                               const W *backup_log, U low, U high) {
    HR code;
    if (wrong("Register", &code)) return code;
    if (stale(handle, 1)) return E_HANDLE;
    if (knob[REGISTER_CODE]) return (HR)knob[REGISTER_CODE];
    note_registration(checkpoint, log, map, count, backup_log, low, high);
    return 0;
}

API HR CertSrvRestoreRegisterThroughFile(void *handle, const W *checkpoint, const W *log, struct map *map,
                                         int32_t count, const W *backup_log, U low, U high) {
    HR code;
    if (wrong("ThroughFile", &code)) return code;
    if (stale(handle, 1)) return E_HANDLE;
    note_registration(checkpoint, log, map, count, backup_log, low, high);
    return 0;
}

API HR CertSrvRestoreRegisterComplete(void *handle, HR outcome) {
    HR code;
    char text[32];
    if (wrong("Complete", &code)) return code;
    if (stale(handle, 1)) return E_HANDLE;
    sprintf(text, "=%08X", (U)outcome);
    note(text, NULL);
    return 0;
}

API HR CertSrvRestoreEnd(void *handle) {
    HR code;
    int fails = wrong("RestoreEnd", &code);
    return end(handle, 1, fails, code);
}

API HR CertSrvServerControlW(const W *server, U control, U *size, unsigned char **out) {
    HR code;
    if (wrong(control == 1 && !size && !out ? "ShutDown" : "BadControl", &code)) return code;
    note("=", server);
    return 0;
}
