//! `tests/fake/certadm.c`, built once; each test has a copy of its own, and with it a CA of its own.

use std::ffi::CStr;
use std::os::raw::c_char;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use certadm::Authority;
use certadm_native::{Library, NativeCa};
use dtyp::multi_string;
use tempfile::TempDir;

/// What a copy does; the order is that of the C file.
#[derive(Clone, Copy)]
pub(crate) enum Knob {
    FailAt,
    FailCode,
    Online,
    MaxRead,
    Overcount,
    Size,
    StopAt,
    Extra,
    RegisterCode,
    PrepareCode,
}

/// What a copy counts; the order is that of the C file.
#[derive(Clone, Copy)]
pub(crate) enum Tally {
    Calls,
    Lists,
    BadFrees,
    Contexts,
    Stale,
    Open,
    Prepared,
    Truncated,
    WrongThread,
}

/// Which list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Listed {
    Databases,
    Logs,
    Dynamic,
    Map,
}

/// A copy, loaded by the test too, so that its counters outlive the road.
pub(crate) struct Fake {
    library: libloading::Library,
    path: PathBuf,
    _folder: TempDir,
}

impl Fake {
    /// A CA with one small database and one log. `None` is a skip, already announced.
    pub(crate) fn new() -> Option<Self> {
        let fake = Self::empty()?;
        fake.list(Listed::Databases, &multi_string::encode([r"D\\ca\c$\db\ca.edb"]));
        fake.list(Listed::Logs, &multi_string::encode([r"!\\ca\c$\db\edb00001.log"]));
        fake.list(Listed::Dynamic, &multi_string::encode([]));
        let map = [r"D\\ca\c$\db\ca.edb", "\u{82}\\\\ca\\c$\\db", "\u{83}\\\\ca\\c$\\db"];
        fake.list(Listed::Map, &multi_string::encode(map));
        fake.file(r"\\ca\c$\db\ca.edb", &content(40_000));
        fake.file(r"\\ca\c$\db\edb00001.log", &content(8192));
        Some(fake)
    }

    /// A CA with nothing.
    pub(crate) fn empty() -> Option<Self> {
        let folder = tempfile::tempdir().expect("create a folder");
        let path = folder.path().join("libcertadm.so");
        std::fs::copy(built()?, &path).expect("copy the library");
        // SAFETY: our own library; its initialisers are those of the C runtime.
        let library = unsafe { libloading::Library::new(&path) }.expect("load the library");
        Some(Self { library, path, _folder: folder })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn ca(&self) -> NativeCa {
        NativeCa::new(Library::open(&self.path).expect("open the library"), authority())
    }

    pub(crate) fn set(&self, knob: Knob, value: i64) {
        let set: unsafe extern "C" fn(u32, i64) = self.function("fake_set");
        // SAFETY: as declared in the C file.
        unsafe { set(knob as u32, value) }
    }

    pub(crate) fn fail_at(&self, call: i64, code: u32) {
        self.set(Knob::FailCode, code.into());
        self.set(Knob::FailAt, call);
    }

    pub(crate) fn get(&self, tally: Tally) -> i64 {
        let get: unsafe extern "C" fn(u32) -> i64 = self.function("fake_get");
        // SAFETY: as declared in the C file.
        unsafe { get(tally as u32) }
    }

    /// The calls so far, with what was told and what they were told.
    pub(crate) fn trace(&self) -> String {
        let trace: unsafe extern "C" fn() -> *const c_char = self.function("fake_trace");
        // SAFETY: as declared in the C file.
        let trace = unsafe { trace() };
        // SAFETY: a static buffer that ends with NUL; nothing writes to it now.
        unsafe { CStr::from_ptr(trace) }.to_string_lossy().into_owned()
    }

    /// A list as it should be.
    pub(crate) fn list(&self, which: Listed, bytes: &[u8]) {
        self.odd_list(which, bytes, u32::try_from(bytes.len()).expect("a short list"), false);
    }

    /// A list that is announced with another size, or is null.
    pub(crate) fn odd_list(&self, which: Listed, bytes: &[u8], announced: u32, is_null: bool) {
        let list: unsafe extern "C" fn(u32, *const u8, usize, u32, i32) = self.function("fake_list");
        // SAFETY: as declared in the C file, which copies the bytes.
        unsafe { list(which as u32, bytes.as_ptr(), bytes.len(), announced, is_null.into()) }
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) {
        let file: unsafe extern "C" fn(*const u16, *const u8, usize) = self.function("fake_file");
        let name: Vec<u16> = name.encode_utf16().chain([0]).collect();
        // SAFETY: as declared in the C file, which copies both.
        unsafe { file(name.as_ptr(), bytes.as_ptr(), bytes.len()) }
    }

    /// Nothing is owed to the library, and nothing was asked of it that may not be.
    #[track_caller]
    pub(crate) fn settled(&self) {
        let trace = self.trace();
        for (tally, what) in [
            (Tally::Lists, "lists that were not freed"),
            (Tally::BadFrees, "pointers freed that were none of the library's, or twice"),
            (Tally::Contexts, "contexts that were not ended"),
            (Tally::Stale, "calls with a context that was over or none"),
            (Tally::Open, "files that were not closed"),
            (Tally::WrongThread, "calls from another thread"),
        ] {
            assert_eq!(self.get(tally), 0, "{what}: {trace}");
        }
        let ends = trace.split(' ').filter(|call| call.ends_with("End")).count();
        assert_eq!(i64::try_from(ends).expect("few calls"), self.get(Tally::Prepared), "ends: {trace}");
    }

    fn function<F: Copy>(&self, name: &str) -> F {
        // SAFETY: the callers give the type that the C file has.
        *unsafe { self.library.get::<F>(name) }.expect("the fake has its controls")
    }
}

pub(crate) fn authority() -> Authority {
    Authority { host: "CA01".to_owned(), name: "Fake CA".to_owned() }
}

/// Bytes that differ from place to place.
pub(crate) fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// `None` is a skip, already announced.
pub(crate) fn built() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = tempfile::tempdir_in(target).expect("create a folder");
        let (library, place) = (folder.path().join("libfake.so"), target.join("libfake.so"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake/certadm.c");
        let mut cc = Command::new("cc");
        cc.args(["-Wall", "-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(source);
        let status = testkit::world::spawn(&mut cc).ok()?.wait().expect("wait for the compiler");
        assert!(status.success(), "the fake does not compile");
        std::fs::rename(library, &place).expect("put the library in place");
        Some(place)
    });
    if built.is_none() {
        testkit::data::skip("no C compiler `cc`");
    }
    built.as_deref()
}
