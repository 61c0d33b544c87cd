//! A large database of a CA that never was: what its pages hold is mixed as in a real one.
//!
//! For measurements of what stores do with it, so that content and its repetition matter: of 100
//! pages 45 hold two certificates, 25 rows of the request table, 10 an index, 10 nothing, and 10 noise
//! (archived keys). The frame is that of [`History`]: headers, checksums, trailer and logs are right,
//! and `ese` finds nothing in the stream. There are no trees.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::thread;

use certsrv::{CaDirectory, StateSource};

use crate::ca;
use crate::synthetic::{Backup, History, log_name, seal_page};

/// A database of mixed pages, in a first state and in a changed one.
#[derive(Debug, Clone)]
pub struct Mixed {
    history: History,
    seed: u64,
    /// Of 10,000 pages so many are changed in the second state.
    changed: u64,
}

impl Mixed {
    /// A database of about `bytes` bytes in pages of 4 KiB; `changed` of 10,000 pages are changed in
    /// place from the first state to the second.
    pub fn new(bytes: u64, changed: u64, seed: u64) -> Self {
        let pages = u32::try_from(bytes / PAGE as u64 - 3).expect("a database has at most 2^31 pages");
        let mut history = History::new(1).with_pages(PAGE as u32, pages);
        // Logs of 1 MiB, as Active Directory Certificate Services has them.
        history.segments = 256;
        Self { history, seed, changed }
    }

    /// Makes a CA directory with the two states; a full backup of each takes one log.
    ///
    /// # Errors
    /// The system's.
    pub fn create(&self, dir: &Path) -> io::Result<CaDirectory> {
        let sources = tempfile::tempdir_in(dir.parent().unwrap_or(dir))?;
        let states: Vec<StateSource> = (1..=STATES)
            .map(|state| self.source(state, &sources.path().join(state.to_string())))
            .collect::<Result<_, _>>()?;
        let ca = CaDirectory::create(dir, &ca::authority(), &states).map_err(io::Error::other)?;
        for state in 1..=STATES {
            // Straight to its place: the sources would be copied.
            self.write(state, &dir.join(format!("state-{state:02}")).join(EDB))?;
        }
        Ok(ca)
    }

    fn source(&self, state: u32, folder: &Path) -> io::Result<StateSource> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join(EDB), [])?;
        for generation in 1..=state {
            std::fs::write(folder.join(log_name(generation)), self.history.log(generation))?;
        }
        let folder = folder.to_owned();
        Ok(StateSource {
            folder,
            checkpoint: state,
            checkpoint_at_truncation: state,
            lowest: 1,
            highest: state,
        })
    }

    /// Writes the stream of a state: headers, pages, trailer.
    fn write(&self, state: u32, path: &Path) -> io::Result<()> {
        let (headers, trailer) = self.history.frame(&Backup::new(state, state));
        let mut file = File::create(path)?;
        file.write_all(&headers)?;
        let workers = thread::available_parallelism().map_or(1, |count| count.get() as u32);
        let mut from = 1;
        while from <= self.history.pages {
            let parts: Vec<_> = (0..workers)
                .map(|worker| from + worker * BATCH)
                .map(|first| first..(first + BATCH).min(self.history.pages + 1))
                .collect();
            thread::scope(|scope| {
                let made: Vec<_> =
                    parts.iter().map(|part| scope.spawn(|| self.pages(state, part.clone()))).collect();
                made.into_iter().try_for_each(|part| file.write_all(&part.join().expect("make pages")))
            })?;
            from += workers * BATCH;
        }
        file.write_all(&trailer)
    }

    fn pages(&self, state: u32, numbers: std::ops::Range<u32>) -> Vec<u8> {
        let mut bytes = vec![0; numbers.len() * PAGE];
        for (number, page) in numbers.zip(bytes.chunks_exact_mut(PAGE)) {
            self.page(state, number, page);
        }
        bytes
    }

    fn page(&self, state: u32, number: u32, page: &mut [u8]) {
        let mut noise = Noise::of(self.seed, number.into());
        let mut body = Vec::with_capacity(PAGE);
        fill(&mut noise, number, &mut body);
        body.truncate(PAGE - HEADER - 8);
        let free = (PAGE - HEADER - 8 - body.len()) as u16;
        page[HEADER..HEADER + body.len()].copy_from_slice(&body);
        let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
        // Times, neighbours, object, free bytes (format digest section 3).
        put(8, &u64::from(number).to_le_bytes());
        put(16, &(number - 1).to_le_bytes());
        put(20, &(number + 1).to_le_bytes());
        put(24, &(number % 40 + 2).to_le_bytes());
        put(28, &free.to_le_bytes());
        put(32, &(body.len() as u16).to_le_bytes());
        put(34, &1_u16.to_le_bytes());
        put(PAGE - 4, &(body.len() as u16).to_le_bytes());
        if state > 1 && self.is_changed(number) {
            let mut noise = Noise::of(self.seed ^ CHANGE, number.into());
            put(8, &(u64::from(self.history.pages) + u64::from(number)).to_le_bytes());
            let at = HEADER + noise.below(PAGE - HEADER - 260);
            put(at, &noise.bytes::<60>());
            put(at + 60, &[0; 80]);
            put(at + 140, &noise.bytes::<60>());
        }
        seal_page(page, number);
    }

    fn is_changed(&self, number: u32) -> bool {
        Noise::of(self.seed ^ CHOICE, number.into()).next() % 10_000 < self.changed
    }
}

