//! Times the verifier on one file in memory: `cargo run --release -p ese --example pages -- FILE`.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::time::Instant;

use ese::{DatabaseVerifier, FileType, LogVerifier, Origin, sniff};

fn main() -> std::io::Result<()> {
    let Some(path) = std::env::args_os().nth(1) else {
        println!("usage: pages FILE");
        return Ok(());
    };
    let bytes = std::fs::read(path)?;
    let rounds = 5;
    for chunk in [4096, 65_536, 1 << 20] {
        let mut best = f64::INFINITY;
        for _ in 0..rounds {
            let start = Instant::now();
            let findings = verify(&bytes, chunk);
            best = best.min(start.elapsed().as_secs_f64());
            std::hint::black_box(findings);
        }
        let gigabytes = f64::from(u32::try_from(bytes.len() >> 10).unwrap_or(u32::MAX)) * 1024.0 / 1e9;
        println!("pushes of {chunk:>7} bytes: {:.2} GB/s", gigabytes / best);
    }
    println!("findings: {}", verify(&bytes, 65_536));
    Ok(())
}

/// Verifies the file and returns the number of findings.
fn verify(bytes: &[u8], chunk: usize) -> usize {
    if sniff(bytes) == FileType::Log {
        let mut verifier = LogVerifier::new(Origin::Streamed, None);
        bytes.chunks(chunk).for_each(|chunk| verifier.push(chunk));
        verifier.finish().findings.len()
    } else {
        let mut verifier = DatabaseVerifier::new(Origin::Streamed, None);
        bytes.chunks(chunk).for_each(|chunk| verifier.push(chunk));
        verifier.finish().findings.len()
    }
}
