//! Recorded exchanges with impacket 0.13.1 (`impacket/ntlm.py`, Python 3.11, 2026-11).
//!
//! The first: `getNTLMSSPType1('BACKUP01', '', True, use_ntlmv2=True)`, our challenge of
//! `parties::acceptor`, `getNTLMSSPType3(.., 'backup', 'Secret1!', 'LAB', service='RPCSS')`, then `SIGNKEY`,
//! `SEALKEY` and `MAC` as `rpcrt.py` uses them. The second: a challenge of `NTLMAuthChallenge`, our
//! answer, whose proof, key and MIC impacket's `NTOWFv2` and `hmac_md5` confirmed.

use crate::messages::listing;
use crate::parties::{acceptor, answer, challenge, first, hex, initiator, verdict};
use dcerpc::security::{Level, Message, SecurityError};

const NEGOTIATE: &str = "4e544c4d5353500001000000358288e000000000000000000000000000000000";

const OUR_CHALLENGE: &str = "
    4e544c4d53535000 02000000   Signature, MessageType
    0800 0800 38000000          TargetNameFields
    35828ae2                    NegotiateFlags
    0123456789abcdef            ServerChallenge
    0000000000000000            Reserved
    5800 5800 40000000          TargetInfoFields
    0a00 0000 0000000f          Version
    4300410030003100            'CA01'
    0200 0600 4c0041004200      MsvAvNbDomainName LAB
    0100 0800 4300410030003100  MsvAvNbComputerName
    0400 1000 6c00610062002e007400650073007400                      MsvAvDnsDomainName
    0300 1a00 63006100300031002e006c00610062002e007400650073007400  MsvAvDnsComputerName
    0700 0800 00404e77c24adc01  MsvAvTimestamp
    0000 0000                   MsvAvEOL";

/// Neither Version nor MIC: the payload starts at 64.
const ITS_ANSWER: &str = "
    4e544c4d53535000 03000000   Signature, MessageType
    1800 1800 62000000          LmChallengeResponseFields
    ae00 ae00 7a000000          NtChallengeResponseFields
    0600 0600 40000000          DomainNameFields
    0c00 0c00 46000000          UserNameFields
    1000 1000 52000000          WorkstationFields
    1000 1000 28010000          EncryptedRandomSessionKeyFields
    358288e0                    NegotiateFlags
    4c0041004200                LAB
    6200610063006b0075007000    backup
    4200410043004b00550050003000 3100                    BACKUP01
    79fe9e06963adee898012b8f8fa745f1 6b59397046333451    LMv2 response
    ff1a3e5cc0a3691c2b006add996628ba                     NTProofStr
    0101 0000 00000000 00404e77c24adc01 6b59397046333451 00000000
    0200 0600 4c0041004200 0100 0800 4300410030003100
    0400 1000 6c00610062002e007400650073007400
    0300 1a00 63006100300031002e006c00610062002e007400650073007400
    0700 0800 00404e77c24adc01
    0900 2600 52005000430053005300 2f00 63006100300031002e006c00610062002e007400650073007400
    0000 0000                   MsvAvEOL, without the specification's Z(4)
    432b37c8a8f507df226e239cbde93445                     EncryptedRandomSessionKey";

#[test]
fn impacket_logs_on_and_its_sealed_request_opens() {
    let mut acceptor = acceptor();
    assert_eq!(challenge(&mut acceptor, &hex(NEGOTIATE)), listing(OUR_CHALLENGE));
    let (mut server, identity) = verdict(&mut acceptor, &listing(ITS_ANSWER)).unwrap();
    assert_eq!(identity.to_string(), r"LAB\backup");

    let mut body = hex("11e2bfdde682260f86dbfb7ff8");
    let message = Message { header: b"header..", body: &mut body, trailer: b"trailer.", signs_header: false };
    server.unprotect(Level::Privacy, message, &hex("010000007a28e4b7930c1db900000000")).unwrap();
    assert_eq!(body, b"BackupPrepare");
    let message = Message { header: b"header..", body: &mut body, trailer: b"trailer.", signs_header: false };
    server.unprotect(Level::Integrity, message, &hex("010000003583329f17e8eae101000000")).unwrap();
}

