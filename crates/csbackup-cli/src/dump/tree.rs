//! `dump tree`: a tree level by level.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

use anyhow::{Context as _, bail};
use csbackup::FileSource;
use ese::{Database, PageNumber, PageView};
use serde_json::json;

use super::{Lines, database, page_words, short};

pub(super) fn dump(lines: &mut Lines, file: &Path, tree: &str, limit: u64) -> anyhow::Result<()> {
    let database = database(file)?;
    let root = root(&database, tree)?;
    let mut seen = BTreeSet::from([root]);
    let mut queue = VecDeque::from([(root, 0_u32)]);
    let mut levels: Vec<(u64, u64)> = Vec::new();
    let mut shown = 0;
    while let Some((number, level)) = queue.pop_front() {
        if shown == limit {
            lines.more(limit);
            break;
        }
        shown += 1;
        let page = match database.page(number) {
            Ok(page) => page,
            Err(error) => {
                lines.problem(&format!("level {level}, {error}"));
                continue;
            }
        };
        let view = page.view();
        if levels.len() <= level as usize {
            levels.push((0, 0));
        }
        if let Some((pages, nodes)) = levels.last_mut() {
            *pages += 1;
            *nodes += u64::from(view.len());
        }
        show(lines, number, level, &view);
        if view.flags().is_leaf() {
            continue;
        }
        for (line, node) in view.nodes().enumerate() {
            match node.and_then(|node| node.child()) {
                Some(child) if seen.insert(child) => queue.push_back((child, level + 1)),
                Some(child) => {
                    lines.problem(&format!(
                        "page {number}: node {line} leads to page {child}, which is in the tree already"
                    ));
                }
                None => lines.problem(&format!("page {number}: node {line} leads to no page")),
            }
        }
    }
    for (level, (pages, nodes)) in levels.iter().enumerate() {
        let value = json!({ "level": level, "pages": pages, "nodes": nodes });
        lines.say("level", value, &format!("level {level}: {pages} pages, {nodes} nodes"));
    }
    Ok(())
}

fn show(lines: &Lines, number: PageNumber, level: u32, view: &PageView<'_>) {
    let kind = page_words(view.flags());
    let deleted = view.nodes().flatten().filter(|node| node.flags.is_deleted()).count();
    let key = |line: Option<u16>| {
        let node = line.and_then(|line| view.node(line));
        node.map(|node| node.key().collect::<Vec<u8>>())
    };
    let (first, last) = (key(Some(0)), key(view.len().checked_sub(1)));
    let number_of = |page: Option<PageNumber>| page.map_or(0, |page| page.0);
    let (previous, next) = (number_of(view.previous()), number_of(view.next()));
    let value = json!({
        "level": level, "page": number.0, "kind": kind, "object": view.object(), "nodes": view.len(),
        "deleted": deleted, "free": view.free(), "previous": previous, "next": next,
        "first_key": first.as_deref().map(super::hex), "last_key": last.as_deref().map(super::hex),
        "dbtime": view.dbtime(),
    });
    let keys = match (&first, &last) {
        (Some(first), Some(last)) => format!(", keys {} to {}", short(first), short(last)),
        _ => String::new(),
    };
    let dead = if deleted > 0 { format!(" ({deleted} deleted)") } else { String::new() };
    let text = format!(
        "{:indent$}page {number}: {kind}; object {}, {} nodes{dead}, {} bytes free, prev {previous}, next {next}{keys}",
        "",
        view.object(),
        view.len(),
        view.free(),
        indent = 2 * level as usize,
    );
    lines.say("tree_page", value, &text);
}

/// A page number, `TABLE`, `TABLE/INDEX` or `TABLE/long-values`.
fn root(database: &Database<FileSource>, tree: &str) -> anyhow::Result<PageNumber> {
    if let Ok(number) = crate::args::number(tree) {
        return Ok(PageNumber(number));
    }
    let (table, part) = tree.split_once('/').map_or((tree, None), |(table, part)| (table, Some(part)));
    let table = database.table(table).with_context(|| format!("there is no table `{table}`"))?;
    match part {
        None => Ok(table.root),
        Some("long-values") => {
            let tree = table.long_values.as_ref();
            Ok(tree.with_context(|| format!("table `{}` has no tree of long values", table.name))?.root)
        }
        Some(name) => match table.index(name) {
            Some(index) => Ok(index.root),
            None => {
                let names: Vec<&str> = table.indexes.iter().map(|index| index.name.as_str()).collect();
                bail!("table `{}` has no index `{name}`, it has: {}", table.name, names.join(", "))
            }
        },
    }
}
