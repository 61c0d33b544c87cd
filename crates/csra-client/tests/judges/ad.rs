//! A Samba AD DC: it judges our client's four mechanisms, and its tickets, with a PAC, judge our server.

use std::net::SocketAddr;

use dcerpc::security::Initiator;
use rpc_auth::{Method, Proof, Secret, Target};

use crate::dc::{Session, Tamper};
use crate::program::is_there;
use crate::realm::Realm;
use crate::tickets;

/// Every mechanism of our client: name, method, account, the DC's name in the principal.
fn mechanisms(realm: &Realm) -> [(&'static str, Method, String, String); 4] {
    let netbios = format!(r"{}\{}", realm.service().text("/domain"), realm.user());
    // Without a name there can be no ticket, so Kerberos is not offered.
    let (address, name) =
        (realm.service().text("/address").to_owned(), realm.service().text("/dc").to_owned());
    [
        ("NTLM", Method::Ntlm, netbios.clone(), address.clone()),
        ("NTLM in SPNEGO", Method::Negotiate, netbios, address),
        ("Kerberos", Method::Kerberos, realm.principal(), name.clone()),
        ("Kerberos in SPNEGO", Method::Negotiate, realm.principal(), name),
    ]
}

fn initiators(realm: &Realm, proof: &Proof) -> Vec<(&'static str, Box<dyn Initiator>)> {
    let made = mechanisms(realm).map(|(what, method, account, host)| {
        let target = Target { service: "host".to_owned(), host };
        let credentials = realm.credentials(&account, proof.clone());
        (what, credentials.initiator(method, &target).expect("make an initiator"))
    });
    made.into()
}

fn endpoint_mapper(realm: &Realm) -> SocketAddr {
    SocketAddr::new(realm.service().text("/address").parse().expect("an address"), 135)
}

#[test]
fn the_dc_answers_every_mechanism_of_our_client() {
    let Some(realm) = Realm::ad() else { return };
    for header_signing in [true, false] {
        for (what, initiator) in initiators(realm, &realm.password()) {
            let mut session = Session::new(endpoint_mapper(realm), header_signing);
            session.log_on(initiator).unwrap_or_else(|why| panic!("{what}, {header_signing}: {why}"));
            // Twice: the second call shows that both sides count alike.
            for _ in 0..2 {
                let answer = session.is_listening(Tamper::Nothing);
                let answer = answer.unwrap_or_else(|why| panic!("{what}, {header_signing}: {why}"));
                assert_eq!(answer, [0, 0, 0, 0, 1, 0, 0, 0], "{what}");
            }
        }
    }
}

#[test]
fn the_dc_notices_what_was_changed_on_the_way() {
    let Some(realm) = Realm::ad() else { return };
    for tamper in [Tamper::Head, Tamper::Body] {
        for (what, initiator) in initiators(realm, &realm.password()) {
            let mut session = Session::new(endpoint_mapper(realm), true);
            session.log_on(initiator).unwrap_or_else(|why| panic!("{what}: {why}"));
            assert!(session.is_listening(tamper).is_err(), "{what} {tamper:?}");
        }
    }
}

#[test]
fn the_dc_refuses_a_wrong_password() {
    let Some(realm) = Realm::ad() else { return };
    let wrong = Proof::Password(Secret::new("wrong".to_owned()));
    for (what, initiator) in initiators(realm, &wrong) {
        let mut session = Session::new(endpoint_mapper(realm), true);
        let answer = session.log_on(initiator).and_then(|()| session.is_listening(Tamper::Nothing));
        assert!(answer.is_err(), "{what}");
    }
}

#[test]
fn our_server_takes_tickets_of_the_domain_from_our_client() {
    let Some(realm) = Realm::ad() else { return };
    tickets::ours(
        realm,
        [
            (Method::Kerberos, realm.password()),
            (Method::Negotiate, realm.password()),
            (Method::Kerberos, realm.cache()),
        ],
    );
}

#[test]
fn our_server_takes_tickets_of_the_domain_from_impacket() {
    let Some(realm) = Realm::ad() else { return };
    if is_there("impacket") {
        tickets::impacket(realm);
    }
}

#[test]
fn our_server_takes_tickets_of_the_domain_from_samba() {
    let Some(realm) = Realm::ad() else { return };
    if is_there("samba") {
        tickets::samba_backs_up(realm);
    }
}
