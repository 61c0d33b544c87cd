//! What the object answers apart from backups.

use certadm::server::{Caller, Roles};
use csra::method::{
    CloseView, EnumView, EnumViewColumn, EnumViewColumnTable, GetCAProperty, GetCAPropertyInfo,
    GetConfigEntry, GetMyRoles, GetServerState, GetViewDefaultColumnSet, ImportCertificate, OpenView, Ping,
    Ping2, Restriction, ServerControl,
};
use csra::server::Fault;
use csra::value::{Blob, PropertyId, Row, Rows, Variant, decode_text};
use csra::{CLSID_CERT_ADMIN, Interface};
use dtyp::{Guid, HResult};

use crate::bytes::{bytes, stub_out};
use crate::toy::{ALL, CA, Ca, ca, column, row, stub};

#[test]
fn identities_are_those_of_the_specification() {
    assert_eq!(CLSID_CERT_ADMIN.to_string(), "d99e6e73-fc88-11d0-b498-00a0c90312f3");
    assert_eq!(Interface::CertAdmin.iid().to_string(), "d99e6e71-fc88-11d0-b498-00a0c90312f3");
    assert_eq!(Interface::CertAdmin2.iid().to_string(), "7fe0d935-dda6-443f-85d0-1cfb58fe41dd");
}

#[test]
fn numbers_outside_the_interface_are_a_fault() {
    let request = stub(&Ping { authority: ca() });
    let mut server = Ca::new();
    let mut at = |interface: Interface, opnum| server.object.dispatch(&ALL, interface.iid(), opnum, &request);
    for opnum in [0, 1, 2, 49, 100, u16::MAX] {
        assert_eq!(at(Interface::CertAdmin2, opnum), Err(Fault::OP_RANGE), "{opnum}");
    }
    for opnum in [0, 1, 2, 31, 32, 38, 48, 49] {
        assert_eq!(at(Interface::CertAdmin, opnum), Err(Fault::OP_RANGE), "{opnum}");
    }
    assert!(at(Interface::CertAdmin, 18).is_ok() && at(Interface::CertAdmin2, 18).is_ok());
    assert!(at(Interface::CertAdmin2, 38).is_ok());
    assert_eq!(server.object.dispatch(&ALL, Guid::NIL, 18, &request), Err(Fault::UNKNOWN_INTERFACE));
}

#[test]
fn methods_that_are_not_served_say_so_in_the_form_that_they_have() {
    for (opnum, words) in [
        (3, 0),
        (4, 0),
        (5, 1),
        (6, 0),
        (7, 2),
        (8, 0),
        (9, 2),
        (10, 0),
        (13, 3),
        (31, 0),
        (33, 0),
        (36, 2),
        (37, 0),
        (39, 2),
        (40, 1),
        (41, 0),
        (42, 3),
        (43, 0),
        (45, 0),
        (46, 0),
        (48, 1),
    ] {
        let reply = Ca::new().raw(opnum, &stub(&Ping { authority: ca() })).unwrap();
        assert_eq!(reply, stub_out(&format!("{} 01400080", "00000000".repeat(words))), "{opnum}");
    }
}

#[test]
fn the_call_header_is_checked() {
    let fault = |at: usize, value: u8| {
        let mut request = stub(&Ping { authority: ca() });
        request[at] = value;
        Ca::new().raw(18, &request).map(drop)
    };
    assert_eq!(fault(2, 1), Ok(()), "an older client");
    assert_eq!(fault(2, 8), Err(Fault(HResult::VERSION_MISMATCH.0)), "a newer one");
    assert_eq!(fault(0, 6), Err(Fault(HResult::VERSION_MISMATCH.0)));
    assert_eq!(fault(4, 1), Err(Fault(HResult::INVALID_HEADER.0)));
    assert_eq!(fault(8, 1), Ok(()), "reserved1 is ignored");
}

#[test]
fn pings_take_the_ca_s_name_or_none() {
    for authority in [None, Some(String::new()), ca(), Some("Corp !0028Test!0029 CA".into())] {
        assert_eq!(Ca::new().call(Ping { authority: authority.clone() }).map(drop), Ok(()));
        assert_eq!(Ca::new().call(Ping2 { authority }).map(drop), Ok(()));
    }
    let wrong = Some("Corp".to_owned());
    assert_eq!(Ca::new().call(Ping { authority: wrong.clone() }), Err(HResult::INVALID_ARG));
    assert_eq!(Ca::new().call(Ping2 { authority: wrong }), Err(HResult::INVALID_ARG));
}

#[test]
fn the_state_is_whether_the_caller_may_read() {
    for (roles, state) in [(0, 0), (0x4, 0), (0x8, 0), (0x100, 1), (0x200, 1), (0x2, 1), (0x1, 1), (0x108, 1)]
    {
        let mut server = Ca::new();
        server.caller = Caller { roles: Roles(roles), ..ALL };
        assert_eq!(server.call(GetServerState { authority: ca() }).unwrap().0, state, "0x{roles:x}");
    }
    assert_eq!(Ca::new().call(GetServerState { authority: None }), Err(HResult::INVALID_ARG));
}

