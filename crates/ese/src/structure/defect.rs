//! What can be wrong between pages.

use alloc::string::String;
use core::fmt;

/// What is wrong between pages, or between trees.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StructureDefect {
    /// A page that a tree needs has a wrong checksum.
    Unreadable,
    /// A page that a tree needs could not be read from the medium.
    ReadFailed(String),
    /// A page that a tree needs is all zero.
    NotInitialised,
    /// A page that a tree needs lies behind the end of the file.
    BehindEnd {
        /// Pages of the file.
        pages: u32,
    },
    /// The file ends before the last page that the database owns.
    FileShort {
        /// Pages of the file.
        pages: u32,
        /// The last page that the database owns.
        last: u32,
    },
    /// A page belongs to another object than the tree that leads to it.
    Object {
        /// Object id in the page.
        found: u32,
        /// Object id of the tree.
        expected: u32,
    },
    /// The flags of a page do not fit its place in the tree.
    Flags {
        /// Flags of the page.
        flags: u32,
        /// What its place demands.
        expected: &'static str,
    },
    /// Leaves of one tree lie at different depths.
    Height {
        /// Levels above this leaf.
        found: usize,
        /// Levels above the leaves before.
        expected: usize,
    },
    /// A tag points outside the page.
    Tag {
        /// Its number.
        tag: u16,
    },
    /// A tag begins in the bytes of another one.
    Overlap {
        /// Its number.
        tag: u16,
    },
    /// The unused bytes of a page do not add up.
    FreeBytes {
        /// `cbFree`.
        stored: u16,
        /// What the tags leave.
        computed: usize,
    },
    /// A node is not what its place demands.
    Node {
        /// Its number in the page, from 0.
        line: u16,
    },
    /// The key of a node is not above the one before it.
    KeyOrder {
        /// Its number in the page, from 0.
        line: u16,
    },
    /// A key lies outside the range that the parent page gives this page.
    KeyRange {
        /// Number of the node in the page, from 0.
        line: u16,
        /// Below the range; else above it.
        below: bool,
    },
    /// A leaf does not point to its neighbour.
    Link {
        /// `pgnoPrev` or `pgnoNext`.
        field: &'static str,
        /// The page that it points to; 0 is none.
        found: u32,
        /// The neighbour by the parent pages; 0 is none.
        expected: u32,
    },
    /// Two places lead to the same page.
    Shared,
    /// A page is of a later moment than all logs of the set.
    Later {
        /// Its dbtime.
        dbtime: u64,
        /// The highest that the logs know.
        highest: u64,
    },
    /// A record does not fit itself.
    Record {
        /// Number of the node in the page, from 0.
        line: u16,
    },
    /// The primary key of a row is not the one that its columns make.
    PrimaryKey {
        /// Number of the node in the page, from 0.
        line: u16,
    },
    /// A piece of the space of a tree lies outside that of its parent, or is given twice.
    Extent {
        /// First page.
        first: u32,
        /// Last page.
        last: u32,
    },
    /// A page is in use, but the space of its tree says that it is free.
    UsedButFree,
    /// A page is in use by one tree, but belongs to the space of another.
    UsedByOther {
        /// Object id of the owner; 0 is none.
        owner: u32,
    },
    /// Pages are neither used nor free.
    Leaked {
        /// How many.
        pages: u32,
    },
    /// A long value has no root, or one that means nothing.
    LongValueRoot {
        /// Its id.
        id: u64,
    },
    /// A part of a long value is missing.
    LongValueHole {
        /// Its id.
        id: u64,
        /// Where it begins, in bytes.
        offset: u32,
    },
    /// A piece of a long value is too long, or cannot be decompressed.
    LongValuePiece {
        /// Its id.
        id: u64,
        /// Where it begins, in bytes.
        offset: u32,
    },
    /// A row refers to a long value that is not there.
    LongValueMissing {
        /// Its id.
        id: u64,
    },
    /// More or fewer rows refer to a long value than it says.
    LongValueReferences {
        /// Its id.
        id: u64,
        /// Its reference count.
        stored: u32,
        /// References found.
        found: u64,
    },
    /// Long values to which no row refers.
    LongValueUnused {
        /// How many.
        values: u64,
    },
    /// Rows have no entry in an index.
    EntryMissing {
        /// How many entries.
        entries: u64,
    },
    /// Entries of an index belong to no row, or to other values of the row.
    EntryWithoutRow {
        /// How many.
        entries: u64,
    },
    /// An index that cannot be compared with the rows.
    IndexNotCompared {
        /// Why.
        reason: &'static str,
    },
    /// An entry of the catalog cannot be understood.
    CatalogEntry,
    /// The second copy of the catalog differs from the first.
    ShadowCatalog,
}

