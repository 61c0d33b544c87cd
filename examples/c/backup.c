/*
 * backup.c - a backup of a certification authority by the documented interface of Certadm.dll.
 *
 * It follows the scenario "Backing Up Certificate Services" of Microsoft's documentation, all sixteen steps,
 * with nothing but the library, which is loaded at run time: Microsoft's certadm.dll, or ours (certadm.dll
 * on Windows, libcertadm.so elsewhere). The set is laid out as certutil does it, and certutil restores it:
 *
 *     FOLDER/DataBase/certbkxp.dat     where the CA keeps its files (step 5)
 *     FOLDER/DataBase/NAME.edb         the database
 *     FOLDER/DataBase/edbXXXXX.log     the logs that belong to it
 *     FOLDER/Dynamic/...               files outside the database, where they can be read
 *
 * The CA's keys are not in it: the interface does not give them.
 *
 * It is meant to be read from `backup()` on. Three rules that the interface does not enforce for you:
 *
 *   - databases before logs: a database is copied while the CA writes to it, and only the logs that are
 *     listed afterwards make it whole;
 *   - truncation comes last and only when every byte is on the medium: what it deletes is nowhere else;
 *   - whatever happens, close the file that is open, end the context, free every list.
 *
 * Exit codes: 0 done; 1 wrong arguments; 2 the library or a function of it is missing; 3 the CA is not
 * online; 4 the backup failed, FOLDER is not a backup; 5 the set is whole, but its logs were not truncated
 * or the session did not end well.
 */
#include "certadm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifdef _WIN32
#include <direct.h>
#include <io.h>
#else
#include <dlfcn.h>
#include <unistd.h>
#endif

enum { DONE = 0, WRONG_ARGUMENTS = 1, NO_LIBRARY = 2, NOT_ONLINE = 3, FAILED_BACKUP = 4, NOT_FINISHED = 5 };

/* Bytes of one read: what Microsoft's sample takes. Any size will do. */
#define CHUNK 524288u

/* Longest path or name in here, in bytes of UTF-8. */
#define MAX_PATH_BYTES 4096u

/* ------------------------------------------------------------------------------------------------------
 * The functions of the library, each as a pointer of the type that the header gives it. A name at a time,
 * so that what is missing can be named. The program is not linked with the library: where it is absent, a
 * program that is cannot even start and say so.
 * --------------------------------------------------------------------------------------------------- */

#define FUNCTIONS(X)                                                                                      \
    X(FNCERTSRVISSERVERONLINEW, CertSrvIsServerOnlineW)                                                    \
    X(FNCERTSRVBACKUPPREPAREW, CertSrvBackupPrepareW)                                                      \
    X(FNCERTSRVRESTOREGETDATABASELOCATIONSW, CertSrvRestoreGetDatabaseLocationsW)                          \
    X(FNCERTSRVBACKUPGETDATABASENAMESW, CertSrvBackupGetDatabaseNamesW)                                    \
    X(FNCERTSRVBACKUPOPENFILEW, CertSrvBackupOpenFileW)                                                    \
    X(FNCERTSRVBACKUPREAD, CertSrvBackupRead)                                                              \
    X(FNCERTSRVBACKUPCLOSE, CertSrvBackupClose)                                                            \
    X(FNCERTSRVBACKUPGETBACKUPLOGSW, CertSrvBackupGetBackupLogsW)                                          \
    X(FNCERTSRVBACKUPTRUNCATELOGS, CertSrvBackupTruncateLogs)                                              \
    X(FNCERTSRVBACKUPGETDYNAMICFILELISTW, CertSrvBackupGetDynamicFileListW)                                \
    X(FNCERTSRVBACKUPEND, CertSrvBackupEnd)                                                                \
    X(FNCERTSRVBACKUPFREE, CertSrvBackupFree)

struct functions {
#define DECLARE(type, name) type *name;
    FUNCTIONS(DECLARE)
#undef DECLARE
};

