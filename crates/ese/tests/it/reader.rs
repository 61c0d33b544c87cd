//! The reader: catalog, trees, rows, and what it says of damage.

use ese::Database;

#[test]
fn rows_of_a_closed_database() {
    let Some(folder) = testkit::data::engine_set("main") else { return };
    let bytes = std::fs::read(folder.join("clean/ExampleCA.edb")).unwrap();
    let database = Database::open(bytes).unwrap();
    assert_eq!(database.catalog_errors(), []);
    for table in database.tables() {
        let (mut rows, mut errors) = (0, 0);
        let mut bad = std::collections::BTreeMap::new();
        for row in database.rows(table) {
            match row {
                Ok(row) => {
                    rows += 1;
                    for column in &table.columns {
                        if let Err(error) = database.values(table, &row, column) {
                            *bad.entry(error.kind.to_owned().discriminant_text()).or_insert(0) += 1;
                        }
                    }
                }
                Err(_) => errors += 1,
            }
        }
        println!("{} {rows} {errors} columns {} {bad:?}", table.name, table.columns.len());
    }
}

trait Text {
    fn discriminant_text(&self) -> String;
}

impl Text for ese::ReadErrorKind {
    fn discriminant_text(&self) -> String {
        format!("{self:?}")
    }
}
