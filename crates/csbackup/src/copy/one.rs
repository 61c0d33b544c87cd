//! One set.

use std::cell::Cell;
use std::io::Read;
use std::path::PathBuf;

use super::carry_notes;
use crate::check::Check;
use crate::manifest::{FILE_NAME, FileEntry, Manifest};
use crate::medium::{Medium, SetWriter, StoredSet};
use crate::note::{NoteBody, ReadExtent};
use crate::transfer::pass;
use crate::verify::read_back;
use crate::{Error, Observer, SetPath, Step};

/// Longest manifest that is read.
const LONGEST_MANIFEST: u64 = 1 << 30;

/// Which side ended a copy.
pub(crate) enum Stopped {
    /// The set cannot be read, or is not what its manifest says. Other sets may be.
    Source(Error),
    /// The target does not take it, or did not keep it.
    Target(Error),
}

/// Copies a set, reads it back and notes there what is known of it. The lock of `to` is held.
///
/// A `misread` copy makes room when the new one is there in whole but for its name.
pub(crate) fn copy_one(
    from: &dyn Medium,
    to: &dyn Medium,
    set: &StoredSet,
    misread: Option<&StoredSet>,
    extent: ReadExtent,
    observer: &dyn Observer,
) -> Result<(), Stopped> {
    let bytes = manifest_of(from, set).map_err(Stopped::Source)?;
    let mut writer = to.begin(&set.manifest.ca.authority()).map_err(Stopped::Target)?;
    for entry in &set.manifest.files {
        copy_file(from, set, entry, &mut *writer, observer)?;
    }
    if let Some(misread) = misread {
        observer.warning(&format!("the copy of {} in `{}` is misread: replacing it", set.id, to.location()));
        make_room(from, to, set, misread).map_err(Stopped::Source)?;
    }
    let publish = || {
        let copy = writer.publish(&set.id, &set.manifest, &bytes)?;
        let proof = prove(to, &copy, extent, observer);
        carry_notes(set, to, &copy)?;
        if let Some(misread) = misread {
            carry_notes(misread, to, &to.load(&copy)?)?;
        }
        proof
    };
    publish().map_err(Stopped::Target)
}

/// Removes a misread copy. What was noted there alone, a hold for one, is noted in `from` first, and that
/// the copy is owed: a run that dies now, and every failure, leaves that to the next one.
fn make_room(from: &dyn Medium, to: &dyn Medium, set: &StoredSet, misread: &StoredSet) -> Result<(), Error> {
    let (place, detail) = (to.location(), Some("its copy was misread and is replaced".to_owned()));
    from.note(set, NoteBody::Copied { place, good: false, detail })?;
    carry_notes(misread, from, set)?;
    to.forget(&[misread])
}

/// Reads a copy back and notes what came of it.
pub(crate) fn prove(
    to: &dyn Medium,
    copy: &StoredSet,
    extent: ReadExtent,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let proof = read_back(to, copy, extent, observer);
    if let Some(note) = read_back_note(&proof, extent) {
        to.note(copy, note)?;
    }
    proof
}

/// What is known after reading back. A medium that could not be read today says nothing about the
/// set: it stays unproven, and the next run reads again.
pub(crate) fn read_back_note(outcome: &Result<(), Error>, extent: ReadExtent) -> Option<NoteBody> {
    match outcome {
        Ok(()) => Some(NoteBody::ReadBack { good: true, extent, detail: None }),
        Err(error @ (Error::ReadBack { .. } | Error::Manifest { .. } | Error::NoSet { .. })) => {
            Some(NoteBody::ReadBack { good: false, extent, detail: Some(error.to_string()) })
        }
        Err(_) => None,
    }
}

/// The error with what caused it, in one clause.
pub(crate) fn reason(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The manifest as it is stored, byte for byte: the id is made of it.
fn manifest_of(from: &dyn Medium, set: &StoredSet) -> Result<Vec<u8>, Error> {
    let unfit =
        |reason: String| Error::Manifest { path: PathBuf::from(format!("{}/{FILE_NAME}", set.id)), reason };
    let mut bytes = Vec::new();
    let reader = from.open(set, &SetPath::alone(FILE_NAME))?;
    reader.take(LONGEST_MANIFEST).read_to_end(&mut bytes).map_err(Error::io("read", FILE_NAME))?;
    if !set.id.fits(&bytes) {
        return Err(unfit("is not the one that the set is named after".to_owned()));
    }
    match Manifest::decode(&bytes) {
        Ok(manifest) if manifest == set.manifest => Ok(bytes),
        Ok(_) => Err(unfit("changed while it was read".to_owned())),
        Err(reason) => Err(unfit(reason)),
    }
}

/// Copies a file and compares it with the manifest.
fn copy_file(
    from: &dyn Medium,
    set: &StoredSet,
    entry: &FileEntry,
    writer: &mut dyn SetWriter,
    observer: &dyn Observer,
) -> Result<(), Stopped> {
    let differs = |what: String| {
        Stopped::Source(Error::ReadBack { set: set.id.to_string(), path: entry.path.clone(), what })
    };
    let path = entry.set_path().ok_or_else(|| differs("is no path inside the set".to_owned()))?;
    let mut reader = from.open(set, &path).map_err(Stopped::Source)?;
    let sink = writer.create(&path, Some(entry.size)).map_err(Stopped::Target)?;
    observer.step(&Step::FileOpened(entry.name.clone(), entry.size));
    let unreadable = Cell::new(false);
    let read = |buffer: &mut [u8]| {
        fill(&mut *reader, buffer).map_err(|error| {
            unreadable.set(true);
            Error::io("read", entry.path.clone())(error)
        })
    };
    let passed =
        pass(&entry.name, entry.size, read, Check::None, sink, observer).map_err(|error| match error {
            Error::Stream { what, .. } => differs(what),
            error if unreadable.get() => Stopped::Source(error),
            error => Stopped::Target(error),
        })?;
    observer.step(&Step::FileStored(entry.name.clone()));
    if passed.blake3 != entry.blake3 {
        return Err(differs(format!("has the BLAKE3 {}, the manifest says {}", passed.blake3, entry.blake3)));
    }
    Ok(())
}

/// Fills a buffer, or what of it is left until the end.
fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
