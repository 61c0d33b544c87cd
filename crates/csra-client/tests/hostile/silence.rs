//! Hosts that do not answer, or not to the end: how long that is waited for is the operator's choice.

use std::thread;
use std::time::{Duration, Instant};

use certadm::Call;

use crate::host::Host;
use crate::script::{Act, Asked, Script};

const PLACES: [Asked; 10] = [
    Asked::Alive,
    Asked::ResolverBind,
    Asked::Activation,
    Asked::ExporterBind,
    Asked::Ca(Call::GetServerState),
    Asked::Ca(Call::BackupPrepare),
    Asked::Ca(Call::BackupGetAttachmentInformation),
    Asked::Ca(Call::BackupOpenFile),
    Asked::Ca(Call::BackupReadFile),
    Asked::Ca(Call::BackupCloseFile),
];

/// What an operator reads when a host does this, at each of the places; all at once, for most of it is
/// waiting.
fn errors(time: Duration, act: fn() -> Act) -> Vec<(Asked, String)> {
    let run = move |place| {
        let host = Host::start(Script::bytes(move |asked, _| if asked == place { act() } else { Act::Send }));
        (place, host.refused_for(time))
    };
    let threads = PLACES.map(|place| thread::spawn(move || run(place)));
    threads.map(|thread| thread.join().unwrap()).into()
}

/// Every wait of a run that goes wrong is no longer than this, and there are few.
const SHORT: Duration = Duration::from_secs(2);

fn assert_gave_up_in_time(begun: Instant) {
    // Two tries to ask for the state, and three farewells; far from the minutes that are usual.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn a_host_that_never_answers_is_given_up() {
    let begun = Instant::now();
    for (place, error) in errors(SHORT, || Act::Swallow) {
        assert!(error.contains("no complete answer within 2 s"), "{place:?}: {error}");
    }
    assert_gave_up_in_time(begun);
}

#[test]
fn a_byte_now_and_then_is_no_answer_in_time() {
    let begun = Instant::now();
    let host = Host::start(Script::bytes(|asked, out| {
        if asked != Asked::Ca(Call::BackupReadFile) {
            return Act::Send;
        }
        // Whatever is lost meanwhile, it goes on for longer than anybody may wait.
        assert!(out.len() > 1000);
        Act::Drip
    }));
    let error = host.refused_for(SHORT);
    assert!(error.contains("no complete answer within 2 s"), "{error}");
    assert_gave_up_in_time(begun);
}

#[test]
fn a_host_that_closes_instead_of_answering_is_named() {
    for (place, error) in errors(Duration::from_secs(20), || Act::Close) {
        assert!(
            error.contains("the connection to 127.0.0.1:") && error.contains(" broke"),
            "{place:?}: {error}"
        );
    }
}