/// File name of the database in a state.
const EDB: &str = "ca.edb";
const STATES: u32 = 2;
const PAGE: usize = 4096;
const HEADER: usize = 40;
/// Pages that one thread makes at a time.
const BATCH: u32 = 4096;
/// Salts of the seed.
const CHANGE: u64 = 0x6368_616E_6765;
const CHOICE: u64 = 0x6368_6F69_6365;

const ISSUER: &[u8] = b"CN=Example Issuing CA 0,OU=PKI,O=Example Corporation,C=DE";
const PLACES: &[u8] =
    b"ldap:///CN=Example%20Issuing%20CA,CN=ca01,CN=CDP,CN=Public%20Key%20Services,CN=Services,\
    CN=Configuration,DC=example,DC=test?certificateRevocationList?base?objectClass=cRLDistributionPoint\
    ldap:///CN=Example%20Issuing%20CA,CN=AIA,CN=Public%20Key%20Services,CN=Services,CN=Configuration,\
    DC=example,DC=test?cACertificate?base?objectClass=certificationAuthority\
    http://pki.example.test/CertEnroll/ca01.example.test_Example%20Issuing%20CA.crt";
const TEMPLATES: [&str; 5] =
    ["Machine", "DomainController", "WebServer-2048-v3", "UserSmartcard-v2", "Workstation-Auth"];

fn fill(noise: &mut Noise, number: u32, body: &mut Vec<u8>) {
    match noise.below(100) {
        0..45 => (0..2).for_each(|half| certificate(noise, 2 * number + half, body)),
        45..70 => (0..6).for_each(|row| request(noise, 6 * number + row, body)),
        70..80 => {
            for _ in 0..140 {
                body.extend([0x14, 0, 0x7F]);
                body.extend(noise.bytes::<19>());
                body.extend((noise.below(1 << 22) as u32).to_le_bytes());
            }
        }
        80..90 => {}
        _ => {
            for _ in 0..PAGE / 8 {
                body.extend(noise.bytes::<8>());
            }
        }
    }
}

