//! Initiator and acceptor with each other.

use crate::messages::{AUTHENTICATE, listing};
use crate::parties::{
    Logon, NOW, acceptor, answer, challenge, first, hex, initiator, initiator_of, logon, refusal, send,
    verdict,
};
use dcerpc::security::{Acceptor as _, AuthService, Initiator as _, Level};
use ntlm::{Authenticate, Challenge, Negotiate, NtHash, Response, av_pair, flags};

#[test]
fn the_right_password_makes_a_session() {
    let Logon { mut client, server } = logon(initiator(), |_| ());
    let (mut server, identity) = server.unwrap();
    assert_eq!(identity.to_string(), r"LAB\backup");
    assert_eq!(identity.mechanism, "NTLM");
    let (client, server) = (client.as_mut(), server.as_mut());
    assert_eq!(send(client, server, Level::Privacy, b"BackupPrepare").unwrap(), b"BackupPrepare");
    assert_eq!(send(server, client, Level::Privacy, b"0x00000000").unwrap(), b"0x00000000");
}

#[test]
fn names_are_as_configured_however_the_client_spells_them() {
    let (_, identity) = logon(initiator_of("lab", "BACKUP", "Secret1!"), |_| ()).server.unwrap();
    assert_eq!(identity.to_string(), r"LAB\backup");
}

/// MS-NLMP 4.2.4: proof, key exchange and keys of the specification's own client.
#[test]
fn the_specification_s_client_is_accepted() {
    let mut acceptor = acceptor();
    challenge(&mut acceptor, &Negotiate { flags: flags::OFFERED }.encode());
    let (mut server, identity) = verdict(&mut acceptor, &listing(AUTHENTICATE)).unwrap();
    assert_eq!(identity.to_string(), r"Domain\User");
    let mut sealed = hex("54e50165bf1936dc996020c1811b0f06fb5f");
    let message =
        dcerpc::security::Message { header: &[], body: &mut sealed, trailer: &[], signs_header: false };
    server.unprotect(Level::Privacy, message, &hex("010000007fb38ec5c55d497600000000")).unwrap();
    assert_eq!(sealed, hex("50006c00610069006e007400650078007400"));
}

#[test]
fn the_challenge_tells_names_and_time_and_no_flags() {
    let mut acceptor = acceptor();
    let token = challenge(&mut acceptor, &Negotiate { flags: flags::OFFERED }.encode());
    let message = Challenge::decode(&token).unwrap();
    assert_eq!(message.target_name, "CA01");
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let expected = [
        (av_pair::NB_DOMAIN_NAME, utf16("LAB")),
        (av_pair::NB_COMPUTER_NAME, utf16("CA01")),
        (av_pair::DNS_DOMAIN_NAME, utf16("lab.test")),
        (av_pair::DNS_COMPUTER_NAME, utf16("ca01.lab.test")),
        (av_pair::TIMESTAMP, NOW.to_le_bytes().to_vec()),
    ];
    let pairs = av_pair::decode(message.target_info).unwrap();
    assert_eq!(pairs.into_iter().map(|(id, value)| (id, value.to_vec())).collect::<Vec<_>>(), expected);
}

#[test]
fn the_answer_has_the_server_s_time_target_name_bindings_and_the_mic_flag() {
    let mut acceptor = acceptor();
    let mut initiator = initiator();
    let challenge = challenge(&mut acceptor, &first(&mut initiator));
    let (token, _) = answer(&mut initiator, &challenge);
    let message = Authenticate::decode(&token).unwrap();
    assert_eq!(message.lm_response, [0; 24]);
    assert_eq!(message.workstation, "BACKUP01");
    let response = Response::decode(message.nt_response).unwrap();
    assert_eq!(response.client_challenge[8..16], NOW.to_le_bytes());
    let pairs = av_pair::decode(response.pairs).unwrap();
    let ids: Vec<u16> = pairs.iter().map(|pair| pair.0).collect();
    assert_eq!(ids, [2, 1, 4, 3, 7, 6, 10, 9]);
    assert_eq!(av_pair::find(&pairs, av_pair::FLAGS), Some(&[2, 0, 0, 0][..]));
    assert_eq!(av_pair::find(&pairs, av_pair::CHANNEL_BINDINGS), Some(&[0; 16][..]));
    let target: Vec<u8> = "RPCSS/ca01.lab.test".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(av_pair::find(&pairs, av_pair::TARGET_NAME), Some(&target[..]));
    assert_ne!(message.mic, Some([0; 16]));
}

