//! Writes an index of invented rows for the newest set of a directory, for `cargo xtask bench lookup`:
//! `index SETS CACHE ROWS` prints a serial number from the middle.

use std::path::PathBuf;

use ca_database::{CertificateSummary, Disposition, RequestFacts, San};
use csbackup::{Catalogue, Directory, IndexBuilder, IndexKey};

#[expect(clippy::print_stdout, reason = "the answer is for a script")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(sets), Some(cache), Some(rows)) = (args.next(), args.next(), args.next()) else {
        return Err("usage: index SETS CACHE ROWS".into());
    };
    let rows: i32 = rows.to_string_lossy().parse()?;
    let catalogue = Catalogue::load(&Directory::new(&sets), None)?;
    let set = catalogue.newest().ok_or("no set")?;
    let chain = catalogue.chain(set)?;
    let key = chain.first().and_then(|full| IndexKey::of(full)).ok_or("no database")?;
    let mut index = IndexBuilder::new(&cache, key)?;
    for id in 1..=rows {
        index.certificate(&certificate(id))?;
    }
    index.finish()?;
    println!("{}", serial(rows / 2));
    Ok(())
}

fn serial(id: i32) -> String {
    let hash = blake3::hash(&id.to_le_bytes()).to_hex();
    format!("61{}", hash.get(..36).unwrap_or_default())
}

fn certificate(id: i32) -> CertificateSummary {
    let hash = blake3::hash(&id.to_be_bytes()).to_hex().to_string();
    let name = format!("host{id:07}.corp.example.test");
    CertificateSummary {
        request_id: id,
        serial: Some(serial(id)),
        sha1: hash.get(..40).map(str::to_owned),
        sha256: Some(hash),
        subject: Some(format!("CN={name}, OU=Servers, O=Example Corporation, C=DE")),
        issuer: Some("CN=Corp Issuing CA, DC=corp, DC=example, DC=test".to_owned()),
        issuer_id: Some(0),
        template: Some("1.3.6.1.4.1.311.21.8.1234567.7654321.1111.2222.33.4444.5555".to_owned()),
        template_name: Some("CorpWebServer".to_owned()),
        sans: vec![San::Dns(name)],
        sid: None,
        key_usage: None,
        purposes: vec!["1.3.6.1.5.5.7.3.1".to_owned()],
        is_ca: false,
        not_before: None,
        not_after: None,
        key_algorithm: Some("RSA".to_owned()),
        key_bits: Some(2048),
        signature_algorithm: Some("sha256WithRSAEncryption".to_owned()),
        length: Some(1600),
        request: Some(RequestFacts {
            disposition: Disposition::ISSUED,
            message: Some("Issued".to_owned()),
            status: Some(0),
            requester: Some(format!("CORP\\HOST{id:07}$")),
            caller: None,
            submitted: None,
            resolved: None,
            revoked: None,
            revoked_effective: None,
            revoked_reason: None,
            has_archived_key: false,
        }),
        error: None,
    }
}