struct options {
    const char *server;  /* host name of the CA, or HOST\CA NAME */
    const char *folder;  /* where the set goes; it must not hold one yet */
    const char *library; /* another library than the system's, or NULL */
    const char *dynamic; /* folder in which the dynamic files can be seen from here, or NULL */
    int logs_only;       /* an incremental backup */
    int truncate;        /* let the CA delete the logs that were saved */
};

/* A list of the library: its memory, and how many UTF-16 units there are. */
struct list {
    WCHAR *units;
    size_t count;
};

static void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

static void complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("error: ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* What a code means: first to the system, then, as Microsoft advises, to the backup's own message table. */
static void complain_code(const char *function, HRESULT code)
{
    complain("%s returned 0x%08lX", function, (unsigned long)(uint32_t)code);
#ifdef _WIN32
    {
        WCHAR text[512];
        DWORD length = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                                      (DWORD)code, 0, text, 512, NULL);
        if (length == 0) {
            HMODULE table = LoadLibraryExW(L"ntdsbmsg.dll", NULL,
                                           LOAD_LIBRARY_AS_DATAFILE | LOAD_LIBRARY_SEARCH_SYSTEM32);
            if (table != NULL) {
                length = FormatMessageW(FORMAT_MESSAGE_FROM_HMODULE | FORMAT_MESSAGE_IGNORE_INSERTS, table,
                                        (DWORD)code, 0, text, 512, NULL);
                FreeLibrary(table);
            }
        }
        if (length != 0)
            fprintf(stderr, "       %ls\n", text);
    }
#else
    if (getenv("CERTADM_LOG") == NULL)
        fputs("hint: set CERTADM_LOG=stderr to see why\n", stderr);
#endif
}

/* ------------------------------------------------------------------------------------------------------
 * Text. The library speaks UTF-16, this program UTF-8; the two systems differ only at their file names.
 * --------------------------------------------------------------------------------------------------- */

