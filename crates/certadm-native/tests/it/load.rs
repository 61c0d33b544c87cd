//! What is loaded, from where, and that it goes away again.

use std::fs;
use std::path::{Path, PathBuf};

use certadm::CertServer as _;
use certadm_native::{Library, LoadError, NativeCa};
use certadm_sys::SIGNATURES;
use tempfile::TempDir;

use crate::fake::{authority, built};

/// A copy of the fake that nobody else has loaded. `None` is a skip, already announced.
fn copy() -> Option<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir().expect("create a folder");
    let path = folder.path().join("libcertadm.so");
    fs::copy(built()?, &path).expect("copy the library");
    Some((folder, path))
}

/// Is a file mapped into this process? `None` where the system does not tell.
fn is_loaded(path: &Path) -> Option<bool> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    Some(maps.contains(&*path.to_string_lossy()))
}

#[test]
fn a_missing_function_is_named_whichever_it_is_and_the_library_unloaded() {
    for signature in SIGNATURES {
        let Some((_folder, path)) = copy() else { return };
        let mut bytes = fs::read(&path).expect("read the library");
        let name = format!("\0{}\0", signature.name).into_bytes();
        let places: Vec<usize> =
            (0..bytes.len()).filter(|at| bytes[*at..].starts_with(&name)).map(|at| at + 1).collect();
        assert!(!places.is_empty(), "{} is not in the fake", signature.name);
        for at in places {
            bytes[at] = b'X';
        }
        fs::write(&path, bytes).expect("write the library");
        match Library::open(&path) {
            Err(error @ LoadError::Function { name, .. }) => {
                assert_eq!(name, signature.name);
                let text = error.to_string();
                assert!(text.contains(signature.name) && text.contains("libcertadm.so"), "{text}");
                assert!(!error.hints().is_empty());
            }
            other => panic!("without {}: {other:?}", signature.name),
        }
        assert_ne!(is_loaded(&path), Some(true), "still loaded without {}", signature.name);
    }
}

#[test]
fn the_library_is_loaded_as_long_as_the_road_and_no_longer() {
    let Some((_folder, path)) = copy() else { return };
    let mut ca = NativeCa::new(Library::open(&path).expect("open the library"), authority());
    drop(ca.prepare_backup(certadm::BackupType::Full).expect("prepare a backup"));
    assert_ne!(is_loaded(&path), Some(false));
    drop(ca);
    assert_ne!(is_loaded(&path), Some(true));
}

#[test]
fn a_library_that_is_not_there_is_missing() {
    let folder = tempfile::tempdir().expect("create a folder");
    let path = folder.path().join("certadm.dll");
    match Library::open(&path) {
        Err(LoadError::Missing { path: missing, is_system: false }) => assert_eq!(missing, path),
        other => panic!("{other:?}"),
    }
}

/// The loader itself would find this one.
#[cfg(target_os = "linux")]
#[test]
fn a_bare_name_is_a_file_of_the_current_directory_and_not_searched() {
    match Library::open(Path::new("libc.so.6")) {
        Err(LoadError::Missing { path, .. }) => {
            assert_eq!(path, std::env::current_dir().expect("a current directory").join("libc.so.6"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_that_is_no_library_is_of_the_wrong_kind() {
    let folder = tempfile::tempdir().expect("create a folder");
    let path = folder.path().join("certadm.dll");
    for content in
        [&b""[..], b"MZ, and the rest of a library of another system", &[0x7F, b'E', b'L', b'F', 1]]
    {
        fs::write(&path, content).expect("write a file");
        match Library::open(&path) {
            Err(error @ LoadError::WrongKind { .. }) => assert!(!error.hints().is_empty()),
            other => panic!("{content:?}: {other:?}"),
        }
    }
}

/// A library for another processor, as the loader sees it.
#[test]
fn a_library_of_32_bits_is_of_the_wrong_kind() {
    let Some((_folder, path)) = copy() else { return };
    let mut bytes = fs::read(&path).expect("read the library");
    bytes[4] = 1; // EI_CLASS: ELFCLASS32
    fs::write(&path, bytes).expect("write the library");
    assert!(matches!(Library::open(&path), Err(LoadError::WrongKind { .. })));
}

#[cfg(not(windows))]
#[test]
fn only_windows_has_a_library_of_its_own() {
    let error = Library::system().expect_err("there is none");
    assert!(matches!(error, LoadError::NotWindows));
    assert!(error.hints().iter().any(|hint| hint.contains("--certadm PATH")));
    assert_eq!(certadm_native::message(dtyp::HResult::ACCESS_DENIED), None);
}
