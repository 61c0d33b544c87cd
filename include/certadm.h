/*
 * certadm.h - the backup and restore interface of a certification authority, for C and C++.
 *
 * On Windows this is the system's own <certbcli.h>. Elsewhere it declares the same 18 functions as
 * libcertadm.so exports them, with the few Windows types that they need. A program that keeps to the names
 * in here is one source for both systems; examples/c/backup.c is one.
 *
 * Every function but CertSrvBackupFree returns an HRESULT: S_OK (0), or why not. The library writes what an
 * HRESULT cannot say to the file named by the environment variable CERTADM_LOG ("stderr" is one).
 *
 * Strings are UTF-16 and end with a NUL, on every system: u"ca01.corp.example" is one. A list is any number
 * of such strings, one behind the other, and one more NUL. Its size is in bytes.
 */
#ifndef CERTADM_H
#define CERTADM_H

#ifdef _WIN32

#include <windows.h>
#include <certbcli.h>

#else /* not Windows */

#include <stdint.h>
#ifndef __cplusplus
#include <uchar.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Types of Windows, with the widths that they have there: a long has 32 bits. */
typedef uint8_t BYTE;
typedef int32_t BOOL; /* 0 is false */
typedef int32_t LONG;
typedef uint32_t ULONG;
typedef uint32_t DWORD;
typedef int64_t LONGLONG;
typedef int32_t HRESULT;
typedef char16_t WCHAR; /* never wchar_t, which has 32 bits here */
typedef void VOID;
typedef union {
    struct {
        DWORD LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER;

#ifndef WINAPI
#define WINAPI /* the system's own calling convention */
#endif
#ifndef S_OK
#define S_OK ((HRESULT)0)
#endif
#ifndef SUCCEEDED
#define SUCCEEDED(hr) ((HRESULT)(hr) >= 0)
#endif
#ifndef FAILED
#define FAILED(hr) ((HRESULT)(hr) < 0)
#endif

/* What to back up: dwBackupFlags of CertSrvBackupPrepareW. */
#define CSBACKUP_TYPE_FULL 0x00000001u      /* databases and logs */
#define CSBACKUP_TYPE_LOGS_ONLY 0x00000002u /* the logs since the last backup */
#define CSBACKUP_TYPE_MASK 0x00000003u
#define CSBACKUP_DISABLE_INCREMENTAL 0xffffffffu

/* dwRestoreFlags of CertSrvRestorePrepareW; only FULL is supported. */
#define CSRESTORE_TYPE_FULL 0x00000001u
#define CSRESTORE_TYPE_ONLINE 0x00000002u
#define CSRESTORE_TYPE_CATCHUP 0x00000004u
#define CSRESTORE_TYPE_MASK 0x00000005u

/* dwControlFlags of CertSrvServerControlW; only SHUTDOWN does something. */
#define CSCONTROL_SHUTDOWN 0x000000001u
#define CSCONTROL_SUSPEND 0x000000002u
#define CSCONTROL_RESTART 0x000000003u

/* The tag is the first unit of each listed name, glued on: the name itself begins behind it. */
typedef WCHAR CSBFT;

/* Bits of a tag: what its file is, or which folder it belongs to. */
#define CSBFT_DIRECTORY 0x80
#define CSBFT_DATABASE_DIRECTORY 0x40
#define CSBFT_LOG_DIRECTORY 0x20

#define CSBFT_UNKNOWN ((CSBFT)0x0f)
#define CSBFT_LOG ((CSBFT)0x21)                 /* '!', a log */
#define CSBFT_PATCH_FILE ((CSBFT)0x25)          /* '%', belongs to the logs */
#define CSBFT_CERTSERVER_DATABASE ((CSBFT)0x44) /* 'D', a database */
#define CSBFT_LOG_DIR ((CSBFT)0x82)             /* in a list of locations: folder of the logs */
#define CSBFT_CHECKPOINT_DIR ((CSBFT)0x83)      /* in a list of locations: folder of the checkpoint */

/* An open backup or restore. Opaque; a stale one is an error (0xC7FF0003, hrInvalidHandle). */
typedef void *HCSBC;

/* Where a database was, and where it is to be. */
typedef struct tagCSEDB_RSTMAPW {
    WCHAR *pwszDatabaseName;
    WCHAR *pwszNewDatabaseName;
} CSEDB_RSTMAPW;
#ifndef CSEDB_RSTMAP
#define CSEDB_RSTMAP CSEDB_RSTMAPW
#endif

/*
 * The functions, as types for dlsym and as declarations for programs that link with -lcertadm.
 */

/* Failure: the service does not run. S_OK: it does, and *pfServerOnline is 0 while it is suspended. */
typedef HRESULT(WINAPI FNCERTSRVISSERVERONLINEW)(WCHAR const *pwszServerName, BOOL *pfServerOnline);

/* Opens a backup. grbitJet is 0. The context owes one CertSrvBackupEnd. */
typedef HRESULT(WINAPI FNCERTSRVBACKUPPREPAREW)(WCHAR const *pwszServerName, ULONG grbitJet,
                                                ULONG dwBackupFlags, HCSBC *phbc);

/* The databases, then, once they are read, the logs; tagged. Each list owes one CertSrvBackupFree. */
typedef HRESULT(WINAPI FNCERTSRVBACKUPGETDATABASENAMESW)(HCSBC hbc, WCHAR **ppwszzAttachmentInformation,
                                                         DWORD *pcbSize);
typedef HRESULT(WINAPI FNCERTSRVBACKUPGETBACKUPLOGSW)(HCSBC hbc, WCHAR **ppwszzBackupLogFiles,
                                                      DWORD *pcbSize);

/* Files outside the database, not tagged. They are copied by other means. */
typedef HRESULT(WINAPI FNCERTSRVBACKUPGETDYNAMICFILELISTW)(HCSBC hbc, WCHAR **ppwszzFileList,
                                                           DWORD *pcbSize);

/* Opens a listed file, without its tag; one at a time. cbReadHintSize 0 leaves the buffer to the library. */
typedef HRESULT(WINAPI FNCERTSRVBACKUPOPENFILEW)(HCSBC hbc, WCHAR const *pwszAttachmentName,
                                                 DWORD cbReadHintSize, LARGE_INTEGER *pliFileSize);

/* The next bytes. Fewer than cbBuffer are the end of the file. */
typedef HRESULT(WINAPI FNCERTSRVBACKUPREAD)(HCSBC hbc, VOID *pvBuffer, DWORD cbBuffer, DWORD *pcbRead);

/* One for every file that was opened. */
typedef HRESULT(WINAPI FNCERTSRVBACKUPCLOSE)(HCSBC hbc);

/* Only when every listed file is stored where it will last. */
typedef HRESULT(WINAPI FNCERTSRVBACKUPTRUNCATELOGS)(HCSBC hbc);

/* One for every context, also after failures; the handle is none any more, whatever the answer. */
typedef HRESULT(WINAPI FNCERTSRVBACKUPEND)(HCSBC hbc);

/* Frees a list. A null pointer is allowed. */
typedef VOID(WINAPI FNCERTSRVBACKUPFREE)(VOID *pv);

/* Where database, logs and checkpoint are, tagged: what certutil stores as certbkxp.dat. */
typedef HRESULT(WINAPI FNCERTSRVRESTOREGETDATABASELOCATIONSW)(HCSBC hbc, WCHAR **ppwszzDatabaseLocationList,
                                                              DWORD *pcbSize);

/* Opens a restore, on the CA's own host. The context owes one CertSrvRestoreEnd. */
typedef HRESULT(WINAPI FNCERTSRVRESTOREPREPAREW)(WCHAR const *pwszServerName, ULONG dwRestoreFlags,
                                                 HCSBC *phbc);

/*
 * The files lie; what the next start of the service is to do with them. One map element for a full backup,
 * none (NULL, 0) for an increment. genLow and genHigh are the numbers of the first and last log restored.
 */
typedef HRESULT(WINAPI FNCERTSRVRESTOREREGISTERW)(HCSBC hbc, WCHAR const *pwszCheckPointFilePath,
                                                  WCHAR const *pwszLogPath, CSEDB_RSTMAPW rgrstmap[],
                                                  LONG crstmap, WCHAR const *pwszBackupLogPath, ULONG genLow,
                                                  ULONG genHigh);

/* S_OK, or what went wrong since the registration. Until then the service does not start. */
typedef HRESULT(WINAPI FNCERTSRVRESTOREREGISTERCOMPLETE)(HCSBC hbc, HRESULT hrRestoreState);

/* One for every restore context. */
typedef HRESULT(WINAPI FNCERTSRVRESTOREEND)(HCSBC hbc);

/* Ends the service. Both results may be null pointers; nothing is allocated. */
typedef HRESULT(WINAPI FNCERTSRVSERVERCONTROLW)(WCHAR const *pwszServerName, DWORD dwControlFlags,
                                                DWORD *pcbOut, BYTE **ppbOut);

FNCERTSRVISSERVERONLINEW CertSrvIsServerOnlineW;
FNCERTSRVBACKUPPREPAREW CertSrvBackupPrepareW;
FNCERTSRVBACKUPGETDATABASENAMESW CertSrvBackupGetDatabaseNamesW;
FNCERTSRVBACKUPGETBACKUPLOGSW CertSrvBackupGetBackupLogsW;
FNCERTSRVBACKUPGETDYNAMICFILELISTW CertSrvBackupGetDynamicFileListW;
FNCERTSRVBACKUPOPENFILEW CertSrvBackupOpenFileW;
FNCERTSRVBACKUPREAD CertSrvBackupRead;
FNCERTSRVBACKUPCLOSE CertSrvBackupClose;
FNCERTSRVBACKUPTRUNCATELOGS CertSrvBackupTruncateLogs;
FNCERTSRVBACKUPEND CertSrvBackupEnd;
FNCERTSRVBACKUPFREE CertSrvBackupFree;
FNCERTSRVRESTOREGETDATABASELOCATIONSW CertSrvRestoreGetDatabaseLocationsW;
FNCERTSRVRESTOREPREPAREW CertSrvRestorePrepareW;
FNCERTSRVRESTOREREGISTERW CertSrvRestoreRegisterW;
FNCERTSRVRESTOREREGISTERW CertSrvRestoreRegisterThroughFile; /* no W: the same, by another privilege */
FNCERTSRVRESTOREREGISTERCOMPLETE CertSrvRestoreRegisterComplete;
FNCERTSRVRESTOREEND CertSrvRestoreEnd;
FNCERTSRVSERVERCONTROLW CertSrvServerControlW;

/* The names without a W, as <certbcli.h> has them. */
#define CertSrvIsServerOnline CertSrvIsServerOnlineW
#define CertSrvBackupPrepare CertSrvBackupPrepareW
#define CertSrvBackupGetDatabaseNames CertSrvBackupGetDatabaseNamesW
#define CertSrvBackupGetBackupLogs CertSrvBackupGetBackupLogsW
#define CertSrvBackupGetDynamicFileList CertSrvBackupGetDynamicFileListW
#define CertSrvBackupOpenFile CertSrvBackupOpenFileW
#define CertSrvRestoreGetDatabaseLocations CertSrvRestoreGetDatabaseLocationsW
#define CertSrvRestorePrepare CertSrvRestorePrepareW
#define CertSrvRestoreRegister CertSrvRestoreRegisterW
#define CertSrvServerControl CertSrvServerControlW

#ifdef __cplusplus
}
#endif

#endif /* not Windows */

#endif /* CERTADM_H */
