//! Stubs that are no stubs, both ways.

use certadm::Call;
use csra::method::{
    BackupGetBackupLogs, BackupOpenFile, BackupPrepare, BackupReadFile, Counted, EnumViewColumnTable,
    GetCAProperty, GetCAPropertyInfo, GetConfigEntry, GetMyRoles, ImportCertificate, Method, OpenView,
    Restriction, ServerControl,
};
use csra::server::Fault;
use csra::value::{Blob, CaInfo, Column, PropertyId, PropertyInfo, Rows, Variant, decode_text};
use csra::{Error, Interface};
use ndr::Ndr;
use proptest::prelude::*;

use crate::bytes::{bytes, stub_in, stub_out};
use crate::toy::{ALL, Ca, ca, stub};

fn requests() -> Vec<(u16, Vec<u8>)> {
    let restriction = Restriction { column: 1, seek: 1, sort: 0, value: vec![1, 2, 3] };
    vec![
        (20, stub(&BackupPrepare { authority: ca(), grbit_jet: 0 })),
        (24, stub(&BackupOpenFile { path: ca() })),
        (25, stub(&BackupReadFile { want: 4096 })),
        (17, stub(&ServerControl { authority: ca(), flags: 2 })),
        (47, stub(&GetMyRoles { authority: ca() })),
        (32, stub(&GetCAProperty { authority: ca(), id: PropertyId::CA_NAME, index: 0, kind: 4 })),
        (44, stub(&GetConfigEntry { authority: ca(), node: ca(), entry: "Active".into() })),
        (28, stub(&ImportCertificate { authority: ca(), certificate: vec![1; 5], flags: 0 })),
        (35, stub(&EnumViewColumnTable { authority: ca(), table: 0, first: 0, count: 1 })),
        (
            14,
            stub(&OpenView {
                authority: ca(),
                restrictions: vec![restriction.clone(), restriction],
                columns: vec![1, 2],
                first: 1,
                count: 1,
            }),
        ),
    ]
}

#[test]
fn a_request_cut_anywhere_is_a_fault() {
    for (opnum, request) in requests() {
        assert!(Ca::new().raw(opnum, &request).is_ok(), "{opnum}");
        for end in 0..request.len() {
            let reply = Ca::new().raw(opnum, &request[..end]);
            assert_eq!(reply, Err(Fault::BAD_STUB_DATA), "{opnum} cut at {end}");
        }
    }
}

/// Old clients append some ([MS-DCOM] 3.2.4.2).
#[test]
fn bytes_behind_the_parameters_are_ignored() {
    for (opnum, request) in requests() {
        let longer = [request.clone(), vec![0xCC; 13]].concat();
        assert_eq!(Ca::new().raw(opnum, &longer), Ca::new().raw(opnum, &request), "{opnum}");
    }
}

fn replies() -> Vec<Vec<u8>> {
    let list = r"00000200 0C000000 '!\\s\a.log' 0000 0000 0C000000 00000000";
    let blob = "05000000 00000200 05000000 0102030405 000000 00000000";
    let rows = "01000000 04000000 00000200 04000000 09090909 00000000";
    let text = "00000200 00000000 06000000 00000000 0800 000000000000 08000000 01000000
                05000000 0A000000 05000000 'Days!' 0000 00000000";
    [list, blob, rows, text].map(stub_out).to_vec()
}

#[test]
fn a_reply_cut_anywhere_is_malformed() {
    fn cut<M: Method>(reply: &[u8]) {
        assert!(csra::reply::<M>(reply).is_ok(), "{}", M::CALL);
        for end in 0..reply.len() {
            match csra::reply::<M>(&reply[..end]) {
                Err(Error::Malformed { call, .. }) => assert_eq!(call, M::CALL),
                _ => panic!("{} cut at {end} was taken", M::CALL),
            }
        }
    }
    let replies = replies();
    cut::<BackupGetBackupLogs>(&replies[0]);
    cut::<GetCAProperty>(&replies[1]);
    cut::<OpenView>(&replies[2]);
    cut::<GetConfigEntry>(&replies[3]);
}

#[test]
fn a_code_without_anything_else_is_no_reply_of_a_method_that_returns_something() {
    let denied = stub_out("05000780");
    assert!(matches!(csra::reply::<BackupPrepare>(&denied), Err(Error::Refused { .. })));
    assert!(matches!(csra::reply::<GetMyRoles>(&denied), Err(Error::Malformed { .. })));
}

#[test]
fn positive_codes_are_failures() {
    let reply = stub_out("01000000");
    let error = csra::reply::<BackupPrepare>(&reply).unwrap_err();
    assert_eq!(error.to_string(), "BackupPrepare (opnum 20) returned 0x00000001 (ERROR_ARITHMETIC_OVERFLOW)");
    assert!(std::error::Error::source(&error).is_none());
}

