//! Views and columns, byte by byte.

use csra::method::{
    CloseView, Counted, Done, EnumView, EnumViewColumn, EnumViewColumnTable, GetViewDefaultColumnSet,
    OpenView, Restriction, Table,
};
use csra::value::Blob;

use crate::bytes::{comes_out, goes_in};

const CA: &str = "00000200 03000000 00000000 03000000 'CA' 0000 ; pwszAuthority
    0000 ; padding to 4
    ";

fn ca() -> Option<String> {
    Some("CA".to_owned())
}

#[test]
fn open_view() {
    let value = vec![1, 2, 3, 4, 5];
    goes_in(
        &OpenView {
            authority: ca(),
            restrictions: vec![
                Restriction { column: 0x1000, seek: 8, sort: 1, value },
                Restriction { column: 0x2006, seek: 1, sort: 0, value: Vec::new() },
            ],
            columns: vec![0x1000, 0x2006],
            first: 1,
            count: 100,
        },
        &format!(
            "{CA}
             02000000                      ; ccvr
             02000000                      ; max_count
             00100000 08000000 01000000    ; ColumnIndex, SeekOperator: >=, SortOrder: ascending
             04000200 05000000             ; pbValue, cbValue
             06200000 01000000 00000000    ; ColumnIndex, SeekOperator: =, SortOrder: none
             00000000 00000000             ; pbValue: NULL, cbValue
             05000000 0102030405           ; what the first pbValue leads to
             000000                        ; padding to 4
             02000000                      ; ccolOut
             02000000 00100000 06200000    ; max_count, acolOut
             01000000                      ; ielt
             64000000                      ; celt"
        ),
    );
    goes_in(
        &OpenView { authority: None, restrictions: vec![], columns: vec![], first: 1, count: 1 },
        "00000000             ; pwszAuthority: NULL
         00000000 00000000    ; ccvr, max_count
         00000000 00000000    ; ccolOut, max_count
         01000000 01000000    ; ielt, celt",
    );
}

const ROWS: &str = "
    01000000             ; pceltFetched
    04000000 00000200    ; pctbResultRows: cb, pb
    04000000 09090909    ; max_count, bytes
    00000000             ; HRESULT";

#[test]
fn rows_of_a_view() {
    let rows = Counted { count: 1, blob: Blob(vec![9, 9, 9, 9]) };
    comes_out::<OpenView>(&rows, ROWS);
    comes_out::<EnumView>(&rows, ROWS);
    goes_in(
        &EnumView { authority: ca(), first: 101, count: 100 },
        &format!("{CA} 65000000 64000000 ; ielt, celt"),
    );
    goes_in(&CloseView { authority: ca() }, "00000200 03000000 00000000 03000000 'CA' 0000");
    comes_out::<CloseView>(&Done, "00000000 ; HRESULT");
}

#[test]
fn columns() {
    let columns = Counted { count: 1, blob: Blob(vec![9, 9, 9, 9]) };
    comes_out::<EnumViewColumn>(&columns, ROWS);
    comes_out::<EnumViewColumnTable>(&columns, ROWS);
    comes_out::<GetViewDefaultColumnSet>(&columns, ROWS);
    goes_in(
        &EnumViewColumn { authority: ca(), first: 2, count: 7 },
        &format!("{CA} 02000000 07000000 ; iColumn, cColumn"),
    );
    goes_in(
        &EnumViewColumnTable { authority: ca(), table: Table::Crl.to_wire(), first: 2, count: 7 },
        &format!("{CA} 00500000 02000000 07000000 ; iTable, iColumn, cColumn"),
    );
    goes_in(
        &GetViewDefaultColumnSet { authority: ca(), view: 0xFFFF_FFFE },
        &format!("{CA} FEFFFFFF ; iColumnSetDefault: issued certificates"),
    );
}
