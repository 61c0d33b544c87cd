//! Lies in PDUs: lengths, counts, levels, and no end.

use std::time::Duration;

use certadm::Call;
use dcerpc::pdu::{Body, Flags, Packet, Response};

use crate::host::Host;
use crate::script::{Act, Asked, Script};

/// The largest answer that a client takes, and what may be on its way in sockets' buffers.
const ENOUGH: u64 = (4 << 20) + (64 << 10) + (16 << 20);

fn encoded(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(&mut bytes).unwrap();
    bytes
}

/// A clear fragment of the answer to the call that `out` answers.
fn fragment(out: &[u8], flags: Flags, alloc_hint: u32, stub: &[u8]) -> Vec<u8> {
    let call_id = Packet::decode(out).unwrap().call_id;
    encoded(&Packet {
        flags,
        call_id,
        body: Body::Response(Response { alloc_hint, context: 0, stub }),
        auth: None,
    })
}

/// The error of a host that does this to its first answer to `asked`.
#[track_caller]
fn error_of(asked: Asked, lie: impl Fn(&mut Vec<u8>) -> Act + Send + Sync + 'static) -> String {
    let host = Host::start(Script::bytes(move |to, out| if to == asked { lie(out) } else { Act::Send }));
    let error = host.refused();
    assert!(host.sent() < ENOUGH, "{} bytes were taken before `{error}`", host.sent());
    error
}

#[track_caller]
fn assert_says(error: &str, part: &str) {
    assert!(error.contains(part), "`{error}` does not say `{part}`");
}

#[test]
fn fragments_without_end_are_cut_off_at_the_largest_answer() {
    let error = error_of(Asked::Alive, |out| {
        let [first, next] = [Flags::FIRST, Flags::default()].map(|flags| fragment(out, flags, 0, &[7; 5000]));
        *out = first;
        Act::Forever(next)
    });
    assert_says(&error, "stub length");
}

#[test]
fn empty_fragments_without_end_are_refused_at_the_first() {
    let error = error_of(Asked::Alive, |out| {
        let [first, next] = [Flags::FIRST, Flags::default()].map(|flags| fragment(out, flags, 0, &[]));
        *out = first;
        Act::Forever(next)
    });
    assert_says(&error, "length of the stub");
}

#[test]
fn a_sealed_answer_above_the_largest_is_cut_off() {
    let host = Host::start(Script::stubs(|asked, mut stub| {
        if asked == Asked::Ca(Call::BackupReadFile) {
            stub.resize(48 << 20, 0);
        }
        Ok(stub)
    }));
    let error = host.refused();
    assert_says(&error, "stub length");
    assert!(host.sent() < ENOUGH, "{} bytes were taken", host.sent());
    assert_eq!(host.calls().last(), Some(&Call::BackupEnd));
}

#[test]
fn an_announced_length_of_4_gib_costs_nothing() {
    let host = Host::start(Script::bytes(|asked, out| {
        if asked == Asked::Alive {
            let stub = match Packet::decode(out).unwrap().body {
                Body::Response(Response { stub, .. }) => stub.to_vec(),
                other => panic!("{other:?}"),
            };
            let first = fragment(out, Flags::FIRST, u32::MAX, &stub[..16]);
            *out = [first, fragment(out, Flags::LAST, u32::MAX, &stub[16..])].concat();
        }
        Act::Send
    }));
    host.back_up().unwrap();
    #[cfg(target_os = "linux")]
    {
        // Threads reserve much address space, but not as much as this.
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
        let peak: u64 = peak.trim().strip_suffix(" kB").unwrap().parse().unwrap();
        assert!(peak < 4 << 20, "{peak} KiB were reserved");
    }
}

#[test]
fn lengths_below_a_header_end_the_connection() {
    for length in [0_u16, 1, 15] {
        let error = error_of(Asked::Alive, move |out| {
            out[8..10].copy_from_slice(&length.to_le_bytes());
            Act::Send
        });
        assert_says(&error, "frag_length");
    }
}

#[test]
fn a_length_that_cuts_an_answer_short_is_no_answer() {
    let error = error_of(Asked::Alive, |out| {
        out[8..10].copy_from_slice(&20_u16.to_le_bytes());
        Act::Send
    });
    assert_says(&error, "speaking RPC with");
}