#[rustfmt::skip]
impl StructureDefect {
    /// Stable name, for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable => "page-in-use-unreadable",
            Self::ReadFailed(_) => "page-read-failed",
            Self::NotInitialised => "page-not-initialised",
            Self::BehindEnd { .. } => "page-behind-end",
            Self::FileShort { .. } => "file-short",
            Self::Object { .. } => "page-object",
            Self::Flags { .. } => "page-flags",
            Self::Height { .. } => "tree-height",
            Self::Tag { .. } => "page-tag",
            Self::Overlap { .. } => "page-tags-overlap",
            Self::FreeBytes { .. } => "page-free-bytes",
            Self::Node { .. } => "node",
            Self::KeyOrder { .. } => "key-order",
            Self::KeyRange { .. } => "key-range",
            Self::Link { .. } => "page-link",
            Self::Shared => "page-shared",
            Self::Later { .. } => "page-beyond-logs",
            Self::Record { .. } => "record",
            Self::PrimaryKey { .. } => "primary-key",
            Self::Extent { .. } => "space-extent",
            Self::UsedButFree => "space-free-in-use",
            Self::UsedByOther { .. } => "space-foreign",
            Self::Leaked { .. } => "space-leaked",
            Self::LongValueRoot { .. } => "long-value-root",
            Self::LongValueHole { .. } => "long-value-hole",
            Self::LongValuePiece { .. } => "long-value-piece",
            Self::LongValueMissing { .. } => "long-value-missing",
            Self::LongValueReferences { .. } => "long-value-references",
            Self::LongValueUnused { .. } => "long-value-unused",
            Self::EntryMissing { .. } => "index-entry-missing",
            Self::EntryWithoutRow { .. } => "index-entry-without-row",
            Self::IndexNotCompared { .. } => "index-not-compared",
            Self::CatalogEntry => "catalog-entry",
            Self::ShadowCatalog => "shadow-catalog",
        }
    }

    /// The engine's error number and its name without `JET_err`.
    pub(crate) const fn jet(&self) -> Option<(i32, &'static str)> {
        Some(match self {
            Self::Unreadable => (-1018, "ReadVerifyFailure"),
            Self::ReadFailed(_) => (-1022, "DiskIO"),
            Self::NotInitialised => (-1019, "PageNotInitialized"),
            Self::BehindEnd { .. } | Self::FileShort { .. } => (-4001, "FileIOBeyondEOF"),
            Self::Object { .. } | Self::Flags { .. } | Self::Height { .. } | Self::KeyRange { .. }
            | Self::Shared => (-338, "BadParentPageLink"),
            Self::Link { .. } => (-327, "BadPageLink"),
            Self::Tag { .. } | Self::Overlap { .. } | Self::FreeBytes { .. } => (-357, "PageTagCorrupted"),
            Self::Node { .. } => (-358, "NodeCorrupted"),
            Self::KeyOrder { .. } | Self::Record { .. } => (-1206, "DatabaseCorrupted"),
            Self::Later { .. } => (-567, "DbTimeTooNew"),
            Self::PrimaryKey { .. } => (-1413, "PrimaryIndexCorrupted"),
            Self::Extent { .. } | Self::UsedByOther { .. } => (-343, "SPOwnExtCorrupted"),
            Self::UsedButFree => (-341, "SPAvailExtCorrupted"),
            Self::Leaked { .. } => (-348, "DatabaseLeakInSpace"),
            Self::LongValueRoot { .. } | Self::LongValueHole { .. } | Self::LongValuePiece { .. }
            | Self::LongValueMissing { .. } | Self::LongValueReferences { .. } => (-1526, "LVCorrupted"),
            Self::EntryMissing { .. } | Self::EntryWithoutRow { .. } => (-1414, "SecondaryIndexCorrupted"),
            Self::CatalogEntry | Self::ShadowCatalog => (-1220, "CatalogCorrupted"),
            Self::LongValueUnused { .. } | Self::IndexNotCompared { .. } => return None,
        })
    }

    /// What the operator may do.
    pub(crate) const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::BehindEnd { .. } | Self::FileShort { .. } => "the copy was cut short; copy the file again",
            Self::Unreadable | Self::NotInitialised => "the rows of this page are lost in this copy; use another backup",
            Self::ReadFailed(_) => "check the medium",
            Self::Later { .. } => "later logs are missing, or the logs are of another history",
            Self::EntryMissing { .. } | Self::EntryWithoutRow { .. } => {
                "either rows or entries are of an older state: a write to this file may have been lost"
            }
            Self::Leaked { .. } => "an offline defragmentation (`esentutl /d`) gives the space back",
            _ => return None,
        })
    }
}

