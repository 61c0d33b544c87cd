//! The three messages, from the examples of MS-NLMP 4.2.

use crate::parties::hex;
use ntlm::{Authenticate, Challenge, Error, Negotiate, Response, av_pair, flags};

/// MS-NLMP 4.2.4.3: CHALLENGE_MESSAGE of "Server" in "Domain".
pub(crate) const CHALLENGE: &str = "
    4e544c4d53535000                   Signature
    02000000                           MessageType
    0c00 0c00 38000000                 TargetNameFields: 12 bytes at 56
    33828ae2                           NegotiateFlags
    0123456789abcdef                   ServerChallenge
    0000000000000000                   Reserved
    2400 2400 44000000                 TargetInfoFields: 36 bytes at 68
    0600 7017 000000 0f                Version 6.0.6000, revision 15
    530065007200760065007200           Server
    0200 0c00 44006f006d00610069006e00 MsvAvNbDomainName Domain
    0100 0c00 530065007200760065007200 MsvAvNbComputerName Server
    0000 0000                          MsvAvEOL";

/// MS-NLMP 4.2.4.3: AUTHENTICATE_MESSAGE of Domain\User, password "Password", without a MIC.
pub(crate) const AUTHENTICATE: &str = "
    4e544c4d53535000                   Signature
    03000000                           MessageType
    1800 1800 6c000000                 LmChallengeResponseFields: 24 bytes at 108
    5400 5400 84000000                 NtChallengeResponseFields: 84 bytes at 132
    0c00 0c00 48000000                 DomainNameFields: 12 bytes at 72
    0800 0800 54000000                 UserNameFields: 8 bytes at 84
    1000 1000 5c000000                 WorkstationFields: 16 bytes at 92
    1000 1000 d8000000                 EncryptedRandomSessionKeyFields: 16 bytes at 216
    358288e2                           NegotiateFlags
    0501 280a 000000 0f                Version 5.1.2600, revision 15
    44006f006d00610069006e00           Domain
    5500730065007200                   User
    43004f004d0050005500540045005200   COMPUTER
    86c35097ac9cec102554764a57cccc19 aaaaaaaaaaaaaaaa   LMv2 response
    68cd0ab851e51c96aabc927bebef6a1c   NTProofStr
    01 01 0000 00000000                RespType, HiRespType, Reserved
    0000000000000000                   TimeStamp
    aaaaaaaaaaaaaaaa                   ChallengeFromClient
    00000000                           Reserved3
    0200 0c00 44006f006d00610069006e00 MsvAvNbDomainName Domain
    0100 0c00 530065007200760065007200 MsvAvNbComputerName Server
    0000 0000                          MsvAvEOL
    00000000                           Z(4)
    c5dad2544fc979909 4ce1ce90bc9d03e  EncryptedRandomSessionKey";

/// The bytes of an annotated listing: what stands left of the comment column.
pub(crate) fn listing(text: &str) -> Vec<u8> {
    let fields = text.lines().flat_map(|line| {
        line.split_whitespace().take_while(|word| word.chars().all(|c| c.is_ascii_hexdigit()))
    });
    hex(&fields.collect::<String>())
}

#[test]
fn the_challenge_of_the_specification_reads_and_writes() {
    let bytes = listing(CHALLENGE);
    assert_eq!(bytes.len(), 104);
    let message = Challenge::decode(&bytes).unwrap();
    assert_eq!(message.flags, 0xe28a_8233);
    assert_eq!(message.server_challenge, [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]);
    assert_eq!(message.target_name, "Server");
    let pairs = av_pair::decode(message.target_info).unwrap();
    assert_eq!(
        pairs,
        [
            (av_pair::NB_DOMAIN_NAME, &hex("44006f006d00610069006e00")[..]),
            (1, &hex("530065007200760065007200")[..])
        ]
    );
    assert_eq!(av_pair::encode(pairs.iter().copied()).unwrap(), message.target_info);
    assert_eq!(message.encode().unwrap(), bytes);
}

