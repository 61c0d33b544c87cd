//! `dump page`: the header of a page, its checksum, its nodes.

use std::path::Path;

use ese::{Block, Node, PageNumber, PageSize, PageSource as _, PageView};
use serde_json::{Map, Value, json};

use super::{Lines, database, fields, hex, node_letters, page_words, short};

pub(super) fn dump(lines: &mut Lines, file: &Path, page: u32, raw: bool) -> anyhow::Result<()> {
    let database = database(file)?;
    let (number, size) = (PageNumber(page), database.page_size());
    let mut bytes = vec![0; size.bytes() as usize];
    if let Err(error) = database.source().read_at(number.offset(size), &mut bytes) {
        lines.problem(&format!("page {page}: {error}"));
        return Ok(());
    }
    if raw {
        dump_raw(lines, number, size, &bytes);
        return Ok(());
    }
    if bytes.iter().all(|&byte| byte == 0) {
        lines.say(
            "page",
            json!({ "page": page, "zero": true }),
            &format!("page {page}: never initialised, all zero"),
        );
        return Ok(());
    }
    let checksum = checksum(&bytes, number, size);
    // One flipped bit is turned back, as the engine does.
    let corrected = database.page(number).ok();
    let shown = corrected.as_ref().map_or(bytes.as_slice(), |page| page.bytes());
    let (verdict, text) = match (checksum, &corrected) {
        (Ok(()), _) => ("right", "checksum right".to_owned()),
        (Err((stored, computed)), Some(_)) => (
            "one-bit",
            format!("one bit is flipped, turned back here: checksum {stored:#x}, computed {computed:#x}"),
        ),
        (Err((stored, computed)), None) => {
            lines.bad = true;
            ("wrong", format!("CHECKSUM WRONG: stored {stored:#x}, computed {computed:#x}"))
        }
    };
    let Some(view) = PageView::new(shown, size) else { return Ok(()) };
    show_header(lines, number, shown, &view, (verdict, &text));
    for (line, node) in (0_u16..).zip(view.nodes()) {
        match node {
            Some(node) => show_node(lines, &view, line, &node),
            None => lines.problem(&format!("page {page}: node {line} does not fit the page")),
        }
    }
    Ok(())
}

fn show_header(
    lines: &Lines,
    number: PageNumber,
    bytes: &[u8],
    view: &PageView<'_>,
    (verdict, checksum): (&str, &str),
) {
    let large = if bytes.len() > 8192 { fields::LARGE_PAGE } else { &[] };
    let list = || fields::PAGE.iter().chain(large);
    let values: Map<String, Value> = list().map(|one| (one.name.to_owned(), one.json(bytes))).collect();
    let (words, header) = (page_words(view.flags()), view.external_header());
    // Two header pages lie before page 1.
    let offset = (u64::from(number.0) + 1) * bytes.len() as u64;
    let mut text = format!("page {number} at offset {offset:#x}: {words}; {checksum}");
    for field in list() {
        text.push_str(&format!("\n  @{:<4} {:<20} {}", field.at, field.name, field.value(bytes)));
    }
    text.push_str(&format!("\n  tags {}, nodes {}, tag 0: {}", view.tag_count(), view.len(), hex(header)));
    let value = json!({
        "page": number.0, "offset": offset, "zero": false, "checksum": verdict, "kind": words,
        "fields": values, "tags": view.tag_count(), "nodes": view.len(), "external_header": hex(header),
    });
    lines.say("page", value, &text);
}

fn show_node(lines: &Lines, view: &PageView<'_>, line: u16, node: &Node<'_>) {
    let key: Vec<u8> = node.key().collect();
    let child = node.child().filter(|_| !view.flags().is_leaf());
    let value = json!({
        "line": line, "flags": node.flags.0, "prefix": node.prefix.len(), "key": hex(&key),
        "length": node.data.len(), "child": child.map(|page| page.0), "data": child.is_none().then(|| hex(node.data)),
    });
    let content = match child {
        Some(page) => format!("-> page {page}"),
        None => format!("{} bytes {}", node.data.len(), short(node.data)),
    };
    let text = format!("  {line:>4} {} key {} {content}", node_letters(node.flags), hex(&key));
    lines.say("node", value, &text);
}

/// Stored and computed, when they differ.
fn checksum(page: &[u8], number: PageNumber, size: PageSize) -> Result<(), (u64, u64)> {
    let at = |at: usize| {
        page.get(at..).and_then(|tail| tail.first_chunk()).map_or(0, |word| u64::from_le_bytes(*word))
    };
    let same = |stored: u64, computed: u64| if stored == computed { Ok(()) } else { Err((stored, computed)) };
    let has_ecc = at(36) & 0x2000 != 0;
    if !has_ecc {
        // The upper half is the page number.
        return same(at(0), u64::from(ese::xor32(page)) | u64::from(number.0) << 32);
    }
    if size.bytes() <= 8192 {
        return same(at(0), ese::xor_ecc(page, number.0, Block::WithChecksum).unwrap_or_default());
    }
    let blocks = page.chunks_exact(page.len() / 4);
    for (place, block) in [0, 40, 48, 56].into_iter().zip(blocks) {
        let kind = if place == 0 { Block::WithChecksum } else { Block::Plain };
        same(at(place), ese::xor_ecc(block, number.0, kind).unwrap_or_default())?;
    }
    Ok(())
}

fn dump_raw(lines: &Lines, number: PageNumber, size: PageSize, bytes: &[u8]) {
    let mut text = format!("page {number} at offset {:#x}", number.offset(size));
    for (line, chunk) in bytes.chunks(16).enumerate() {
        let digits: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = |byte: u8| if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' };
        let letters: String = chunk.iter().map(|&byte| shown(byte)).collect();
        text.push_str(&format!("\n{:08x}  {}  {letters}", line * 16, digits.join(" ")));
    }
    let value = json!({ "page": number.0, "offset": number.offset(size), "raw": hex(bytes) });
    lines.say("page", value, &text);
}
