//! Which mechanism is tried.

use crate::logon::{at_address, credentials, server, talk};
use dcerpc::security::{AuthService, SecurityError};
use rpc_auth::{Account, Credentials, KerberosConfig, Method, NtHash, Options, Proof, Target};
use std::net::TcpListener;

/// A realm whose KDC does not answer: a port that was free a moment ago.
fn unreachable() -> Options {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let kerberos = KerberosConfig::parse("[libdefaults]\ndefault_realm = LAB.TEST\n")
        .with_kdc("LAB.TEST", &address.to_string());
    Options { workstation: "BACKUP01".into(), kerberos }
}

fn by_name() -> Target {
    Target::dcom("ca01.lab.test")
}

#[test]
fn without_a_kdc_the_negotiation_falls_back_to_ntlm_and_kerberos_alone_does_not() {
    for account in [r"LAB\backup", "backup@lab.test", "backup"] {
        let credentials = credentials(account, "Secret1!", unreachable());
        let initiator = credentials.initiator(Method::Negotiate, &by_name()).unwrap();
        assert_eq!(initiator.service(), AuthService::Negotiate);
        let (_, _, identity) = talk(initiator, &server()).unwrap();
        assert_eq!(identity.mechanism, "NTLM");

        let mut alone = credentials.initiator(Method::Kerberos, &by_name()).unwrap();
        assert_eq!(alone.service(), AuthService::Kerberos);
        let Err(SecurityError::Unavailable(reason)) = alone.step(&[]) else {
            panic!("a ticket from nowhere")
        };
        assert!(reason.to_string().starts_with("no KDC of realm LAB.TEST answers"), "{reason}");
    }
}

#[test]
fn kerberos_needs_a_name_and_a_realm() {
    let error = |account: &str, options, target: &Target| {
        let credentials = credentials(account, "x", options);
        credentials.initiator(Method::Kerberos, target).map(drop).unwrap_err().to_string()
    };
    for address in ["192.0.2.1", "2001:db8::1"] {
        assert_eq!(
            error("backup", unreachable(), &Target::dcom(address)),
            format!("Kerberos needs the name of the host, `{address}` is an address")
        );
    }
    for (account, options) in [("backup", Options::default()), (r"OTHER\backup", unreachable())] {
        assert_eq!(
            error(account, options, &by_name()),
            format!(
                "no Kerberos realm is known for `{account}`: name it as `user@REALM`, or set default_realm in krb5.conf"
            )
        );
    }
}

#[test]
fn a_proof_fits_some_methods() {
    let account: Account = "backup@lab.test".parse().unwrap();
    let hash = Proof::NtHash(NtHash::of_password("Secret1!"));
    let credentials = Credentials::new(account, hash, unreachable()).unwrap();
    assert_eq!(
        credentials.initiator(Method::Kerberos, &by_name()).map(drop).unwrap_err().to_string(),
        "Kerberos needs a password, a keytab or a credential cache, there is only an NT hash"
    );
    assert!(credentials.initiator(Method::Negotiate, &by_name()).is_ok());
    assert_eq!(
        format!("{credentials:?}"),
        r#"Credentials { account: "backup@lab.test", proof: "an NT hash", .. }"#
    );
}

#[test]
fn a_keytab_is_not_for_ntlm() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup.keytab");
    // Version 5.2, then one entry.
    let entry: &[&[u8]] = &[
        &[0, 1], // components
        &[0, 8], // realm
        b"LAB.TEST",
        &[0, 6], // name
        b"backup",
        &[0, 0, 0, 1],   // name type
        &[0, 0, 0, 0],   // timestamp
        &[1],            // kvno
        &[0, 17, 0, 16], // aes128-cts-hmac-sha1-96, key length
        &[7; 16],
    ];
    let entry = entry.concat();
    let length = u32::try_from(entry.len()).unwrap().to_be_bytes();
    std::fs::write(&path, [&[5, 2], &length[..], &entry].concat()).unwrap();
    let account = "backup@lab.test".parse().unwrap();
    let credentials = Credentials::new(account, Proof::Keytab(path), unreachable()).unwrap();
    assert_eq!(
        credentials.initiator(Method::Ntlm, &by_name()).map(drop).unwrap_err().to_string(),
        "NTLM needs a password or an NT hash, there is only a keytab"
    );
    let nowhere = credentials.initiator(Method::Negotiate, &at_address()).map(drop).unwrap_err();
    assert_eq!(nowhere.to_string(), "Kerberos needs the name of the host, `192.0.2.1` is an address");
    let mut negotiate = credentials.initiator(Method::Negotiate, &by_name()).unwrap();
    assert!(
        matches!(negotiate.step(&[]), Err(SecurityError::Unavailable(_))),
        "there is no NTLM to fall back to"
    );
}

#[test]
fn files_of_a_proof_are_read_at_once() {
    let missing = "/nonexistent/backup".into();
    for proof in [Proof::Keytab(missing), Proof::CredentialCache(Some("/nonexistent/backup".into()))] {
        let error = Credentials::new(Account::default(), proof, Options::default()).map(drop).unwrap_err();
        assert_eq!(error.to_string(), "cannot read `/nonexistent/backup`");
    }
}

#[test]
fn a_refusal_says_what_a_client_can_know() {
    let credentials = credentials(r"LAB\backup", "x", Options::default());
    assert_eq!(
        credentials.refused(&by_name()).to_string(),
        r"the host `ca01.lab.test` refused the user name or password of `LAB\backup` (it does not say which)"
    );
}