/// impacket sends no MIC, so its NegotiateFlags, names and session key are not covered by anything:
/// a change of the first two is refused or without effect, of the key found by the first signature.
#[test]
fn each_byte_of_an_answer_without_mic_that_matters_is_found() {
    let right = listing(ITS_ANSWER);
    let mut let_in = Vec::new();
    for at in 0..right.len() {
        let mut token = right.clone();
        token[at] ^= 0x81;
        let mut acceptor = acceptor();
        challenge(&mut acceptor, &hex(NEGOTIATE));
        let Ok((mut server, identity)) = verdict(&mut acceptor, &token) else { continue };
        assert_eq!(identity.to_string(), r"LAB\backup");
        let mut body = hex("11e2bfdde682260f86dbfb7ff8");
        let message =
            Message { header: b"header..", body: &mut body, trailer: b"trailer.", signs_header: false };
        match server.unprotect(Level::Privacy, message, &hex("010000007a28e4b7930c1db900000000")) {
            Ok(()) => let_in.push(at),
            Err(error) => assert!(matches!(error, SecurityError::Altered)),
        }
    }
    let harmless = |at: &usize| {
        matches!(at,
            12..20 | 98..122            // LM response, not looked at
            | 22..24 | 30..32 | 38..40 | 54..56 // MaxLen
            | 44..52 | 82..98           // Workstation, a claim
            | 60..64) // NegotiateFlags that are not required
    };
    assert_eq!(let_in.iter().filter(|at| !harmless(at)).count(), 0, "{let_in:?}");
}

const ITS_CHALLENGE: &str = "
    4e544c4d53535000 02000000   Signature, MessageType
    0600 0600 38000000          TargetNameFields
    35828ae2                    NegotiateFlags
    1122334455667788            ServerChallenge
    0000000000000000            Reserved
    4000 4000 3e000000          TargetInfoFields
    ffffffffffffffff            Version
    530052005600                SRV
    0100 0600 530052005600      MsvAvNbComputerName
    0300 1800 7300720076002e006c00610062002e007400650073007400  MsvAvDnsComputerName
    0200 0600 4c0041004200      MsvAvNbDomainName
    0700 0800 00404e77c24adc01  MsvAvTimestamp
    0000 0000                   MsvAvEOL";

const OUR_ANSWER: &str = "
    4e544c4d53535000 03000000   Signature, MessageType
    1800 1800 7a000000          LmChallengeResponseFields
    b600 b600 92000000          NtChallengeResponseFields
    0600 0600 58000000          DomainNameFields
    0c00 0c00 5e000000          UserNameFields
    1000 1000 6a000000          WorkstationFields
    1000 1000 48010000          EncryptedRandomSessionKeyFields
    358288e2                    NegotiateFlags
    0a00 0000 0000000f          Version
    7b62924c95ccd7d83a640dc63b19f513                     MIC
    4c0041004200                LAB
    6200610063006b0075007000    backup
    4200410043004b00550050003000 3100                    BACKUP01
    000000000000000000000000000000000000000000000000     LmChallengeResponse
    5aa823c0bca1c7ebf67f8a9b711d35e4                     NTProofStr
    0101 0000 00000000 00404e77c24adc01 aaaaaaaaaaaaaaaa 00000000
    0100 0600 530052005600
    0300 1800 7300720076002e006c00610062002e007400650073007400
    0200 0600 4c0041004200
    0700 0800 00404e77c24adc01
    0600 0400 02000000          MsvAvFlags: has a MIC
    0a00 1000 00000000000000000000000000000000           MsvAvChannelBindings
    0900 2600 52005000430053005300 2f00 63006100300031002e006c00610062002e007400650073007400
    0000 0000 00000000
    606ccf64526ee325a683f3dbbd7a648e                     EncryptedRandomSessionKey";

#[test]
fn our_answer_is_what_impacket_confirmed() {
    let mut initiator = initiator();
    first(&mut initiator);
    let (token, _) = answer(&mut initiator, &listing(ITS_CHALLENGE));
    assert_eq!(token, listing(OUR_ANSWER));
}
