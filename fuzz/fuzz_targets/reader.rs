//! Small databases with changed pages whose checksums are right: everything is read or refused, twice the
//! same, in bounded time and memory.
#![no_main]

use std::sync::LazyLock;

use ese::{Block, Database, xor_ecc, xor32};
use libfuzzer_sys::fuzz_target;

struct Seed {
    file: Vec<u8>,
    page_size: usize,
    /// Indexes of the pages in use.
    pages: Vec<usize>,
}

/// `READER_SEEDS` names small databases, separated by colons.
static SEEDS: LazyLock<Vec<Seed>> = LazyLock::new(|| {
    let paths = std::env::var("READER_SEEDS").expect("set READER_SEEDS to small databases, PATH:PATH:..");
    paths.split(':').map(|path| seed(std::fs::read(path).expect("read a seed"))).collect()
});

fn seed(mut file: Vec<u8>) -> Seed {
    let stored = u32::from_le_bytes(file[236..240].try_into().expect("a header"));
    let page_size = if stored == 0 { 4096 } else { stored as usize };
    let in_use = |page: &usize| file[(page + 2) * page_size..][..page_size].iter().any(|&byte| byte != 0);
    let pages: Vec<usize> = (0..file.len() / page_size - 2).filter(in_use).collect();
    file.truncate((pages.last().expect("a page") + 3) * page_size);
    Seed { file, page_size, pages }
}

fuzz_target!(|input: (u8, Vec<(u16, u8)>, Vec<(u8, u16, u8)>)| {
    let (number, header, changes) = input;
    let seed = &SEEDS[usize::from(number) % SEEDS.len()];
    let (mut file, size) = (seed.file.clone(), seed.page_size);
    for (at, value) in header {
        file[4 + usize::from(at) % (size - 4)] = value;
    }
    let sum = xor32(&file[..size]);
    file[..4].copy_from_slice(&sum.to_le_bytes());
    let mut changed: Vec<usize> = Vec::new();
    for (page, at, value) in changes {
        let page = seed.pages[usize::from(page) % seed.pages.len()];
        file[(page + 2) * size + 8 + usize::from(at) % (size - 8)] = value;
        changed.push(page);
    }
    changed.iter().for_each(|page| seal(&mut file[(page + 2) * size..][..size], *page as u32 + 1));
    let Ok(database) = Database::open(file.as_slice()) else { return };
    let first = read(&database);
    assert_eq!(first, read(&Database::open(file.as_slice()).expect("the same file")));
});

fn seal(page: &mut [u8], number: u32) {
    if page.len() > 8192 {
        let quarter = page.len() / 4;
        for block in 1..4 {
            let sum =
                xor_ecc(&page[block * quarter..][..quarter], number, Block::Plain).expect("a whole block");
            page[32 + block * 8..][..8].copy_from_slice(&sum.to_le_bytes());
        }
        let sum = xor_ecc(&page[..quarter], number, Block::WithChecksum).expect("a whole block");
        page[..8].copy_from_slice(&sum.to_le_bytes());
    } else {
        let sum = xor_ecc(page, number, Block::WithChecksum).expect("a whole page");
        page[..8].copy_from_slice(&sum.to_le_bytes());
    }
}

/// Numbers of rows, values and their bytes, keys, nodes, and errors.
fn read(database: &Database<&[u8]>) -> [usize; 6] {
    let [mut rows, mut values, mut bytes, mut keys, mut nodes] = [0; 5];
    let mut errors = database.catalog_errors().len();
    for table in database.tables() {
        for row in database.rows(table) {
            let Ok(row) = row.inspect_err(|error| errors += error.to_string().len()) else { continue };
            rows += 1;
            for column in &table.columns {
                match database.values(table, &row, column) {
                    Ok(found) => {
                        values += found.len();
                        bytes += found.iter().map(Vec::len).sum::<usize>();
                        found.iter().for_each(|value| drop(column.decode(value)));
                    }
                    Err(error) => errors += error.to_string().len(),
                }
            }
            for index in &table.indexes {
                let found = database.index_keys(table, index, &row).ok().flatten();
                keys += found.map_or(0, |keys| keys.len());
            }
            drop(database.row(table, row.key()));
        }
        let roots = table.indexes.iter().map(|index| index.root);
        for root in roots.chain(table.long_values.as_ref().map(|tree| tree.root)) {
            for node in database.nodes(root) {
                nodes += usize::from(node.is_ok());
                errors += usize::from(node.is_err());
            }
        }
    }
    [rows, values, bytes, keys, nodes, errors]
}
