//! What only the full verification sees, as an operator meets it.

use std::fs;
use std::path::Path;

use ese::{Block, Database, DryRedo, PageNumber, page_dbtimes, xor_ecc};

use crate::world::World;

const PAGE: usize = 8192;

/// Two rows of a page that no log changes trade places in the database that an embedded CA serves;
/// the page's checksum is made right again.
fn disorder(state: &Path) {
    let path = state.join("ExampleCA.edb");
    let mut bytes = fs::read(&path).expect("read the database");
    let page = {
        let database = Database::open(bytes.as_slice()).expect("a database");
        let header = database.header().expect("a header");
        let mut redo = DryRedo::new(header, page_dbtimes(bytes.as_slice(), header.page_size));
        let entries =
            fs::read_dir(state).expect("list the state").map(|entry| entry.expect("an entry").path());
        let mut logs: Vec<_> =
            entries.filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
        logs.sort();
        for log in logs {
            redo.push_log(fs::read(log).expect("read a log")).expect("follow a log");
        }
        let moving = redo.finish().pages;
        let is_wanted = |number: &u32| {
            let number = PageNumber(*number);
            database.page(number).is_ok_and(|page| {
                let (flags, rows) = (page.view().flags(), page.view().len());
                flags.is_root()
                    && flags.is_leaf()
                    && !flags.is_space()
                    && rows > 1
                    && !moving.contains(number)
            })
        };
        (1..=database.page_count()).rfind(is_wanted).expect("a page at rest")
    };
    let at = (usize::try_from(page).expect("a small number") + 1) * PAGE;
    let page_bytes = &mut bytes[at..at + PAGE];
    let (rows, tags) = page_bytes.split_at_mut(PAGE - 8);
    tags[..4].swap_with_slice(&mut rows[PAGE - 12..]);
    let sum = xor_ecc(page_bytes, page, Block::WithChecksum).expect("a whole page");
    page_bytes[..8].copy_from_slice(&sum.to_le_bytes());
    fs::write(path, bytes).expect("write the database");
}

#[test]
fn a_backup_that_the_proof_condemns_ends_as_damaged_with_or_without_truncation() {
    for more in [&["--keep-logs"][..], &[]] {
        let world = World::new();
        disorder(&world.path("ca/state-01"));
        let run = world.backup(more).exits(4);
        assert!(run.stdout.contains("affected: table `"), "{}", run.stdout);
        let list = world.run(&["list", "--dir", "sets"]).exits(0);
        assert!(list.stdout.contains("damaged"), "{}", list.stdout);
        // A shallower look does not acquit it.
        world.run(&["verify", "latest", "--dir", "sets", "--stream"]).exits(0);
        let list = world.run(&["list", "--dir", "sets"]).exits(0);
        assert!(list.stdout.contains("damaged"), "{}", list.stdout);
    }
}