#[test]
fn a_server_without_a_clock_gets_our_time() {
    let mut initiator = initiator();
    first(&mut initiator);
    let (token, _) = answer(&mut initiator, &listing(crate::messages::CHALLENGE).tap(|bytes| bytes[20] |= 4));
    let message = Authenticate::decode(&token).unwrap();
    assert_eq!(Response::decode(message.nt_response).unwrap().client_challenge[8..16], [0; 8]);
}

trait Tap: Sized {
    fn tap(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}
impl Tap for Vec<u8> {}

#[test]
fn neither_side_can_be_used_twice() {
    let mut acceptor = acceptor();
    let mut initiator = initiator();
    let challenge = challenge(&mut acceptor, &first(&mut initiator));
    let (token, _) = answer(&mut initiator, &challenge);
    verdict(&mut acceptor, &token).unwrap();
    assert!(refusal(acceptor.step(&token)).contains("over"));
    assert!(refusal(initiator.step(&challenge)).contains("over"));
    assert_eq!(initiator.service(), AuthService::Ntlm);
}

/// The proof is checked with the response key that Python's `hmac` gave for `ДМИТРИЙ` and `GROß`: Cyrillic
/// has capitals, the sharp s has none of one character and stays as it is, as in Windows.
#[test]
fn upper_case_is_one_character_for_one() {
    use hmac::{KeyInit as _, Mac as _};
    for (user, response_key) in
        [("дмитрий", "e896e19cc86ef2df01bc83792b417b90"), ("groß", "bca2c84efe76ee00a3fd1bdb4cf5dba4")]
    {
        let mut initiator = initiator_of("", user, "p");
        let challenge = challenge(&mut acceptor(), &first(&mut initiator));
        let (token, _) = answer(&mut initiator, &challenge);
        let message = Authenticate::decode(&token).unwrap();
        let response = Response::decode(message.nt_response).unwrap();
        let mac = hmac::Hmac::<md5::Md5>::new_from_slice(&hex(response_key)).unwrap();
        let proof = mac.chain_update(&challenge[24..32]).chain_update(response.client_challenge);
        assert_eq!(proof.finalize().into_bytes().to_vec(), response.proof, "{user}");
    }
}

#[test]
fn a_hash_shows_nothing() {
    assert_eq!(format!("{:?}", NtHash::of_password("Password")), "NtHash(..)");
}

/// MS-NLMP 4.2.2.1.2: NTOWFv1 of "Password".
#[test]
fn a_hash_can_be_given_as_digits() {
    let user = |hash: NtHash| {
        let client = ntlm::Client {
            user: "User".into(),
            domain: "Domain".into(),
            workstation: "COMPUTER".into(),
            hash,
            target: String::new(),
        };
        let fresh = ntlm::Fresh { client_challenge: [1; 8], session_key: [2; 16].into(), timestamp: 0 };
        logon(ntlm::Initiator::new(client, fresh), |_| ()).server
    };
    user("A4f49c406510bdcab6824ee7c30fd852".parse().unwrap()).unwrap();
    for wrong in [
        "",
        "a4f49c406510bdcab6824ee7c30fd8",
        "a4f49c406510bdcab6824ee7c30fd85g",
        "+4f49c406510bdcab6824ee7c30fd852",
    ] {
        let error = wrong.parse::<NtHash>().unwrap_err();
        assert_eq!(error.to_string(), "an NT hash has 32 hexadecimal digits");
    }
}
