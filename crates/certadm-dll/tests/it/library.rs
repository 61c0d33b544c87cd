//! The library as a file: what it exports, and that it can be loaded.

use std::path::PathBuf;

use certadm_sys::{Functions, Resolve};
use libloading::Library;

/// The library that was built together with this program.
pub(crate) fn path() -> PathBuf {
    let name = format!("{}certadm_dll{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    std::env::current_exe().unwrap().with_file_name(name)
}

/// It, under the name that it is shipped with, in a folder of its own.
pub(crate) fn shipped() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir_in(testkit::ca::scratch()).unwrap();
    let name = format!("{}certadm{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let shipped = folder.path().join(name);
    std::fs::copy(path(), &shipped).unwrap();
    (folder, shipped)
}

struct Loaded(Library);

impl Resolve for Loaded {
    type Error = libloading::Error;

    fn resolve<F: Copy>(&self, name: &'static str) -> Result<F, Self::Error> {
        // SAFETY: `certadm_sys` asks for each name with the type that it documents.
        unsafe { self.0.get::<F>(name.as_bytes()) }.map(|function| *function)
    }
}

#[test]
fn all_functions_are_found_by_their_names() {
    let (_folder, shipped) = shipped();
    // SAFETY: loading it runs nothing.
    let library = Loaded(unsafe { Library::new(shipped) }.unwrap());
    let functions = Functions::resolve(&library).unwrap();
    let mut online = 7;
    // SAFETY: null is what is tried.
    let code = unsafe { (functions.is_server_online)(std::ptr::null(), &mut online) };
    assert_eq!((code.cast_unsigned(), online), (crate::world::INVALID_ARG, 0));
    assert_eq!(certadm_sys::SIGNATURES.len(), 18);
}

/// Threads of the library outlive it.
#[cfg(target_os = "linux")]
#[test]
fn unloading_leaves_its_code_where_it_is() {
    let (_folder, shipped) = shipped();
    // SAFETY: loading it runs nothing.
    drop(unsafe { Library::new(&shipped) }.unwrap());
    let mapped = std::fs::read_to_string("/proc/self/maps").unwrap();
    assert!(mapped.contains(shipped.to_str().unwrap()));
}

/// Nothing else is exported that could take the place of another library's function.
#[cfg(target_os = "linux")]
#[test]
fn nothing_else_is_exported() {
    let Ok(output) = std::process::Command::new("nm").args(["-D", "--defined-only"]).arg(path()).output()
    else {
        testkit::data::skip("there is no `nm` (binutils)");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let mut exported: Vec<&str> = text.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    let mut expected: Vec<&str> = certadm_sys::SIGNATURES.iter().map(|signature| signature.name).collect();
    exported.sort_unstable();
    expected.sort_unstable();
    assert_eq!(exported, expected);
}