#[test]
fn counts_that_disagree_are_refused() {
    let what = |error: Error| match error {
        Error::Malformed {
            reason: ndr::Error::Invalid { what, .. } | ndr::Error::Short { what, .. },
            ..
        } => what,
        other => panic!("{other}"),
    };
    let list = |text: &str| csra::reply::<BackupGetBackupLogs>(&stub_out(text)).map(drop).map_err(what);
    assert_eq!(list("00000200 02000000 00000000 02000000 00000000"), Ok(()));
    assert_eq!(list("00000200 02000000 00000000 01000000 00000000"), Err("pcwcFiles"), "fewer");
    assert_eq!(list("00000200 02000000 00000000 FFFFFFFF 00000000"), Err("pcwcFiles"), "negative");
    assert_eq!(list("00000000 01000000 00000000"), Err("pcwcFiles"), "NULL with names");
    assert_eq!(list("00000200 FFFFFFFF 00000000 FFFFFFFF 00000000"), Err("ppwszzFiles"), "huge");
    let blob = |text: &str| csra::reply::<GetCAProperty>(&stub_out(text)).map(drop).map_err(what);
    assert_eq!(blob("04000000 00000200 04000000 01020304 00000000"), Ok(()));
    assert_eq!(blob("03000000 00000200 04000000 01020304 00000000"), Err("cb"));
    assert_eq!(blob("04000000 00000000 00000000"), Err("cb"), "NULL with bytes");
    assert_eq!(blob("FFFFFFFF 00000200 FFFFFFFF 01020304 00000000"), Err("pb"), "huge");
}

#[test]
fn counts_of_requests_that_disagree_are_a_fault() {
    let view = |text: &str| {
        let request = [stub_in("00000000"), bytes(text)].concat();
        Ca::new().raw(14, &request).map(drop)
    };
    let tail = "00000000 00000000 01000000 01000000";
    assert_eq!(view(&format!("00000000 00000000 {tail}")), Ok(()));
    assert_eq!(view(&format!("01000000 00000000 {tail}")), Err(Fault::BAD_STUB_DATA), "ccvr");
    assert_eq!(view(&format!("FFFFFFFF FFFFFFFF {tail}")), Err(Fault::BAD_STUB_DATA), "huge ccvr");
    assert_eq!(view("00000000 00000000 01000000 00000000 01000000 01000000"), Err(Fault::BAD_STUB_DATA));
    assert_eq!(view("00000000 00000000 FFFFFFFF FFFFFFFF 01000000 01000000"), Err(Fault::BAD_STUB_DATA));
    let restriction = "01000000 01000000 01000000 01000000 00000000";
    assert_eq!(view(&format!("{restriction} 00000000 00000000 {tail}")), Ok(()), "NULL");
    assert_eq!(
        view(&format!("{restriction} 00000000 01000000 {tail}")),
        Err(Fault::BAD_STUB_DATA),
        "cbValue"
    );
    let long = format!("{restriction} 00000200 02000000 01000000 AA000000 {tail}");
    assert_eq!(view(&long), Err(Fault::BAD_STUB_DATA), "cbValue above its array");
}

#[test]
fn a_count_of_structures_above_the_blob_ends_at_the_blob() {
    let counted = Counted { count: u32::MAX, blob: Blob(vec![0; 64]) };
    assert!(counted.rows().is_err() && counted.columns().is_err());
    assert!(counted.properties().is_err() && counted.column_ids().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_server_answers_whatever_it_is_sent(
        opnum in 0u16..52,
        newer in any::<bool>(),
        tail in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(2), any::<u8>()], 0..120),
    ) {
        let interface = if newer { Interface::CertAdmin2 } else { Interface::CertAdmin };
        let mut server = Ca::new();
        let _ = server.object.dispatch(&ALL, interface.iid(), opnum, &[stub_in(""), tail.clone()].concat());
        let _ = server.object.dispatch(&ALL, interface.iid(), opnum, &tail);
    }

    #[test]
    fn the_server_answers_requests_with_a_changed_byte(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let requests = requests();
        let (opnum, mut request) = requests[which.index(requests.len())].clone();
        let at = at.index(request.len());
        request[at] = value;
        let mut server = Ca::new();
        let _ = server.raw(opnum, &request);
        prop_assert!(Call::from_opnum(opnum).is_some());
    }

    #[test]
    fn the_client_reads_whatever_it_is_sent(
        tail in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(2), any::<u8>()], 0..160),
    ) {
        let stub = [stub_out(""), tail.clone()].concat();
        let _ = csra::reply::<BackupGetBackupLogs>(&stub);
        let _ = csra::reply::<GetConfigEntry>(&stub);
        let _ = csra::reply::<GetCAPropertyInfo>(&stub).map(|counted| counted.properties().is_ok());
        let _ = csra::reply::<OpenView>(&stub).map(|counted| counted.rows().is_ok());
        let _ = csra::reply::<EnumViewColumnTable>(&stub).map(|counted| counted.columns().is_ok());
        let _ = BackupReadFile { want: 64 }.reply(&stub).map(|data| assert!(data.len() <= 64));
        let _ = (Rows::decode(&tail, 3), Column::decode_all(&tail, 3), PropertyInfo::decode_all(&tail, 3));
        let _ = (CaInfo::from_bytes(&tail), Variant::from_bytes(&tail), decode_text(&tail));
    }

    #[test]
    fn variants_come_back(
        text in "\\PC{0,12}",
        list in proptest::collection::vec("\\PC{0,7}", 0..5),
        blob in proptest::collection::vec(any::<u8>(), 0..40),
        number in any::<i32>(),
    ) {
        for variant in
            [Variant::Text(text), Variant::TextList(list), Variant::Bytes(blob), Variant::Long(number)]
        {
            prop_assert_eq!(Variant::from_bytes(&variant.to_bytes()), Ok(variant));
        }
    }
}
