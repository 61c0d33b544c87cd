//! Tickets of an MIT KDC: for our client, and for other people's clients of our server.

use csra_client::{Error, RemoteCa};
use rpc_auth::{Method, Proof, Secret};

use crate::program::is_there;
use crate::realm::Realm;
use crate::served::{serve, serve_realm};
use crate::tickets::{self, options, target};

#[test]
fn we_back_up_with_password_keytab_and_cache() {
    let Some(realm) = Realm::mit() else { return };
    let keytab = Proof::Keytab(realm.service().path("/user/keytab").to_owned());
    let proofs = [realm.password(), keytab, realm.cache()];
    tickets::ours(realm, proofs.map(|proof| (Method::Kerberos, proof)));
}

/// The server has no NTLM: what was negotiated can only be Kerberos.
#[test]
fn negotiation_chooses_kerberos() {
    let Some(realm) = Realm::mit() else { return };
    tickets::ours(realm, [realm.password(), realm.cache()].map(|proof| (Method::Negotiate, proof)));
}

#[test]
fn a_wrong_password_is_refused_by_the_kdc_and_not_tried_with_ntlm() {
    let Some(realm) = Realm::mit() else { return };
    let wire = serve_realm(realm);
    for method in [Method::Kerberos, Method::Negotiate] {
        let wrong = Proof::Password(Secret::new("wrong".to_owned()));
        let refused = RemoteCa::connect(target(&wire), options(realm, method, wrong));
        let error = refused.err().expect("a wrong password");
        assert!(matches!(error, Error::Logon { .. }), "{method}: {error:?}");
        assert_eq!(wire.server.objects(), 0);
    }
}

/// Every principal of the realm can prove who it is; only those in `ca.toml` may come in.
#[test]
fn a_principal_that_the_ca_does_not_know_is_refused() {
    let Some(realm) = Realm::mit() else { return };
    let wire = serve(|config| {
        let keytab = realm.service().path("/service/keytab").to_owned();
        config.kerberos = Some(certsrv::Kerberos { keytab });
        config.users.iter_mut().for_each(|user| user.domain = Some("OTHER.TEST".to_owned()));
    });
    let refused = RemoteCa::connect(target(&wire), options(realm, Method::Kerberos, realm.cache()));
    let error = refused.err().expect("a stranger");
    assert!(error.is_denied(), "{error:?}");
    assert_eq!(wire.server.objects(), 0);
}

#[test]
fn impacket_backs_up_with_a_ticket() {
    let Some(realm) = Realm::mit() else { return };
    if is_there("impacket") {
        tickets::impacket(realm);
    }
}

#[test]
fn samba_backs_up_with_a_ticket() {
    let Some(realm) = Realm::mit() else { return };
    if is_there("samba") {
        tickets::samba_backs_up(realm);
    }
}
