//! A CA on loopback, and the functions in a shape that tests can use.

use std::ffi::c_void;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::ptr::{null_mut, without_provenance_mut};
use std::sync::Once;

use certadm_sys::{BOOL, CSBACKUP_TYPE_FULL, CSEDB_RSTMAPW, DWORD, Functions, HCSBC, WCHAR};
use certsrv::{CaDirectory, Config, HexHash, Role, Server, ServerOptions, User};
use csra_client::{Options, RemoteCa, Target};
use rpc_auth::{Credentials, Method, Proof, Secret};
use testkit::ca::plain_life;
use testkit::world::World;

pub(crate) const USER: &str = "backup";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

pub(crate) const INVALID_ARG: u32 = 0x8007_0057;
pub(crate) const INVALID_HANDLE: u32 = 0xC7FF_0003;
pub(crate) const ALREADY_OPEN: u32 = 0xC7FF_0005;
pub(crate) const UNEXPECTED: u32 = 0x8000_FFFF;

/// The functions in process: their types are the interface's, or this does not compile.
pub(crate) const OURS: Functions = Functions {
    is_server_online: certadm_dll::CertSrvIsServerOnlineW,
    backup_prepare: certadm_dll::CertSrvBackupPrepareW,
    backup_get_database_names: certadm_dll::CertSrvBackupGetDatabaseNamesW,
    backup_get_backup_logs: certadm_dll::CertSrvBackupGetBackupLogsW,
    backup_get_dynamic_file_list: certadm_dll::CertSrvBackupGetDynamicFileListW,
    backup_open_file: certadm_dll::CertSrvBackupOpenFileW,
    backup_read: certadm_dll::CertSrvBackupRead,
    backup_close: certadm_dll::CertSrvBackupClose,
    backup_truncate_logs: certadm_dll::CertSrvBackupTruncateLogs,
    backup_end: certadm_dll::CertSrvBackupEnd,
    backup_free: certadm_dll::CertSrvBackupFree,
    restore_get_database_locations: certadm_dll::CertSrvRestoreGetDatabaseLocationsW,
    restore_prepare: certadm_dll::CertSrvRestorePrepareW,
    restore_register: certadm_dll::CertSrvRestoreRegisterW,
    restore_register_through_file: certadm_dll::CertSrvRestoreRegisterThroughFile,
    restore_register_complete: certadm_dll::CertSrvRestoreRegisterComplete,
    restore_end: certadm_dll::CertSrvRestoreEnd,
    server_control: certadm_dll::CertSrvServerControlW,
};

/// A CA directory on loopback.
pub(crate) struct Ca {
    pub(crate) world: World,
    pub(crate) server: Server,
}

impl Ca {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// After `change` of its configuration.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        settle();
        let mut world = World::new(&plain_life());
        let mut config = world.ca.config().clone();
        config.interface_flags &= !0x40;
        config.users = vec![User {
            name: USER.to_owned(),
            domain: None,
            nt_hash: Some(HexHash::of_password(PASSWORD)),
            roles: vec![Role::Operator, Role::Read],
        }];
        change(&mut config);
        world.ca.reconfigure(config).unwrap();
        let server = Server::start(&world.ca, ServerOptions::default()).unwrap();
        Self { world, server }
    }

    /// What programs call it: the port is the system's choice.
    pub(crate) fn name(&self) -> String {
        self.server.local_addrs().resolver.to_string()
    }

    /// As [`Ca::name`], with the CA's name.
    pub(crate) fn config_string(&self) -> String {
        format!("{}\\{}", self.name(), self.world.ca.authority().name)
    }

    /// The road that ours is built on, to compare with.
    pub(crate) fn direct(&self) -> RemoteCa {
        let address = self.server.local_addrs().resolver;
        let target = Target { host: address.ip().to_string(), port: address.port(), name: None };
        let proof = Proof::Password(Secret::new(PASSWORD.to_owned()));
        let credentials =
            Credentials::new(USER.parse().unwrap(), proof, rpc_auth::Options::default()).unwrap();
        RemoteCa::connect(target, Options::new(credentials, Method::Ntlm)).unwrap()
    }

    pub(crate) fn prepare(&self) -> Backup {
        Backup::prepare(&self.name(), CSBACKUP_TYPE_FULL).unwrap()
    }
}

/// Tells the functions of this process whom to log on as: once, before any of them is called.
pub(crate) fn settle() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("certadm");
        fs::create_dir_all(&folder).unwrap();
        // Always the same files: another process may read them already.
        let new = settings("");
        for name in ["password", "certadm.toml"] {
            let text = fs::read_to_string(new.path().join(name)).unwrap();
            let text = text.replace(new.path().to_str().unwrap(), folder.to_str().unwrap());
            let beside = folder.join(format!("{name}.{}", std::process::id()));
            private(&beside, &text);
            fs::rename(beside, folder.join(name)).unwrap();
        }
        // SAFETY: no test has called a function yet that reads the environment: all begin here.
        unsafe { std::env::set_var("CERTADM_CONFIG", folder.join("certadm.toml")) };
    });
}