#[test]
fn a_length_that_promises_more_than_comes_is_waited_for_no_longer_than_allowed() {
    let host = Host::start(Script::bytes(|asked, out| {
        if asked == Asked::Alive {
            out[8..10].copy_from_slice(&u16::MAX.to_le_bytes());
        }
        Act::Send
    }));
    assert_says(&host.refused_for(Duration::from_secs(1)), "no complete answer within 1 s");
}

#[test]
fn a_fragment_above_the_agreed_length_is_refused() {
    let error = error_of(Asked::Alive, |out| {
        *out = fragment(out, Flags::ONLY, 0, &[0; 65_535 - 24]);
        Act::Send
    });
    assert_says(&error, "frag_length");
}

#[test]
fn a_security_trailer_that_is_longer_than_its_pdu_is_refused() {
    for asked in
        [Asked::ResolverBind, Asked::ExporterBind, Asked::Activation, Asked::Ca(Call::BackupReadFile)]
    {
        let error = error_of(asked, |out| {
            out[10..12].copy_from_slice(&u16::MAX.to_le_bytes());
            Act::Send
        });
        assert_says(&error, "auth_length");
    }
}

#[test]
fn the_answer_to_another_call_is_refused() {
    for asked in [Asked::Alive, Asked::ResolverBind, Asked::Ca(Call::BackupPrepare)] {
        let error = error_of(asked, |out| {
            out[12] ^= 0x40;
            Act::Send
        });
        assert_says(&error, "call_id");
    }
}

#[test]
fn an_answer_without_its_signature_is_refused() {
    for asked in [Asked::Activation, Asked::Ca(Call::GetServerState), Asked::Ca(Call::BackupGetBackupLogs)] {
        let error = error_of(asked, |out| {
            *out = fragment(out, Flags::ONLY, 0, &[0; 64]);
            Act::Send
        });
        assert_says(&error, "speaking RPC with");
        assert!(error.contains("trailer") || error.contains("protect"), "{error}");
    }
}

#[test]
fn one_changed_byte_of_a_sealed_answer_is_noticed() {
    for asked in [Asked::Activation, Asked::Ca(Call::BackupReadFile)] {
        let error = error_of(asked, |out| {
            out[40] ^= 1;
            Act::Send
        });
        assert_says(&error, "the signature does not fit");
    }
}

#[test]
fn a_level_below_the_one_asked_for_is_refused() {
    for asked in [Asked::ResolverBind, Asked::ExporterBind] {
        for level in [1, 2, 5] {
            let error = error_of(asked, move |out| {
                if let Ok(mut packet) = Packet::decode(&out.clone())
                    && let Some(auth) = &mut packet.auth
                {
                    auth.level = level;
                    *out = encoded(&packet);
                }
                Act::Send
            });
            assert_says(&error, "auth_level");
        }
    }
}

#[test]
fn a_bind_ack_without_a_token_ends_the_logon() {
    let error = error_of(Asked::ExporterBind, |out| {
        let mut packet = Packet::decode(out).unwrap();
        packet.auth = None;
        *out = encoded(&packet);
        Act::Send
    });
    assert_says(&error, "speaking RPC with");
}

#[test]
fn a_bind_ack_with_more_results_than_offers_is_refused() {
    let error = error_of(Asked::ResolverBind, |out| {
        let mut packet = Packet::decode(out).unwrap();
        if let Body::BindAck(ack) = &mut packet.body {
            let all = vec![ack.results[0]; 255];
            ack.results = all;
        }
        *out = encoded(&packet);
        Act::Send
    });
    assert_says(&error, "n_results");
}

#[test]
fn the_same_leg_of_a_logon_for_ever_is_refused() {
    let error = error_of(Asked::ExporterBind, |out| Act::Forever(out.clone()));
    assert_says(&error, "speaking RPC with");
}

#[test]
fn wishes_to_close_without_end_are_no_answer() {
    let host = Host::start(Script::bytes(|asked, out| {
        if asked != Asked::Ca(Call::BackupOpenFile) {
            return Act::Send;
        }
        *out = encoded(&Packet { flags: Flags::ONLY, call_id: 0, body: Body::Shutdown, auth: None });
        Act::Forever(out.repeat(1000))
    }));
    assert_says(&host.refused_for(Duration::from_secs(1)), "no complete answer within 1 s");
}

#[test]
fn what_is_no_rpc_is_named() {
    for text in
        ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.9\r\n", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"]
    {
        let error = error_of(Asked::Alive, move |out| {
            *out = text.into();
            Act::Send
        });
        assert_says(&error, "speaking RPC with 127.0.0.1");
    }
}
