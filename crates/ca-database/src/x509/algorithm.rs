//! Algorithms in words.

use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

/// Algorithm of a key and its size in bits.
pub(super) fn key_facts(key: &SubjectPublicKeyInfo<'_>) -> (String, Option<u32>) {
    let oid = key.algorithm.algorithm.to_id_string();
    match oid.as_str() {
        "1.2.840.113549.1.1.1" => {
            let bits = match key.parsed() {
                Ok(PublicKey::RSA(key)) => bits(key.modulus),
                _ => None,
            };
            ("RSA".to_owned(), bits)
        }
        "1.2.840.10045.2.1" => {
            let curve = key.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
            let curve = curve.map_or_else(|| "explicit".to_owned(), |curve| curve.to_id_string());
            let (name, bits) = match curve.as_str() {
                "1.2.840.10045.3.1.7" => ("P-256", Some(256)),
                "1.3.132.0.34" => ("P-384", Some(384)),
                "1.3.132.0.35" => ("P-521", Some(521)),
                "1.3.132.0.10" => ("secp256k1", Some(256)),
                other => (other, None),
            };
            (format!("EC {name}"), bits)
        }
        "1.2.840.10040.4.1" => ("DSA".to_owned(), None),
        "1.3.101.112" => ("Ed25519".to_owned(), Some(256)),
        "1.3.101.113" => ("Ed448".to_owned(), Some(456)),
        _ => (oid, None),
    }
}

/// Bits of an unsigned number.
fn bits(number: &[u8]) -> Option<u32> {
    let first = number.iter().position(|byte| *byte != 0)?;
    let number = number.get(first..)?;
    let top = number.first()?.leading_zeros();
    u32::try_from(number.len()).ok()?.checked_mul(8)?.checked_sub(top)
}

/// Algorithm of a signature.
pub(super) fn signature_name(algorithm: &AlgorithmIdentifier<'_>) -> String {
    let oid = algorithm.algorithm.to_id_string();
    let name = match oid.as_str() {
        "1.2.840.113549.1.1.4" => "RSA-MD5",
        "1.2.840.113549.1.1.5" => "RSA-SHA1",
        "1.2.840.113549.1.1.10" => "RSA-PSS",
        "1.2.840.113549.1.1.11" => "RSA-SHA256",
        "1.2.840.113549.1.1.12" => "RSA-SHA384",
        "1.2.840.113549.1.1.13" => "RSA-SHA512",
        "1.2.840.10045.4.1" => "ECDSA-SHA1",
        "1.2.840.10045.4.3.2" => "ECDSA-SHA256",
        "1.2.840.10045.4.3.3" => "ECDSA-SHA384",
        "1.2.840.10045.4.3.4" => "ECDSA-SHA512",
        "1.2.840.10040.4.3" => "DSA-SHA1",
        "1.3.101.112" => "Ed25519",
        _ => return oid,
    };
    name.to_owned()
}