/// A folder with a configuration file and its password file; `more` goes to the end of the file.
pub(crate) fn settings(more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir_in(testkit::ca::scratch()).unwrap();
    let password = folder.path().join("password");
    private(&password, &format!("{PASSWORD}\n"));
    let text = format!(
        "[defaults]\nuser = '{USER}'\npassword_file = '{}'\nauth = 'ntlm'\ntimeout = 60\n{more}",
        password.display()
    );
    fs::write(folder.path().join("certadm.toml"), text).unwrap();
    folder
}

pub(crate) fn private(path: &Path, text: &str) {
    let mut options = fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// Any code but success.
pub(crate) type Code = u32;

pub(crate) fn done(code: i32) -> Result<(), Code> {
    if code == 0 { Ok(()) } else { Err(code.cast_unsigned()) }
}

pub(crate) fn wide(text: &str) -> Vec<WCHAR> {
    text.encode_utf16().chain([0]).collect()
}

/// A handle that nobody gave out.
pub(crate) fn invented(number: usize) -> HCSBC {
    without_provenance_mut(number)
}

/// A backup context. Only `end` ends it.
#[derive(Clone, Copy)]
pub(crate) struct Backup(pub(crate) HCSBC);

// SAFETY: a handle is a number, and good in every thread.
unsafe impl Send for Backup {}
// SAFETY: as before.
unsafe impl Sync for Backup {}

pub(crate) type ListFunction =
    unsafe extern "system" fn(context: HCSBC, names: *mut *mut WCHAR, size: *mut DWORD) -> i32;

impl Backup {
    pub(crate) fn prepare(server: &str, flags: u32) -> Result<Self, Code> {
        let server = wide(server);
        let mut context = invented(1);
        // SAFETY: a string and a place for the result.
        let code = unsafe { (OURS.backup_prepare)(server.as_ptr(), 0, flags, &mut context) };
        assert_eq!(context.is_null(), code != 0, "a context comes with success and only then");
        done(code).map(|()| Self(context))
    }

    pub(crate) fn databases(self) -> Result<Vec<u8>, Code> {
        list(OURS.backup_get_database_names, self.0)
    }

    pub(crate) fn logs(self) -> Result<Vec<u8>, Code> {
        list(OURS.backup_get_backup_logs, self.0)
    }

    pub(crate) fn dynamic_files(self) -> Result<Vec<u8>, Code> {
        list(OURS.backup_get_dynamic_file_list, self.0)
    }

    pub(crate) fn locations(self) -> Result<Vec<u8>, Code> {
        list(OURS.restore_get_database_locations, self.0)
    }

    pub(crate) fn open(self, name: &str) -> Result<i64, Code> {
        self.open_with(name, 0)
    }

    pub(crate) fn open_with(self, name: &str, hint: u32) -> Result<i64, Code> {
        let name = wide(name);
        let mut size = -1;
        // SAFETY: a string and a place for the result.
        let code = unsafe { (OURS.backup_open_file)(self.0, name.as_ptr(), hint, &mut size) };
        assert!(code == 0 || size == 0, "the size is {size} after a failure");
        done(code).map(|()| size)
    }

    /// One read of up to `size` bytes; what lies behind them is not touched.
    pub(crate) fn read(self, size: u32) -> Result<Vec<u8>, Code> {
        const GUARD: u8 = 0xA5;
        let mut buffer = vec![GUARD; size as usize + 16];
        let mut count = u32::MAX;
        // SAFETY: a buffer of more than that size and a place for the result.
        let code = unsafe { (OURS.backup_read)(self.0, buffer.as_mut_ptr().cast(), size, &mut count) };
        assert!(code == 0 || count == 0, "{count} bytes came with a failure");
        assert!(count <= size);
        assert!(buffer[size as usize..].iter().all(|byte| *byte == GUARD), "written past the buffer");
        buffer.truncate(count as usize);
        done(code).map(|()| buffer)
    }

    /// Reads to the end by reads of `size` bytes, of which only the last is short.
    pub(crate) fn read_all(self, size: u32) -> Result<Vec<u8>, Code> {
        let mut all = Vec::new();
        loop {
            let part = self.read(size)?;
            all.extend_from_slice(&part);
            if part.len() < size as usize {
                return Ok(all);
            }
        }
    }

    pub(crate) fn close(self) -> Result<(), Code> {
        // SAFETY: any handle will do.
        done(unsafe { (OURS.backup_close)(self.0) })
    }

    pub(crate) fn truncate(self) -> Result<(), Code> {
        // SAFETY: any handle will do.
        done(unsafe { (OURS.backup_truncate_logs)(self.0) })
    }

    pub(crate) fn end(self) -> Result<(), Code> {
        // SAFETY: any handle will do.
        done(unsafe { (OURS.backup_end)(self.0) })
    }
}

/// A list's bytes. Its memory is freed.
pub(crate) fn list(function: ListFunction, context: HCSBC) -> Result<Vec<u8>, Code> {
    let mut names: *mut WCHAR = without_provenance_mut(2);
    let mut size = u32::MAX;
    // SAFETY: places for the results.
    let code = unsafe { function(context, &mut names, &mut size) };
    if code != 0 {
        assert!(names.is_null() && size == 0, "results are set after a failure");
        return Err(code.cast_unsigned());
    }
    assert!(!names.is_null());
    // SAFETY: the list has that many bytes.
    let bytes = unsafe { std::slice::from_raw_parts(names.cast::<u8>(), size as usize) }.to_vec();
    // SAFETY: it is freed once.
    unsafe { (OURS.backup_free)(names.cast()) };
    Ok(bytes)
}

/// Names of a list, tags cut off.
pub(crate) fn names(list: &[u8]) -> Vec<String> {
    let strings = dtyp::multi_string::decode(list).unwrap();
    strings.into_iter().map(|name| name.chars().skip(1).collect()).collect()
}

pub(crate) fn online(server: &str) -> Result<bool, Code> {
    let server = wide(server);
    let mut online: BOOL = 77;
    // SAFETY: a string and a place for the result.
    let code = unsafe { (OURS.is_server_online)(server.as_ptr(), &mut online) };
    assert!(matches!(online, 0 | 1) && (code == 0 || online == 0));
    done(code).map(|()| online == 1)
}

pub(crate) fn control(server: &str, control: u32) -> Result<(), Code> {
    let server = wide(server);
    let mut size = 77;
    let mut out = without_provenance_mut(77);
    // SAFETY: a string and places for the results.
    let code = unsafe { (OURS.server_control)(server.as_ptr(), control, &mut size, &mut out) };
    assert!(size == 0 && out.is_null());
    done(code)
}

/// A restore context.
#[derive(Clone, Copy)]
pub(crate) struct Restore(pub(crate) HCSBC);

impl Restore {
    pub(crate) fn prepare(server: &str, flags: u32) -> Result<Self, Code> {
        let server = wide(server);
        let mut context = invented(1);
        // SAFETY: a string and a place for the result.
        let code = unsafe { (OURS.restore_prepare)(server.as_ptr(), flags, &mut context) };
        assert_eq!(context.is_null(), code != 0, "a context comes with success and only then");
        done(code).map(|()| Self(context))
    }

    /// Registers logs `range`, with a map of a database for a full backup.
    pub(crate) fn register(self, map: Option<[&str; 2]>, range: [u32; 2]) -> Result<(), Code> {
        let [logs, checkpoint] = ["C:\\CertLog", "C:\\CertSys"].map(wide);
        let mut names = map.map(|names| names.map(wide)).unwrap_or_default();
        let [old, new] = &mut names;
        let mut element =
            CSEDB_RSTMAPW { pwszDatabaseName: old.as_mut_ptr(), pwszNewDatabaseName: new.as_mut_ptr() };
        let (pointer, count) = if map.is_some() { (&raw mut element, 1) } else { (null_mut(), 0) };
        let [low, high] = range;
        // SAFETY: strings with their ends, and an array of that length.
        let code = unsafe {
            (OURS.restore_register)(
                self.0,
                checkpoint.as_ptr(),
                logs.as_ptr(),
                pointer,
                count,
                std::ptr::null(),
                low,
                high,
            )
        };
        done(code)
    }

    pub(crate) fn complete(self, outcome: i32) -> Result<(), Code> {
        // SAFETY: any handle will do.
        done(unsafe { (OURS.restore_register_complete)(self.0, outcome) })
    }

    pub(crate) fn end(self) -> Result<(), Code> {
        // SAFETY: any handle will do.
        done(unsafe { (OURS.restore_end)(self.0) })
    }
}

/// Frees nothing.
pub(crate) fn free_nothing() {
    // SAFETY: null is allowed.
    unsafe { (OURS.backup_free)(null_mut::<c_void>()) };
}

/// Opens a directory that is a CA's; for restores.
pub(crate) fn directory() -> (tempfile::TempDir, CaDirectory) {
    let folder = tempfile::tempdir_in(testkit::ca::scratch()).unwrap();
    let ca = testkit::ca::create(&folder.path().join("ca"), &plain_life());
    (folder, ca)
}