/* UTF-8 to UTF-16 with a NUL; 0 if it does not fit or is not well-formed. */
static int to_utf16(const char *text, WCHAR *out, size_t room)
{
    const unsigned char *next = (const unsigned char *)text;
    size_t length = 0;
    while (*next != 0) {
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        int more = *next < 0x80 ? 0 : *next >= 0xF0 ? 3 : *next >= 0xE0 ? 2 : 1;
        uint32_t point = more == 0 ? *next : *next & (0x3Fu >> more);
        int index;
        if (*next >= 0xF8 || (*next & 0xC0) == 0x80)
            return 0;
        for (index = 1; index <= more; index++) {
            if ((next[index] & 0xC0) != 0x80)
                return 0;
            point = point << 6 | (next[index] & 0x3Fu);
        }
        if (point < least[more] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
            return 0;
        next += more + 1;
        if (length + 3 > room)
            return 0;
        if (point >= 0x10000) {
            out[length++] = (WCHAR)(0xD800 + ((point - 0x10000) >> 10));
            out[length++] = (WCHAR)(0xDC00 + ((point - 0x10000) & 0x3FF));
        } else {
            out[length++] = (WCHAR)point;
        }
    }
    if (length >= room)
        return 0;
    out[length] = 0;
    return 1;
}

/* UTF-16 up to its NUL to UTF-8 with one; 0 if it does not fit or is not well-formed. */
static int to_utf8(const WCHAR *text, char *out, size_t room)
{
    static const unsigned char leads[] = {0, 0xC0, 0xE0, 0xF0};
    size_t length = 0;
    for (; *text != 0; text++) {
        uint32_t point = (uint16_t)*text;
        int more, shift;
        if (point >= 0xD800 && point <= 0xDFFF) {
            uint32_t low = (uint16_t)text[1];
            if (point >= 0xDC00 || low < 0xDC00 || low > 0xDFFF)
                return 0;
            point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
            text++;
        }
        more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
        if (length + (size_t)more + 2 > room)
            return 0;
        out[length++] = (char)(leads[more] | point >> 6 * more);
        for (shift = more - 1; shift >= 0; shift--)
            out[length++] = (char)(0x80 | (point >> 6 * shift & 0x3F));
    }
    if (length >= room)
        return 0;
    out[length] = 0;
    return 1;
}

/* ------------------------------------------------------------------------------------------------------
 * Lists. They come from another machine: every step stays within the size that was announced.
 * --------------------------------------------------------------------------------------------------- */

/* Takes over what a list function returned. Strings that end beyond the list's size are no list. */
static int take_list(const char *function, WCHAR *units, DWORD bytes, int is_needed, struct list *list)
{
    list->units = units;
    list->count = bytes / sizeof(WCHAR);
    if (units == NULL || list->count == 0) {
        /* Nothing to list, as some servers put it. */
        list->count = 0;
    }
    if (is_needed && (list->count == 0 || units[0] == 0)) {
        /* A working CA has a database and logs: this set would restore nothing. */
        complain("%s: the list is empty", function);
        return 0;
    }
    if (list->count == 0)
        return 1;
    if (bytes % sizeof(WCHAR) != 0 || units[list->count - 1] != 0 ||
        (list->count > 1 && units[list->count - 2] != 0)) {
        complain("%s: the list of %lu bytes is not ended by two NULs", function, (unsigned long)bytes);
        return 0;
    }
    return 1;
}

/* The entry at `*position`, which moves behind it; NULL at the end of the list. */
static const WCHAR *next_entry(const struct list *list, size_t *position)
{
    const WCHAR *entry = list->units + *position;
    if (*position >= list->count || *entry == 0)
        return NULL;
    while (list->units[*position] != 0) /* take_list saw the NUL that ends this */
        *position += 1;
    *position += 1;
    return entry;
}

/*
 * The last component of a server's path, to store the file under. A name comes from another machine: one
 * that would leave the folder, or that some system reads as something else than a name, is refused.
 */
static int base_name(const WCHAR *path, char *out, size_t room)
{
    const WCHAR *name = path;
    const char *c;
    for (; *path != 0; path++)
        if (*path == '\\' || *path == '/')
            name = path + 1;
    if (!to_utf8(name, out, room) || *out == 0 || *out == '.')
        return 0;
    for (c = out; *c != 0; c++)
        if ((unsigned char)*c < 0x20 || strchr("<>:\"|?*", *c) != NULL)
            return 0;
    return c[-1] != '.' && c[-1] != ' ';
}

/* ------------------------------------------------------------------------------------------------------
 * The medium: new files only, written through to the disk. Paths are UTF-8.
 * --------------------------------------------------------------------------------------------------- */

#ifdef _WIN32
#define SEPARATOR "\\"

static int make_folder(const char *path)
{
    WCHAR wide[MAX_PATH_BYTES];
    if (!to_utf16(path, wide, MAX_PATH_BYTES)) {
        errno = EINVAL;
        return -1;
    }
    return _wmkdir(wide);
}

static FILE *open_file(const char *path, int to_write)
{
    WCHAR wide[MAX_PATH_BYTES];
    int file;
    if (!to_utf16(path, wide, MAX_PATH_BYTES)) {
        errno = EINVAL;
        return NULL;
    }
    if (!to_write)
        return _wfopen(wide, L"rb");
    file = _wopen(wide, _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY, S_IREAD | S_IWRITE);
    return file < 0 ? NULL : _fdopen(file, "wb");
}

static int write_through(FILE *file)
{
    return fflush(file) == 0 && _commit(_fileno(file)) == 0;
}

static int sync_folder(const char *path)
{
    (void)path; /* the file system's own journal has the names */
    return 1;
}
#else
#define SEPARATOR "/"

static int make_folder(const char *path)
{
    return mkdir(path, 0700); /* a CA's database is nobody else's business */
}

static FILE *open_file(const char *path, int to_write)
{
    int file;
    if (!to_write)
        return fopen(path, "rb");
    file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    return file < 0 ? NULL : fdopen(file, "wb");
}

static int write_through(FILE *file)
{
    return fflush(file) == 0 && fsync(fileno(file)) == 0;
}

/* The names of new files are in their folder, which is written like a file. */
static int sync_folder(const char *path)
{
    int folder = open(path, O_RDONLY);
    int is_good = folder >= 0 && fsync(folder) == 0;
    if (!is_good)
        complain("cannot write %s: %s", path, strerror(errno));
    if (folder >= 0)
        close(folder);
    return is_good;
}
#endif

static int join(char *out, const char *folder, const char *name)
{
    int length = snprintf(out, MAX_PATH_BYTES, "%s" SEPARATOR "%s", folder, name);
    if (length < 0 || (size_t)length >= MAX_PATH_BYTES) {
        complain("the path of %s is too long", name);
        return 0;
    }
    return 1;
}

/* Creates FOLDER/NAME; it must not be there. */
static FILE *create(const char *folder, const char *name)
{
    char path[MAX_PATH_BYTES];
    FILE *file = NULL;
    if (join(path, folder, name) && (file = open_file(path, 1)) == NULL)
        complain("cannot create %s: %s", path, strerror(errno));
    return file;
}

/* Closes a file that was written; success only if all of it is on the disk. */
static int finish(FILE *file, const char *name, int is_good)
{
    if (is_good && !write_through(file)) {
        complain("cannot write %s: %s", name, strerror(errno));
        is_good = 0;
    }
    if (fclose(file) != 0 && is_good) {
        complain("cannot write %s: %s", name, strerror(errno));
        is_good = 0;
    }
    return is_good;
}

/* ------------------------------------------------------------------------------------------------------
 * Steps 7 to 9, for each file of a list.
 * --------------------------------------------------------------------------------------------------- */

/* Step 8: reads the open file to its end and stores it as FOLDER/NAME. */
static int store(const struct functions *f, HCSBC context, const char *folder, const char *name,
                 uint64_t size, void *buffer)
{
    FILE *file = create(folder, name);
    uint64_t total = 0;
    int is_good = file != NULL;
    while (is_good) {
        DWORD count = 0;
        HRESULT code = f->CertSrvBackupRead(context, buffer, CHUNK, &count);
        if (code != S_OK) {
            complain_code("CertSrvBackupRead", code);
            is_good = 0;
        } else if (count > CHUNK) {
            complain("%s: more was read than was asked for", name);
            is_good = 0;
        } else if (fwrite(buffer, 1, count, file) != count) {
            complain("cannot write %s: %s", name, strerror(errno));
            is_good = 0;
        }
        total += count;
        if (count < CHUNK)
            break; /* a short read is the end of the file; so is one of nothing */
    }
    /* The size is what tells a file from the beginning of one. */
    if (is_good && total != size) {
        complain("%s: %llu bytes were announced, %llu came", name, (unsigned long long)size,
                 (unsigned long long)total);
        is_good = 0;
    }
    return file == NULL ? 0 : finish(file, name, is_good);
}

static int back_up_file(const struct functions *f, HCSBC context, const char *folder, const WCHAR *entry,
                        void *buffer)
{
    const WCHAR *path = entry + 1; /* what stands in front of it is the tag */
    char name[MAX_PATH_BYTES];
    LARGE_INTEGER size;
    HRESULT code;
    int is_good;
    if (*path == 0 || !base_name(path, name, sizeof name)) {
        complain("the CA lists a file whose name cannot be stored");
        return 0;
    }
    size.QuadPart = 0;
    code = f->CertSrvBackupOpenFileW(context, path, CHUNK, &size); /* step 7 */
    if (code != S_OK) {
        complain_code("CertSrvBackupOpenFileW", code);
        return 0;
    }
    say("  steps 7-9: %s, %lld bytes", name, (long long)size.QuadPart);
    is_good = store(f, context, folder, name, (uint64_t)size.QuadPart, buffer);
    code = f->CertSrvBackupClose(context); /* step 9: also when storing it failed */
    if (code != S_OK) {
        complain_code("CertSrvBackupClose", code);
        is_good = 0;
    }
    return is_good;
}

static int back_up_files(const struct functions *f, HCSBC context, const char *folder,
                         const struct list *list)
{
    void *buffer = malloc(CHUNK);
    const WCHAR *entry;
    size_t position = 0;
    int is_good = buffer != NULL;
    if (buffer == NULL)
        complain("no memory");
    while (is_good && (entry = next_entry(list, &position)) != NULL)
        is_good = back_up_file(f, context, folder, entry, buffer);
    free(buffer);
    return is_good;
}

/* ------------------------------------------------------------------------------------------------------
 * Steps 5, 12 and 13.
 * --------------------------------------------------------------------------------------------------- */

/* Step 5: the bytes as they come are what certutil writes and reads as certbkxp.dat. */
static int save_locations(const char *folder, const struct list *list)
{
    static const char name[] = "certbkxp.dat";
    FILE *file = create(folder, name);
    int is_good;
    if (file == NULL)
        return 0;
    is_good = fwrite(list->units, sizeof(WCHAR), list->count, file) == list->count;
    if (!is_good)
        complain("cannot write %s: %s", name, strerror(errno));
    return finish(file, name, is_good);
}

/* Copies one dynamic file into a folder. The name is a share of the CA's host: Windows can read it there. */
static int copy_dynamic(const struct options *options, const char *folder, const WCHAR *entry)
{
    char name[MAX_PATH_BYTES], from[MAX_PATH_BYTES];
    char bytes[4096];
    FILE *in, *out;
    size_t count;
    int is_good;
    if (!base_name(entry, name, sizeof name))
        return 0;
    if (options->dynamic != NULL) {
        if (!join(from, options->dynamic, name))
            return 0;
    } else if (!to_utf8(entry, from, sizeof from)) {
        return 0;
    }
    if ((in = open_file(from, 0)) == NULL)
        return 0;
    if ((out = create(folder, name)) == NULL) {
        fclose(in);
        return 0;
    }
    while ((count = fread(bytes, 1, sizeof bytes, in)) > 0)
        if (fwrite(bytes, 1, count, out) != count)
            break;
    is_good = count == 0 && !ferror(in);
    fclose(in);
    return finish(out, name, is_good);
}

static void copy_dynamic_files(const struct options *options, const struct list *list)
{
    char folder[MAX_PATH_BYTES], shown[MAX_PATH_BYTES];
    const WCHAR *entry;
    size_t position = 0;
    if (list->count < 2 || list->units[0] == 0)
        return;
    if (!join(folder, options->folder, "Dynamic"))
        return;
    if (make_folder(folder) != 0) {
        complain("cannot create %s: %s", folder, strerror(errno));
        return;
    }
    while ((entry = next_entry(list, &position)) != NULL) {
        int is_good = copy_dynamic(options, folder, entry); /* no tag in this list */
        if (!to_utf8(entry, shown, sizeof shown))
            strcpy(shown, "(a name that is not UTF-16)");
        say("  step 13: %s %s", shown, is_good ? "copied" : "could not be read from here; copy it yourself");
    }
}

/* ------------------------------------------------------------------------------------------------------
 * The scenario.
 * --------------------------------------------------------------------------------------------------- */

/* Everything between prepare and end. The lists are freed by the caller, whatever becomes of this. */
static int session(const struct functions *f, const struct options *options, HCSBC context,
                   struct list lists[4])
{
    char folder[MAX_PATH_BYTES];
    WCHAR *units = NULL;
    DWORD bytes = 0;
    HRESULT code;
    int result = DONE;

    if (make_folder(options->folder) != 0 && errno != EEXIST) {
        complain("cannot create %s: %s", options->folder, strerror(errno));
        return FAILED_BACKUP;
    }
    /* A set is never written over another. */
    if (!join(folder, options->folder, "DataBase"))
        return FAILED_BACKUP;
    if (make_folder(folder) != 0) {
        complain("cannot create %s: %s", folder, strerror(errno));
        return FAILED_BACKUP;
    }

    /* Only a running CA tells where its files are, and a restore begins with stopping it: so now. */
    units = NULL;
    bytes = 0;
    code = f->CertSrvRestoreGetDatabaseLocationsW(context, &units, &bytes);
    if (code != S_OK) {
        complain_code("CertSrvRestoreGetDatabaseLocationsW", code);
        return FAILED_BACKUP;
    }
    if (!take_list("CertSrvRestoreGetDatabaseLocationsW", units, bytes, 1, &lists[0]))
        return FAILED_BACKUP;
    say("step 5: the CA's locations, %lu bytes", (unsigned long)bytes);
    if (!save_locations(folder, &lists[0]))
        return FAILED_BACKUP;

    if (options->logs_only) {
        say("step 6: left out, an incremental backup has logs only");
    } else {
        units = NULL;
        bytes = 0;
        code = f->CertSrvBackupGetDatabaseNamesW(context, &units, &bytes);
        if (code != S_OK) {
            complain_code("CertSrvBackupGetDatabaseNamesW", code);
            return FAILED_BACKUP;
        }
        if (!take_list("CertSrvBackupGetDatabaseNamesW", units, bytes, 1, &lists[1]))
            return FAILED_BACKUP;
        say("step 6: the databases");
        if (!back_up_files(f, context, folder, &lists[1]))
            return FAILED_BACKUP;
    }

    units = NULL;
    bytes = 0;
    code = f->CertSrvBackupGetBackupLogsW(context, &units, &bytes);
    if (code != S_OK) {
        complain_code("CertSrvBackupGetBackupLogsW", code);
        return FAILED_BACKUP;
    }
    if (!take_list("CertSrvBackupGetBackupLogsW", units, bytes, 1, &lists[2]))
        return FAILED_BACKUP;
    say("step 10: the logs");
    if (!back_up_files(f, context, folder, &lists[2]))
        return FAILED_BACKUP;

    if (!sync_folder(folder) || !sync_folder(options->folder))
        return FAILED_BACKUP;

    /*
     * Everything is on the disk. A careful program reads it back and checks it here, before it lets the CA
     * delete the only other copy.
     */
    if (options->truncate) {
        code = f->CertSrvBackupTruncateLogs(context);
        if (code != S_OK) {
            complain_code("CertSrvBackupTruncateLogs", code);
            result = NOT_FINISHED;
        } else {
            say("step 11: the logs were truncated");
        }
    } else {
        say("step 11: left out, --truncate was not given");
    }

    units = NULL;
    bytes = 0;
    code = f->CertSrvBackupGetDynamicFileListW(context, &units, &bytes);
    if (code != S_OK) {
        complain_code("CertSrvBackupGetDynamicFileListW", code);
        return NOT_FINISHED;
    }
    if (!take_list("CertSrvBackupGetDynamicFileListW", units, bytes, 0, &lists[3]))
        return NOT_FINISHED;
    say("step 12: the files outside the database");
    copy_dynamic_files(options, &lists[3]);
    return result;
}

static int backup(const struct functions *f, const struct options *options)
{
    struct list lists[4] = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    WCHAR server[MAX_PATH_BYTES];
    HCSBC context = NULL;
    BOOL online = 0;
    HRESULT code;
    int result, index;

    if (!to_utf16(options->server, server, MAX_PATH_BYTES)) {
        complain("the name of the server is not UTF-8");
        return WRONG_ARGUMENTS;
    }

    /* Three answers: a failure is a service that does not run, FALSE one that is suspended. */
    code = f->CertSrvIsServerOnlineW(server, &online);
    if (code != S_OK) {
        complain_code("CertSrvIsServerOnlineW", code);
        return NOT_ONLINE;
    }
    if (!online) {
        complain("the certificate service is suspended");
        return NOT_ONLINE;
    }
    say("step 3: the CA is online");

    code = f->CertSrvBackupPrepareW(server, 0, options->logs_only ? CSBACKUP_TYPE_LOGS_ONLY : CSBACKUP_TYPE_FULL,
                                    &context);
    if (code != S_OK) {
        complain_code("CertSrvBackupPrepareW", code);
        return FAILED_BACKUP; /* no context: there is nothing to end */
    }
    say("step 4: %s backup", options->logs_only ? "incremental" : "full");

    result = session(f, options, context, lists);

    /* From here on everything happens, however far the session came. */
    code = f->CertSrvBackupEnd(context);
    if (code != S_OK) {
        complain_code("CertSrvBackupEnd", code);
        if (result == DONE)
            result = NOT_FINISHED;
    } else {
        say("step 14: the session is ended");
    }
    for (index = 0; index < 4; index++)
        f->CertSrvBackupFree(lists[index].units); /* NULL is allowed */
    say("step 15: the lists are freed");
    return result;
}

/* ------------------------------------------------------------------------------------------------------
 * Steps 1, 2 and 16, and the privilege.
 * --------------------------------------------------------------------------------------------------- */

#ifdef _WIN32
typedef HMODULE library;

/*
 * The backup privilege must be there and enabled, on the CA itself; a CA on another host asks its own
 * accounts. AdjustTokenPrivileges succeeds also when it enabled nothing: the last error tells.
 */
static void enable_backup_privilege(void)
{
    TOKEN_PRIVILEGES wanted;
    HANDLE token;
    DWORD error;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token))
        return;
    wanted.PrivilegeCount = 1;
    wanted.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
    error = ERROR_NOT_ALL_ASSIGNED;
    if (LookupPrivilegeValueW(NULL, L"SeBackupPrivilege", &wanted.Privileges[0].Luid) &&
        AdjustTokenPrivileges(token, FALSE, &wanted, 0, NULL, NULL))
        error = GetLastError();
    CloseHandle(token);
    if (error != ERROR_SUCCESS)
        fputs("warning: this account does not have SeBackupPrivilege here (error 1300): on the CA itself the "
              "backup will be refused. Administrators and Backup Operators have it, elevated.\n",
              stderr);
}