#[test]
fn the_authenticate_of_the_specification_reads_and_writes() {
    let bytes = listing(AUTHENTICATE);
    assert_eq!(bytes.len(), 232);
    let message = Authenticate::decode(&bytes).unwrap();
    assert_eq!(
        [&message.domain, &message.user, &message.workstation],
        ["Domain", "User", "COMPUTER"].map(String::from).each_ref()
    );
    assert_eq!(message.flags & flags::REQUIRED, flags::REQUIRED);
    assert_eq!(message.mic, None, "the payload starts where the MIC would be");
    assert_eq!(message.session_key, hex("c5dad2544fc9799094ce1ce90bc9d03e"));
    let response = Response::decode(message.nt_response).unwrap();
    assert_eq!(response.proof.to_vec(), hex("68cd0ab851e51c96aabc927bebef6a1c"));
    assert_eq!(
        Response::encode_client_challenge(0, [0xaa; 8], &response.pairs[..response.pairs.len() - 4]),
        response.client_challenge
    );
    assert_eq!(message.encode().unwrap(), bytes);
}

#[test]
fn a_mic_has_its_place_before_the_payload() {
    let bytes = listing(AUTHENTICATE);
    let message = Authenticate { mic: Some([7; 16]), ..Authenticate::decode(&bytes).unwrap() };
    let with_mic = message.encode().unwrap();
    assert_eq!(with_mic.len(), bytes.len() + 16);
    assert_eq!(with_mic[72..88], [7; 16]);
    assert_eq!(Authenticate::decode(&with_mic).unwrap(), message);
}

#[test]
fn our_negotiate_has_known_bytes() {
    let bytes = listing(
        "4e544c4d53535000     Signature
         01000000             MessageType
         358288e2             NegotiateFlags
         0000 0000 00000000   DomainNameFields
         0000 0000 00000000   WorkstationFields
         0a 00 0000 000000 0f Version 10.0, revision 15",
    );
    assert_eq!(Negotiate { flags: flags::OFFERED }.encode(), bytes);
    assert_eq!(Negotiate::decode(&bytes).unwrap().flags, flags::OFFERED);
    assert_eq!(Negotiate::decode(&bytes[..16]).unwrap().flags, flags::OFFERED, "short as Windows 95 sent it");
}

#[test]
fn an_error_names_the_field_and_its_place() {
    let mut bytes = listing(CHALLENGE);
    bytes[44] = 0xff; // BufferOffset of TargetInfo
    let error = Challenge::decode(&bytes).unwrap_err();
    assert_eq!(error, Error::Short { what: "TargetInfo", at: 0xff, need: 36, length: 104 });
    assert_eq!(error.to_string(), "TargetInfo needs 36 bytes at offset 255, the message has 104");
    assert_eq!(Negotiate::decode(&bytes).unwrap_err().to_string(), "MessageType is 0x2, expected 0x1");
    assert!(matches!(
        Negotiate::decode(b"NTLMSSQ\0\x01\0\0\0"),
        Err(Error::Invalid { what: "Signature", .. })
    ));
}

#[test]
fn a_list_of_pairs_needs_an_end_and_has_a_limit() {
    assert!(matches!(av_pair::decode(&[1, 0, 0, 0]), Err(Error::Short { what: "AvId", at: 4, .. })));
    assert!(matches!(av_pair::decode(&[1, 0, 9, 0, 1]), Err(Error::Short { what: "Value", need: 9, .. })));
    let many = av_pair::encode((0..65).map(|_| (9, &b""[..]))).unwrap();
    assert!(matches!(av_pair::decode(&many), Err(Error::Long { length: 64, .. })));
}

#[test]
fn text_is_utf16() {
    let mut bytes = listing(AUTHENTICATE);
    bytes[84..86].copy_from_slice(&[0x00, 0xd8]); // a lone surrogate in UserName
    assert_eq!(Authenticate::decode(&bytes), Err(Error::Text { what: "UserName" }));
    bytes[36] = 7; // an odd length
    assert_eq!(Authenticate::decode(&bytes), Err(Error::Text { what: "UserName" }));
}
