//! Views of the database.

use std::fs;

use csra::method::{CloseView, EnumView, EnumViewColumnTable, OpenView, Restriction};
use csra::value::ColumnType;
use dtyp::HResult;

use crate::invented::authority;
use crate::wire::{Client, ca, serve};

const REQUEST_ID: u32 = 0x1000;

fn rows(restrictions: Vec<Restriction>) -> Result<Vec<i32>, HResult> {
    let at = ca();
    let view = "[[request]]\n\"Request.RequestID\" = 2\n\"Request.CommonName\" = \"b\"\n\
                [[request]]\n\"Request.RequestID\" = 10\n\"Request.CommonName\" = \"A\"\n\
                [[request]]\n\"Request.RequestID\" = 3\n";
    fs::write(at.path().join("state-01/view.toml"), view).unwrap();
    let server = serve(&at);
    let mut client = Client::new(&server, "backup");
    let authority = Some(authority().name);
    let open = OpenView {
        authority: authority.clone(),
        restrictions,
        columns: vec![REQUEST_ID],
        first: 1,
        count: 1,
    };
    let first = client.call(&open)?;
    let more = client.call(&EnumView { authority: authority.clone(), first: 2, count: 10 });
    let mut ids = Vec::new();
    for page in [Ok(first), more] {
        let page = page.unwrap();
        for row in page.rows().unwrap().rows {
            ids.push(row.cells[0].long().unwrap());
        }
    }
    client.call(&CloseView { authority }).unwrap();
    Ok(ids)
}

fn id(seek: i32, sort: i32, value: i32) -> Restriction {
    Restriction { column: REQUEST_ID, seek, sort, value: value.to_le_bytes().to_vec() }
}

#[test]
fn rows_are_restricted_and_sorted() {
    assert_eq!(rows(vec![]), Ok(vec![2, 10, 3]));
    assert_eq!(rows(vec![id(8, 1, 0)]), Ok(vec![2, 3, 10]));
    assert_eq!(rows(vec![id(16, 2, 2)]), Ok(vec![10, 3]));
    assert_eq!(rows(vec![id(1, 0, 3)]), Ok(vec![3]));
    assert_eq!(rows(vec![id(3, 0, 3)]), Err(HResult::INVALID_ARG));
    let short = Restriction { value: vec![1], ..id(1, 0, 0) };
    assert_eq!(rows(vec![short]), Err(HResult::INVALID_ARG));
    let foreign = Restriction { column: 0x5000, ..id(1, 0, 0) };
    assert_eq!(rows(vec![foreign]), Err(HResult::INVALID_ARG), "columns of two tables");
}

#[test]
fn columns_are_those_of_the_table() {
    let at = ca();
    let server = serve(&at);
    let mut client = Client::new(&server, "backup");
    let table = EnumViewColumnTable { authority: Some(authority().name), table: 0x5000, first: 1, count: 1 };
    let columns = client.call(&table).unwrap().columns().unwrap();
    assert_eq!(columns.len(), 1);
    assert_eq!(
        (columns[0].name.as_str(), columns[0].id, columns[0].kind),
        ("CRLNumber", 0x5001, ColumnType::Long)
    );
}