/* By its full path: the directory of the program and the current one are no place to trust. */
static library load(const char *path)
{
    WCHAR wide[MAX_PATH_BYTES], full[MAX_PATH_BYTES];
    if (path != NULL)
        return to_utf16(path, wide, MAX_PATH_BYTES) && GetFullPathNameW(wide, MAX_PATH_BYTES, full, NULL) != 0
                   ? LoadLibraryExW(full, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32)
                   : NULL;
    {
        static const WCHAR name[] = L"\\certadm.dll";
        UINT length = GetSystemDirectoryW(wide, MAX_PATH_BYTES - 32);
        if (length == 0 || length >= MAX_PATH_BYTES - 32)
            return NULL;
        memcpy(wide + length, name, sizeof name);
        return LoadLibraryExW(wide, NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    }
}

static void complain_load(const char *path)
{
    complain("cannot load %s (error %lu): install the remote administration tools for AD CS, or name a "
             "library with --library",
             path != NULL ? path : "certadm.dll of the system", (unsigned long)GetLastError());
}

static int find(library from, const char *name, void *function, size_t size)
{
    FARPROC found = GetProcAddress(from, name);
    if (found == NULL)
        return 0;
    memcpy(function, &found, size);
    return 1;
}

static int unload(library what)
{
    return FreeLibrary(what) != 0;
}
#else
typedef void *library;

static void enable_backup_privilege(void)
{
    /* Whether an account may back up the CA, the CA's host decides. */
}

static library load(const char *path)
{
    return dlopen(path != NULL ? path : "libcertadm.so", RTLD_NOW | RTLD_LOCAL);
}

static void complain_load(const char *path)
{
    (void)path;
    complain("cannot load the library: %s", dlerror());
}

static int find(library from, const char *name, void *function, size_t size)
{
    void *found = dlsym(from, name);
    if (found == NULL)
        return 0;
    memcpy(function, &found, size); /* ISO C has no cast from an object's pointer to a function's */
    return 1;
}

static int unload(library what)
{
    return dlclose(what) == 0;
}
#endif

static int run(const struct options *options)
{
    struct functions functions;
    int result = DONE;
    library loaded = load(options->library);
    if (loaded == NULL) {
        complain_load(options->library);
        return NO_LIBRARY;
    }
    say("step 1: the library is loaded");
#define FIND(type, name)                                                                                  \
    if (!find(loaded, #name, &functions.name, sizeof functions.name)) {                                    \
        complain("the library has no function %s", #name);                                                \
        result = NO_LIBRARY;                                                                               \
    }
    FUNCTIONS(FIND)
#undef FIND
    if (result == DONE) {
        say("step 2: its functions are found");
        enable_backup_privilege();
        result = backup(&functions, options);
    }
    if (!unload(loaded))
        complain("the library cannot be unloaded");
    say("step 16: the library is released");
    return result;
}

static int usage(void)
{
    fputs("usage: backup [--library PATH] [--incremental] [--truncate] [--dynamic FOLDER] SERVER FOLDER\n"
          "  SERVER           host name of the CA, or HOST\\CA NAME\n"
          "  FOLDER           where the set goes; must not hold one\n"
          "  --library PATH   this library, not the system's certadm.dll or libcertadm.so\n"
          "  --incremental    only the logs since the last backup\n"
          "  --truncate       let the CA delete the logs that were saved\n"
          "  --dynamic FOLDER where the files outside the database can be read\n",
          stderr);
    return WRONG_ARGUMENTS;
}

static int start(int count, char **arguments)
{
    struct options options = {NULL, NULL, NULL, NULL, 0, 0};
    int index;
    for (index = 1; index < count; index++) {
        const char *argument = arguments[index];
        if (strcmp(argument, "--incremental") == 0)
            options.logs_only = 1;
        else if (strcmp(argument, "--truncate") == 0)
            options.truncate = 1;
        else if (strcmp(argument, "--library") == 0 && index + 1 < count)
            options.library = arguments[++index];
        else if (strcmp(argument, "--dynamic") == 0 && index + 1 < count)
            options.dynamic = arguments[++index];
        else if (strncmp(argument, "--", 2) == 0)
            return usage();
        else if (options.server == NULL)
            options.server = argument;
        else if (options.folder == NULL)
            options.folder = argument;
        else
            return usage();
    }
    return options.folder == NULL ? usage() : run(&options);
}

#ifdef _WIN32
/* Windows has its arguments in UTF-16; built with -municode. */
int wmain(int count, wchar_t **wide)
{
    char **arguments = calloc((size_t)count + 1, sizeof *arguments);
    int index, result = WRONG_ARGUMENTS;
    if (arguments == NULL)
        return FAILED_BACKUP;
    for (index = 0; index < count; index++) {
        arguments[index] = malloc(MAX_PATH_BYTES);
        if (arguments[index] == NULL || !to_utf8(wide[index], arguments[index], MAX_PATH_BYTES))
            break;
    }
    if (index == count)
        result = start(count, arguments);
    else
        complain("an argument is too long");
    for (index = 0; index < count; index++)
        free(arguments[index]);
    free(arguments);
    return result;
}
#else
int main(int count, char **arguments)
{
    return start(count, arguments);
}
#endif
