//! Whole logons: client and server exchange tokens until both are done.

use dcerpc::security::{
    Accepted, AuthService, Authenticator as _, Identity, Initiated, Initiator, Level, Message, Protection,
    SecurityError,
};
use rpc_auth::{
    Account, Credentials, Host, Method, NtHash, Options, Proof, Secret, ServerAuth, Target, User, Users,
};

pub(crate) fn credentials(account: &str, password: &str, options: Options) -> Credentials {
    let account: Account = account.parse().unwrap();
    Credentials::new(account, Proof::Password(Secret::new(password.into())), options).unwrap()
}

pub(crate) fn server() -> ServerAuth {
    let user = |name: &str, domain: &str, password| User {
        name: name.into(),
        domain: domain.into(),
        hash: NtHash::of_password(password),
    };
    let users = [
        user("backup", "LAB", "Secret1!"),
        user("local", "", "Secret2!"),
        user("twin", "LAB", "first"),
        user("twin", "OTHER", "second"),
        user("realm", "LAB.TEST", "Secret3!"),
    ];
    let host = Host {
        netbios_computer: "CA01".into(),
        netbios_domain: "LAB".into(),
        dns_computer: "ca01.lab.test".into(),
        dns_domain: "lab.test".into(),
    };
    ServerAuth::new(host, Users::new(users))
}

type Sides = (Box<dyn Protection>, Box<dyn Protection>, Identity);

/// Client and server until both are done.
pub(crate) fn talk(mut client: Box<dyn Initiator>, server: &ServerAuth) -> Result<Sides, SecurityError> {
    let mut acceptor = server.acceptor(client.service()).expect("served");
    let (mut token, mut proved) = (Vec::new(), None);
    loop {
        let mine = match client.step(&token)? {
            Initiated::Continue(next) => {
                token = next;
                None
            }
            Initiated::Done { token: last, protection } => {
                token = last;
                Some(protection)
            }
        };
        if !token.is_empty() {
            token = match acceptor.step(&token)? {
                Accepted::Continue(next) => next,
                Accepted::Done { token, protection, identity } => {
                    proved = Some((protection, identity));
                    token
                }
            };
        }
        if let Some(mine) = mine {
            let (theirs, identity) = proved.expect("the server is done");
            return Ok((mine, theirs, identity));
        }
    }
}

pub(crate) fn at_address() -> Target {
    Target::dcom("192.0.2.1")
}

fn logon(account: &str, password: &str, method: Method) -> Result<Sides, SecurityError> {
    let credentials = credentials(account, password, Options::default());
    talk(credentials.initiator(method, &at_address()).unwrap(), &server())
}

#[test]
fn a_sealed_message_goes_both_ways() {
    for method in [Method::Negotiate, Method::Ntlm] {
        let (mut client, mut server, identity) = logon(r"LAB\backup", "Secret1!", method).unwrap();
        assert_eq!(identity.to_string(), r"LAB\backup");
        let [mut from, mut to] = [client.as_mut(), server.as_mut()];
        for _ in 0..4 {
            let (mut body, mut token) = (*b"body", [0; 16]);
            let (header, trailer) = (&[1; 24], &[2; 8]);
            let sent = Message { header, body: &mut body, trailer, signs_header: true };
            from.protect(Level::Privacy, sent, &mut token).unwrap();
            assert_ne!(&body, b"body");
            let came = Message { header, body: &mut body, trailer, signs_header: true };
            to.unprotect(Level::Privacy, came, &token).unwrap();
            assert_eq!(&body, b"body");
            (from, to) = (to, from);
        }
    }
}

#[test]
fn users_are_found_by_every_spelling_of_their_domain() {
    for (account, password, expected) in [
        (r"LAB\backup", "Secret1!", r"LAB\backup"),
        (r"lab\BackUp", "Secret1!", r"LAB\backup"),
        (r"lab.test\backup", "Secret1!", r"LAB\backup"),
        ("backup@LAB.test", "Secret1!", r"LAB\backup"),
        ("backup", "Secret1!", r"LAB\backup"),
        ("local", "Secret2!", "local"),
        (r"CA01\local", "Secret2!", "local"),
        (r"OTHER\twin", "second", r"OTHER\twin"),
        (r"LAB\realm", "Secret3!", r"LAB.TEST\realm"),
        (r"lab.test\realm", "Secret3!", r"LAB.TEST\realm"),
        ("realm@lab.test", "Secret3!", r"LAB.TEST\realm"),
        (r"LAB\twin", "first", r"LAB\twin"),
    ] {
        let (_, _, identity) = logon(account, password, Method::Negotiate).unwrap();
        assert_eq!(identity.to_string(), expected, "{account}");
    }
}

#[test]
fn a_wrong_password_user_or_domain_is_refused_with_the_name_for_the_log() {
    for (account, password) in [
        (r"LAB\backup", "secret1!"),
        (r"LAB\nobody", "Secret1!"),
        (r"OTHER\backup", "Secret1!"),
        (r"OTHER\twin", "first"),
        ("backup@other.test", "Secret1!"),
    ] {
        for method in [Method::Negotiate, Method::Ntlm] {
            let Err(refused) = logon(account, password, method) else { panic!("{account} is let in") };
            assert!(matches!(refused, SecurityError::Denied(_)));
            let text = refused.to_string();
            let user = account.rsplit('\\').next().unwrap();
            assert!(text.contains(&format!("NTLM logon of {user:?}")), "{text}");
            assert!(text.ends_with("the user is unknown or the password is wrong"), "{text}");
        }
    }
}

#[test]
fn a_hash_is_as_good_as_the_password() {
    let hash = Proof::NtHash(NtHash::of_password("Secret1!"));
    let account = r"LAB\backup".parse().unwrap();
    let credentials = Credentials::new(account, hash, Options::default()).unwrap();
    let initiator = credentials.initiator(Method::Negotiate, &Target::dcom("ca01.lab.test")).unwrap();
    assert!(talk(initiator, &server()).is_ok());
}

#[test]
fn each_acceptor_has_its_own_challenge() {
    let server = server();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let credentials = credentials("backup", "x", Options::default());
        let mut client = credentials.initiator(Method::Ntlm, &at_address()).unwrap();
        let Ok(Initiated::Continue(negotiate)) = client.step(&[]) else { panic!("not started") };
        let mut acceptor = server.acceptor(AuthService::Ntlm).unwrap();
        let Ok(Accepted::Continue(challenge)) = acceptor.step(&negotiate) else { panic!("no challenge") };
        seen.push(challenge[24..32].to_vec());
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 4);
}

#[test]
fn a_server_without_users_or_keytab_serves_nothing() {
    let server = ServerAuth::new(Host::default(), Users::default());
    for service in [AuthService::Negotiate, AuthService::Ntlm, AuthService::Kerberos] {
        assert!(server.acceptor(service).is_none());
    }
    assert!(crate::logon::server().acceptor(AuthService::Kerberos).is_none(), "no keytab");
}