#[test]
fn roles_are_the_caller_s() {
    let mut server = Ca::new();
    server.caller = Caller { roles: Roles(0x108), ..ALL };
    assert_eq!(server.call(GetMyRoles { authority: ca() }).unwrap().0, 0x108);
}

#[test]
fn control_flag_1_unregisters_and_2_and_3_do_nothing() {
    let mut server = Ca::new();
    for flags in [2, 3] {
        assert_eq!(server.call(ServerControl { authority: ca(), flags }), Ok(Blob::default()));
    }
    for flags in [0, 4, 0x8000_0001] {
        assert_eq!(server.call(ServerControl { authority: ca(), flags }), Err(HResult::INVALID_ARG));
    }
    assert!(!server.object.services().unregistered);
    assert_eq!(server.call(ServerControl { authority: ca(), flags: 1 }), Ok(Blob::default()));
    assert!(server.object.services().unregistered);
}

#[test]
fn properties() {
    let mut server = Ca::new();
    let mut get = |id, index, kind| server.call(GetCAProperty { authority: None, id, index, kind });
    let name = get(PropertyId::CA_NAME, 0, 4).unwrap();
    assert_eq!(decode_text(&name.0).as_deref(), Ok(CA));
    assert_eq!(get(PropertyId::BASE_CRL, 0, 3), Ok(Blob(vec![0x30, 0])));
    assert_eq!(get(PropertyId::BASE_CRL, 1, 3), Err(HResult::PROPERTY_EMPTY));
    assert_eq!(get(PropertyId::BASE_CRL, 0, 5), Err(HResult::INVALID_ARG), "no such type");
    assert_eq!(get(PropertyId(0x7777), 0, 4), Err(HResult::INVALID_ARG));
    let infos = server.call(GetCAPropertyInfo { authority: ca() }).unwrap().properties().unwrap();
    assert_eq!((infos[0].id, infos[0].display_name.as_str()), (PropertyId::BASE_CRL, "CRL"));
}

#[test]
fn configuration() {
    let mut server = Ca::new();
    let mut get = |authority: Option<&str>, node: Option<&str>, entry: &str| {
        let (authority, node) = (authority.map(str::to_owned), node.map(str::to_owned));
        server.call(GetConfigEntry { authority, node, entry: entry.into() })
    };
    assert_eq!(get(None, Some(""), "Active"), Ok(Variant::Text(CA.into())), "how a host's CA is found");
    assert_eq!(get(Some(""), Some(""), "Active"), Ok(Variant::Text(CA.into())));
    assert_eq!(get(Some(CA), Some(""), "InterfaceFlags"), Ok(Variant::Long(0x641)));
    assert_eq!(get(Some(CA), Some("CSP"), ""), Ok(Variant::TextList(vec!["Provider".into()])));
    assert_eq!(get(Some(CA), Some(""), "Nothing"), Err(HResult::ENTRY_NOT_FOUND));
    assert_eq!(get(None, Some("CSP"), ""), Err(HResult::INVALID_ARG), "a node without an authority");
    assert_eq!(get(Some(CA), None, "InterfaceFlags"), Err(HResult::INVALID_ARG), "NULL");
}

#[test]
fn columns_come_in_pages() {
    let mut server = Ca::new();
    let mut get = |table, first, count| {
        server
            .call(EnumViewColumnTable { authority: ca(), table, first, count })
            .map(|c| c.columns().unwrap())
    };
    assert_eq!(get(0, 0, 2), Ok(vec![column(0x1000), column(0x1001)]));
    assert_eq!(get(0, 2, u32::MAX), Ok(vec![column(0x1002)]));
    assert_eq!(get(0x3000, 0, 9), Ok(vec![column(0x3000)]));
    assert_eq!(get(0, 3, 1), Err(HResult::ARITHMETIC_OVERFLOW));
    assert_eq!(get(0, u32::MAX, 1), Err(HResult::ARITHMETIC_OVERFLOW));
    assert_eq!(get(0, 0, 0), Err(HResult::INVALID_ARG));
    assert_eq!(get(0x1000, 0, 1), Err(HResult::INVALID_ARG), "no such table");
    let older = server.call(EnumViewColumn { authority: ca(), first: 1, count: 1 }).unwrap();
    assert_eq!(older.columns(), Ok(vec![column(0x1001)]));
    let ids = server.call(GetViewDefaultColumnSet { authority: ca(), view: u32::MAX }).unwrap();
    assert_eq!(ids.column_ids(), Ok(vec![0x1000, 0x1002]));
    let unknown = GetViewDefaultColumnSet { authority: ca(), view: 1 };
    assert_eq!(server.call(unknown), Err(HResult::INVALID_ARG));
}