impl fmt::Display for StructureDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("page is in use, its checksum is wrong"),
            Self::ReadFailed(reason) => write!(f, "page is in use and cannot be read: {reason}"),
            Self::NotInitialised => f.write_str("page is in use, but all zero"),
            Self::BehindEnd { pages } => write!(f, "page is in use, but the file ends with page {pages}"),
            Self::FileShort { pages, last } => {
                write!(f, "file ends with page {pages}, but the database owns pages up to {last}")
            }
            Self::Object { found, expected } => write!(f, "objidFDP is {found}, expected {expected}"),
            Self::Flags { flags, expected } => write!(f, "page flags are {flags:#x}, expected {expected}"),
            Self::Height { found, expected } => {
                write!(f, "leaf lies {found} levels below the root, expected {expected}")
            }
            Self::Tag { tag } => write!(f, "tag {tag} points outside the page"),
            Self::Overlap { tag } => write!(f, "tag {tag} begins in the bytes of another tag"),
            Self::FreeBytes { stored, computed } => {
                write!(f, "cbFree is {stored}, but {computed} bytes are free")
            }
            Self::Node { line } => write!(f, "node {line} is damaged"),
            Self::KeyOrder { line } => write!(f, "key of node {line} is not above the key before it"),
            Self::KeyRange { line, below } => {
                let side = if *below { "below" } else { "above" };
                write!(f, "key of node {line} is {side} the range that the parent page gives")
            }
            Self::Link { field, found, expected } => write!(f, "{field} is {found}, expected {expected}"),
            Self::Shared => f.write_str("two places of the tree lead to the same page"),
            Self::Record { line } => write!(f, "record in node {line} is damaged"),
            Self::Later { dbtime, highest } => {
                write!(f, "dbtime {dbtime} is beyond the end of the logs, which reach {highest}")
            }
            Self::PrimaryKey { line } => write!(f, "key of node {line} is not that of its columns"),
            Self::Extent { first, last } => {
                write!(f, "pages {first} to {last} are not the tree's to own, or are owned twice")
            }
            Self::UsedButFree => f.write_str("page is in use, but listed as free"),
            Self::UsedByOther { owner: 0 } => {
                f.write_str("page is in use, but outside the space of its tree")
            }
            Self::UsedByOther { owner } => write!(f, "page is in use, but owned by object {owner}"),
            _ => self.fmt_content(f),
        }
    }
}

impl StructureDefect {
    fn fmt_content(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaked { pages } => write!(f, "{pages} pages are neither used nor free"),
            Self::LongValueRoot { id } => write!(f, "long value {id:#x} has no usable root"),
            Self::LongValueHole { id, offset } => write!(f, "long value {id:#x} has a hole at byte {offset}"),
            Self::LongValuePiece { id, offset } => {
                write!(f, "long value {id:#x} is damaged at byte {offset}")
            }
            Self::LongValueMissing { id } => write!(f, "long value {id:#x} is missing"),
            Self::LongValueReferences { id, stored, found } => {
                write!(f, "long value {id:#x} has reference count {stored}, but {found} references")
            }
            Self::LongValueUnused { values } => write!(f, "{values} long values are referred to by no row"),
            Self::EntryMissing { entries } => write!(f, "{entries} entries of rows are missing in the index"),
            Self::EntryWithoutRow { entries } => write!(f, "{entries} entries of the index fit no row"),
            Self::IndexNotCompared { reason } => write!(f, "index is not compared with the rows: {reason}"),
            Self::CatalogEntry => f.write_str("entry of the catalog cannot be understood"),
            Self::ShadowCatalog => f.write_str("MSysObjectsShadow differs from MSysObjects"),
            _ => Ok(()),
        }
    }
}
