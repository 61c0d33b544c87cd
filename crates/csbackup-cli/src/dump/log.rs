//! `dump log`: the header of a log, and its records.

use std::path::Path;

use ese::{Generation, LogPosition, LogReader, PageNumber, Record};
use serde_json::json;

use super::{Lines, header, source};

pub(super) fn dump(
    lines: &mut Lines,
    file: &Path,
    page: Option<u32>,
    from: Option<[u32; 3]>,
    limit: u64,
) -> anyhow::Result<()> {
    header::dump(lines, file)?;
    let mut log = match LogReader::open(source(file)?) {
        Ok(log) => log,
        Err(error) => {
            lines.problem(&error.to_string());
            return Ok(());
        }
    };
    let from = from.map(|[generation, sector, offset]| LogPosition {
        generation: Generation(generation),
        // Behind every place of a log, where it is larger than a place can be.
        sector: sector.try_into().unwrap_or(u16::MAX),
        offset: offset.try_into().unwrap_or(u16::MAX),
    });
    let (mut all, mut shown) = (0_u64, 0);
    loop {
        match log.next_record() {
            Ok(Some((position, record))) => {
                all += 1;
                let wanted = from.is_none_or(|from| position >= from)
                    && page.is_none_or(|page| concerns(&record, PageNumber(page)));
                if wanted && shown == limit {
                    lines.more(limit);
                    return Ok(());
                }
                if wanted {
                    show(lines, position, &record);
                    shown += 1;
                }
            }
            Ok(None) => break,
            Err(error) => {
                lines.problem(&format!("{error}; what follows cannot be found"));
                break;
            }
        }
    }
    let unfinished = log.is_unfinished();
    let value = json!({ "records": all, "shown": shown, "unfinished": unfinished });
    let end = if unfinished { "; the file ends inside a record" } else { "" };
    lines.say("records", value, &format!("{all} records, {shown} shown{end}"));
    Ok(())
}

fn concerns(record: &Record<'_>, page: PageNumber) -> bool {
    let mut found = record.head().is_some_and(|head| head.page == page);
    record.for_each_page(|own, _| found |= own == page);
    found
}

fn show(lines: &Lines, position: LogPosition, record: &Record<'_>) {
    let mut pages = Vec::new();
    record.for_each_page(|page, _| pages.push(page.0));
    let author = record.author();
    let value = json!({
        "position": position.to_string(), "type": record.kind.0, "name": record.name(), "length": record.bytes.len(),
        "procid": author.map(|author| author.procid), "dbid": author.map(|author| author.dbid),
        "dbtime": author.map(|author| author.dbtime), "pages": pages, "text": record.to_string(),
    });
    lines.say("record", value, &format!("{position} {record}"));
}