fn open(first: u32, count: u32) -> OpenView {
    OpenView { authority: ca(), restrictions: vec![], columns: vec![0x1000], first, count }
}

#[test]
fn one_view_is_open_at_a_time() {
    let mut server = Ca::new();
    let (enumerate, close) =
        (EnumView { authority: ca(), first: 1, count: 1 }, CloseView { authority: ca() });
    assert_eq!(server.call(enumerate.clone()), Err(HResult::HANDLE));
    assert_eq!(server.call(close.clone()), Err(HResult::HANDLE));
    assert!(server.call(open(1, 1)).is_ok());
    assert_eq!(server.call(open(1, 1)), Err(HResult::UNEXPECTED));
    assert!(server.call(enumerate.clone()).is_ok());
    assert_eq!(server.call(close.clone()).map(drop), Ok(()));
    assert_eq!(server.call(enumerate), Err(HResult::HANDLE));
    assert_eq!(server.call(close), Err(HResult::HANDLE));
    assert!(server.call(open(1, 1)).is_ok());
}

#[test]
fn a_view_that_fails_to_open_is_not_open() {
    let mut server = Ca::new();
    let sorted = |column| Restriction { column, seek: 1, sort: 1, value: vec![] };
    let two = OpenView { restrictions: vec![sorted(1), sorted(2)], ..open(1, 1) };
    assert_eq!(server.call(two), Err(HResult::INVALID_ARG));
    assert_eq!(server.call(OpenView { columns: vec![0], ..open(1, 1) }), Err(HResult::INVALID_ARG));
    assert_eq!(server.call(CloseView { authority: ca() }), Err(HResult::HANDLE));
    let one = OpenView { restrictions: vec![sorted(1)], ..open(1, 1) };
    assert!(server.call(one).is_ok());
}

#[test]
fn rows_come_in_pages_and_the_last_tells_the_total() {
    let mut server = Ca::new();
    let rows = |ids: std::ops::Range<u32>| ids.map(|id| row(id, &[0x1000])).collect::<Vec<Row<'_>>>();
    let first = server.call(open(1, 3)).unwrap();
    assert_eq!(first.rows(), Ok(Rows { rows: rows(1..4), total: None }));
    for (from, count, expected, total) in [
        (4, 3, 4..6, Some(5)),
        (4, 2, 4..6, Some(5)),
        (1, 5, 1..6, Some(5)),
        (1, u32::MAX, 1..6, Some(5)),
        (2, 1, 2..3, None),
        (6, 1, 0..0, Some(5)),
        (u32::MAX, 1, 0..0, Some(5)),
        (0, 1, 1..2, None),
        (1, 0, 0..0, None),
    ] {
        let page = server.call(EnumView { authority: ca(), first: from, count }).unwrap();
        assert_eq!(page.rows(), Ok(Rows { rows: rows(expected), total }), "{from}, {count}");
    }
}

/// A Windows CA answers 1 at the end of a view, and the rows are good.
#[test]
fn a_client_takes_the_code_1_of_a_view_for_success() {
    let rows = "00000000 00000000 00000000";
    let end = stub_out(&format!("{rows} 01000000"));
    assert!(csra::reply::<OpenView>(&end).is_ok() && csra::reply::<EnumView>(&end).is_ok());
    let failed = stub_out(&format!("{rows} 02000000"));
    assert!(csra::reply::<OpenView>(&failed).is_err());
    assert!(csra::reply::<EnumViewColumn>(&end).is_err(), "only views");
}

#[test]
fn replies_stay_small_however_many_rows_are_asked_for() {
    let mut server = Ca::new();
    let columns: Vec<u32> = (1..5000).collect();
    let wide = OpenView { columns, ..open(1, u32::MAX) };
    let first = server.call(wide).unwrap();
    assert!(first.count >= 1 && first.count < 20 && first.blob.0.len() < 2 << 20, "{}", first.count);
}

#[test]
fn certificates_are_imported_with_known_flags_only() {
    let mut server = Ca::new();
    let mut import = |flags, certificate: &[u8]| {
        let certificate = certificate.to_vec();
        server.call(ImportCertificate { authority: ca(), certificate, flags }).map(|id| id.0)
    };
    assert_eq!(import(0, &[0x30, 0]), Ok(7));
    assert_eq!(import(0x3_0000, &[0x30, 1]), Ok(0x3_0007));
    assert_eq!(import(1, &[0x30, 2]), Err(HResult::INVALID_ARG));
    assert_eq!(server.object.services().imported, [0x30, 1]);
    let null = [stub(&Ping { authority: None }), bytes("00000000 00000000 00000000")].concat();
    let reply = server.raw(28, &null).unwrap();
    assert_eq!(reply, stub_out("00000000 57000780"), "no authority");
}
