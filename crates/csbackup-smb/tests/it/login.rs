//! Which proofs SMB can use.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use csbackup_smb::Login;
use rpc_auth::{Account, KerberosConfig, Method, NtHash, Proof};

fn login(account: &str, proof: &Proof, method: Method) -> io::Result<Login> {
    let config = KerberosConfig::default().with_kdc("CORP.EXAMPLE", "127.0.0.1:88");
    let account = if account.is_empty() { Account::default() } else { account.parse().unwrap() };
    Login::new(&account, proof, method, &config)
}

fn password() -> Proof {
    Proof::Password("secret".to_owned().into())
}

#[test]
fn a_guest_reads_no_files() {
    for account in ["", "Guest", r"CORP\guest"] {
        let error = login(account, &password(), Method::Ntlm).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{account}");
    }
}

#[test]
fn a_password_serves_every_method_when_the_realm_is_known() {
    for method in [Method::Ntlm, Method::Kerberos, Method::Negotiate] {
        login("backup@corp.example", &password(), method).unwrap();
    }
    login(r"CORP\backup", &password(), Method::Negotiate).unwrap();
    let error = login(r"CORP\backup", &password(), Method::Kerberos).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn hashes_and_keytabs_are_refused() {
    for proof in [Proof::NtHash(NtHash::of_password("x")), Proof::Keytab(PathBuf::from("x"))] {
        for method in [Method::Ntlm, Method::Kerberos, Method::Negotiate] {
            let error = login("backup@corp.example", &proof, method).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
    }
}

#[test]
fn a_cache_that_is_none_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let cache = Proof::CredentialCache(Some(file.path().to_owned()));
    assert_eq!(login("", &cache, Method::Kerberos).unwrap_err().kind(), ErrorKind::InvalidData);
    let error = login("", &cache, Method::Ntlm).unwrap_err();
    assert_ne!(error.to_string(), "");
}

#[test]
fn nothing_of_a_password_is_shown() {
    let shown = format!("{:?}", login("backup", &password(), Method::Ntlm).unwrap());
    assert_eq!(shown, "Login(..)");
}
