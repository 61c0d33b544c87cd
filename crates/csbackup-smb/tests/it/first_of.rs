//! Several ways to a place.

use std::fs;
use std::io::{self, Cursor, ErrorKind, Read};

use csbackup::{FileAccess, MappedFiles};
use csbackup_smb::FirstOf;

/// Answers every question in the same way.
struct Way(Result<&'static str, ErrorKind>);

impl FileAccess for Way {
    fn open(&self, _: &str) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Cursor::new(self.0.map_err(io::Error::from)?)))
    }

    fn list(&self, _: &str) -> io::Result<Vec<String>> {
        Ok(vec![self.0.map_err(io::Error::from)?.to_owned()])
    }
}

fn ask(ways: Vec<Box<dyn FileAccess>>, name: &str) -> io::Result<String> {
    let ways = FirstOf::new(ways);
    let mut text = String::new();
    let read = ways.open(name).and_then(|mut file| file.read_to_string(&mut text));
    let listed = ways.list(name);
    assert_eq!(read.as_ref().err().map(io::Error::kind), listed.err().map(|error| error.kind()));
    read.map(|_| text)
}

fn way(answer: Result<&'static str, ErrorKind>) -> Box<dyn FileAccess> {
    Box::new(Way(answer))
}

#[test]
fn the_first_way_that_leads_there_answers() {
    let no = Err(ErrorKind::Unsupported);
    assert_eq!(ask(vec![way(Ok("a")), way(Ok("b"))], "x").unwrap(), "a");
    assert_eq!(ask(vec![way(no), way(Ok("b"))], "x").unwrap(), "b");
}

#[test]
fn a_way_that_fails_ends_the_search() {
    let error = ask(vec![way(Err(ErrorKind::NotFound)), way(Ok("b"))], "x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn no_way_at_all_is_unsupported() {
    assert_eq!(ask(vec![], "x").unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(ask(vec![way(Err(ErrorKind::Unsupported))], "x").unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn mapped_folders_come_before_the_network() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "mapped").unwrap();
    let mapped = || MappedFiles::new([(r"\\CA01\C$".to_owned(), folder.path().to_owned())]);
    let ways = || FirstOf::new(vec![Box::new(mapped()), way(Ok("network"))]);
    let read = |name| io::read_to_string(ways().open(name).unwrap()).unwrap();
    assert_eq!(read(r"\\CA01\C$\a"), "mapped");
    assert_eq!(read(r"\\CA01\D$\a"), "network");
    assert_eq!(ways().open(r"\\CA01\C$\..\a").err().unwrap().kind(), ErrorKind::InvalidInput);
}