/// What is constant in the certificates of one CA, and what is not: not really DER.
fn certificate(noise: &mut Noise, number: u32, body: &mut Vec<u8>) {
    body.extend(b"\x30\x82\x05\xd8\x30\x82\x04\xc0\xa0\x03\x02\x01\x02\x02\x13");
    body.extend(noise.bytes::<19>());
    body.extend(b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00");
    body.extend(ISSUER);
    let day = number % 1_000_000;
    body.extend(
        format!("0\x1e\x17\x0d250101{day:06}Z\x17\x0d270101{day:06}ZCN=host{number:07}.example.test")
            .as_bytes(),
    );
    body.extend(
        b"\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82\x01\x0f\x00",
    );
    body.extend(noise.bytes::<256>());
    body.extend(b"\x02\x03\x01\x00\x01\x06\x03\x55\x1d\x0e\x04\x16\x04\x14");
    body.extend(noise.bytes::<20>());
    body.extend(b"\x06\x03\x55\x1d\x23KEYID-OF-THE-ISSUER-");
    body.extend(PLACES);
    body.extend(b"\x06\x09\x2b\x06\x01\x04\x01\x82\x37\x15\x07");
    body.extend(template(number).as_bytes());
    body.extend(b"\x06\x03\x55\x1d\x25\x04\x0c\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01".repeat(2));
    body.extend(b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00\x03\x82\x01\x01\x00");
    body.extend(noise.bytes::<256>());
}

/// A row of the request table.
fn request(noise: &mut Noise, number: u32, body: &mut Vec<u8>) {
    let time = 133_000_000_000_000_000 + u64::from(number) * 9_000_000;
    body.extend(number.to_le_bytes());
    body.extend([20, 0, 3, 0]);
    body.extend(time.to_le_bytes());
    body.extend(u64::from(number).to_le_bytes());
    let text = format!(
        "EXAMPLE\\host{number:07}$\0CN=host{number:07}.example.test, OU=Servers, DC=example, DC=test\0\
         Issued\0CertificateTemplate:"
    );
    body.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    body.extend(template(number).as_bytes());
    body.extend(noise.bytes::<24>());
}

fn template(number: u32) -> &'static str {
    TEMPLATES[number as usize % TEMPLATES.len()]
}

/// SplitMix64: fast, and each page has its own.
struct Noise(u64);

impl Noise {
    fn of(seed: u64, number: u64) -> Self {
        let mut noise = Self(seed ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        Self(noise.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for part in bytes.chunks_mut(8) {
            let next = self.next().to_le_bytes();
            part.copy_from_slice(&next[..part.len()]);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ese::{DatabaseVerifier, Origin};

    const SIZE: u64 = 4 << 20;

    #[test]
    fn both_states_are_streams_without_findings() {
        let folder = tempfile::tempdir().unwrap();
        let mixed = Mixed::new(SIZE, 100, 1);
        mixed.create(&folder.path().join("ca")).unwrap();
        for state in ["state-01", "state-02"] {
            let stream = std::fs::read(folder.path().join("ca").join(state).join(EDB)).unwrap();
            let mut verifier = DatabaseVerifier::new(Origin::Streamed, Some(stream.len() as u64));
            verifier.push(&stream);
            let report = verifier.finish();
            assert_eq!((report.findings.as_slice(), stream.len() as u64), (&[][..], SIZE), "{state}");
            assert_eq!(report.pages.total, SIZE / PAGE as u64 - 3);
        }
    }

    #[test]
    fn the_second_state_differs_in_the_chosen_pages_and_nothing_else() {
        let mixed = Mixed::new(SIZE, 100, 1);
        let numbers = 1..mixed.history.pages + 1;
        let (old, new) = (mixed.pages(1, numbers.clone()), mixed.pages(2, numbers));
        let changed = old.chunks(PAGE).zip(new.chunks(PAGE)).filter(|(old, new)| old != new).count();
        let chosen = (1..=mixed.history.pages).filter(|number| mixed.is_changed(*number)).count();
        assert_eq!(changed, chosen);
        assert!((5..=20).contains(&chosen), "{chosen} of 1021 pages are about one percent");
    }
}
