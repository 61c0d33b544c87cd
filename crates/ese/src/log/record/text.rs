//! Records as lines for experts.

use core::fmt::{Display, Formatter, Result};

use super::Record;
use super::node::{NodeHead, PageHead};
use super::operation::Operation;
use crate::numbers::PageNumber;

impl Display for Record<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(self.name())?;
        if let Some(node) = self.node() {
            write_node(f, &node)?;
        } else if let Some(head) = self.head() {
            write_head(f, &head)?;
        }
        write_rest(f, &self.operation)
    }
}

fn write_head(f: &mut Formatter<'_>, head: &PageHead) -> Result {
    write!(f, " session {:#x} db {} page {}:{} dbtime ", head.procid, head.dbid, head.page, head.line)?;
    if head.before == u64::MAX { f.write_str("-") } else { write!(f, "{}", head.before) }?;
    write!(f, "->{} flags {:#x}", head.dbtime, head.flags)
}

fn write_node(f: &mut Formatter<'_>, node: &NodeHead) -> Result {
    write_head(f, &node.head)?;
    write!(f, " object {} root {} rceid {}", node.object, node.root, node.rceid)
}

/// A neighbour of the page, if there is one.
fn write_page(f: &mut Formatter<'_>, name: &str, page: PageNumber, before: Option<u64>) -> Result {
    match (page.0, before) {
        (0, _) => Ok(()),
        (_, Some(before)) if before != u64::MAX => write!(f, " {name} {page} ({before})"),
        _ => write!(f, " {name} {page}"),
    }
}

fn write_rest(f: &mut Formatter<'_>, operation: &Operation<'_>) -> Result {
    match operation {
        Operation::NewTree(tree) => {
            write!(f, " object {} parent {}", tree.object, tree.parent)?;
            let (owned, available) = tree.space.unwrap_or_default();
            write_page(f, "owned", owned, None)?;
            write_page(f, "available", available, None)
        }
        Operation::Split(split) => {
            write!(f, " object {} root {} type {}", split.object, split.root, split.split_type)?;
            write_page(f, "new", split.new, None)?;
            write_page(f, "right", split.right, Some(split.right_before))?;
            write_page(f, "parent", split.parent, Some(split.parent_before))?;
            write!(f, " at line {} of {}, image {}", split.line, split.lines, split.image.bytes.len())
        }
        Operation::Merge(merge) => {
            write!(f, " object {} root {} type {}", merge.object, merge.root, merge.merge_type)?;
            write_page(f, "left", merge.left, Some(merge.left_before))?;
            write_page(f, "right", merge.right, Some(merge.right_before))?;
            write_page(f, "parent", merge.parent, Some(merge.parent_before))?;
            write!(f, " at line {}, image {}", merge.line, merge.image.bytes.len())
        }
        Operation::PageMove(moved) => {
            write!(f, " object {} root {} to {}", moved.object, moved.root, moved.to)?;
            write_page(f, "left", moved.left, Some(moved.left_before))?;
            write_page(f, "right", moved.right, Some(moved.right_before))?;
            write_page(f, "parent", moved.parent, Some(moved.parent_before))
        }
        Operation::EmptyTree { pages, .. } => {
            pages.pages().try_for_each(|page| write_page(f, "page", page.page, Some(page.before)))
        }
        Operation::Insert { prefix, suffix, data, .. } => {
            write!(f, " key {}+{} data {}", prefix.len(), suffix.len(), data.len())
        }
        Operation::FlagInsert { key, data, .. } => write!(f, " key {} data {}", key.len(), data.len()),
        Operation::Replace { lengths: (old, new), data, .. } => {
            write!(f, " data {old}->{new}, logged {}", data.len())
        }
        Operation::Delta { delta, offset, .. } => write!(f, " {delta:+} at {offset}"),
        Operation::SetExternalHeader { data, .. } | Operation::Scrub { data, .. } => {
            write!(f, " data {}", data.len())
        }
        Operation::Undo { undone, .. } => write!(f, " of {undone}"),
        Operation::UndoInfo { undone, data, .. } => write!(f, " for {undone} data {}", data.len()),
        other => write_engine(f, other),
    }
}

fn write_engine(f: &mut Formatter<'_>, operation: &Operation<'_>) -> Result {
    match operation {
        Operation::Transaction { procid, levels, stamp } => {
            write!(f, " session {procid:#x} levels {levels:#x}")?;
            stamp.map_or(Ok(()), |stamp| write!(f, " stamp {stamp:#x}"))
        }
        Operation::MacroBegin(id) | Operation::MacroCommit(id) | Operation::MacroAbort(id) => {
            write!(f, " session {:#x} dbtime {}", id.procid, id.dbtime)
        }
        Operation::CreateDb { dbid, signature, path } => write!(f, " db {dbid} {path} signature {signature}"),
        Operation::AttachDb { dbid, consistent, signature, path, .. } => {
            write!(f, " db {dbid} {path} signature {signature} consistent {consistent}")
        }
        Operation::DetachDb { dbid, path } => write!(f, " db {dbid} {path}"),
        Operation::ReAttach { dbid, attach, consistent, signature } => {
            write!(f, " db {dbid} signature {signature} attach {attach} consistent {consistent}")
        }
        Operation::SetDbVersion { dbid, version: [major, update, minor] } => {
            write!(f, " db {dbid} {major:#x},{update},{minor}")
        }
        Operation::ExtendDb { dbid, last } => write!(f, " db {dbid} last page {last}"),
        Operation::ShrinkDb { dbid, last, pages } => write!(f, " db {dbid} last page {last} pages {pages}"),
        Operation::TrimDb { dbid, first, pages } | Operation::ExtentFreed { dbid, first, pages } => {
            write!(f, " db {dbid} page {first} pages {pages}")
        }
        Operation::ScanCheck { dbid, page, dbtime } => write!(f, " db {dbid} page {page} dbtime {dbtime}"),
        Operation::NewPage { procid, dbid, page, object, dbtime } => {
            write!(f, " session {procid:#x} db {dbid} page {page} dbtime {dbtime} object {object}")
        }
        Operation::RootPageMove { procid, dbid, object, dbtime } => {
            write!(f, " session {procid:#x} db {dbid} dbtime {dbtime} object {object}")
        }
        Operation::Backup { phase, scope, dbid, info } => {
            write!(
                f,
                " phase {phase} scope {scope} db {dbid} mark {} logs {}-{}",
                info.mark, info.low, info.high
            )
        }
        Operation::Text(text) => write!(f, " {}", text.escape_ascii()),
        _ => Ok(()),
    }
}
