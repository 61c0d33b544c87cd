//! The methods beside the backup: for administrators, officers and readers.

use certadm::Error;
use certsrv::{Role, ServerOptions};
use csra::method::{
    CloseView, EnumView, EnumViewColumnTable, GetCAPropertyInfo, GetMyRoles, ImportCertificate, OpenView,
    Ping, Ping2, ServerControl,
};
use dtyp::HResult;
use testkit::ca::plain_life;
use testkit::world::World;

use crate::wire::Wire;

/// A CA whose user may do everything, with two rows in its database.
fn everything() -> Wire {
    let world = World::new(&plain_life());
    let rows = "[[request]]\n\"Request.RequestID\" = 7\n[[request]]\n\"Request.RequestID\" = 9\n";
    std::fs::write(world.ca.path().join("state-01/view.toml"), rows).unwrap();
    Wire::of(world, ServerOptions::default(), |config| {
        config.users[0].roles.extend([Role::Administrator, Role::Officer]);
    })
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> HResult {
    result.unwrap_err().code().unwrap()
}

#[test]
fn pings_roles_and_properties_are_answered() {
    let wire = everything();
    let mut ca = wire.connect();
    let authority = Some(wire.ca.authority().name.clone());
    ca.invoke(&Ping { authority: authority.clone() }).unwrap();
    ca.invoke(&Ping2 { authority: authority.clone() }).unwrap();
    assert_eq!(ca.invoke(&GetMyRoles { authority: authority.clone() }).unwrap().0 & 0x10F, 0x10B);
    let info = ca.invoke(&GetCAPropertyInfo { authority }).unwrap();
    assert!(info.properties().unwrap().len() > 10);
    assert_eq!(code(ca.invoke(&Ping { authority: Some("another".to_owned()) })), HResult::INVALID_ARG);
}

#[test]
fn the_database_is_viewed_row_by_row() {
    let wire = everything();
    let mut ca = wire.connect();
    let authority = Some(wire.ca.authority().name.clone());
    let table = EnumViewColumnTable { authority: authority.clone(), table: 0, first: 0, count: 200 };
    let columns = ca.invoke(&table).unwrap().columns().unwrap();
    let id = columns.iter().find(|column| column.name == "Request.RequestID").unwrap().id;

    let view = OpenView {
        authority: authority.clone(),
        restrictions: Vec::new(),
        columns: vec![id],
        first: 1,
        count: 1,
    };
    assert_eq!(code(ca.invoke(&CloseView { authority: authority.clone() })), HResult::HANDLE);
    let first = ca.invoke(&view).unwrap();
    assert_eq!(first.rows().unwrap().rows.len(), 1);
    assert_eq!(code(ca.invoke(&view)), HResult::UNEXPECTED);
    let more = EnumView { authority: authority.clone(), first: 2, count: 10 };
    let more = ca.invoke(&more).unwrap();
    let rows = more.rows().unwrap();
    assert_eq!((rows.rows.len(), rows.total), (1, Some(2)));
    ca.invoke(&CloseView { authority }).unwrap();
}

#[test]
fn a_certificate_is_imported_once() {
    let wire = everything();
    let mut ca = wire.connect();
    // SEQUENCE { SEQUENCE {}, SEQUENCE {}, BIT STRING }: the outline of a certificate.
    let certificate = [0x30, 0x08, 0x30, 0x00, 0x30, 0x00, 0x03, 0x02, 0x00, 0x00].to_vec();
    let authority = Some(wire.ca.authority().name.clone());
    let import = ImportCertificate { authority, certificate, flags: 0 };
    assert!(ca.invoke(&import).unwrap().0 > 0);
    assert!(ca.invoke(&import).is_err());
    assert!(ca.invoke(&ImportCertificate { certificate: b"no DER".to_vec(), ..import }).is_err());
}

#[test]
fn after_server_control_the_interface_is_gone() {
    let wire = everything();
    let mut ca = wire.connect();
    let authority = Some(wire.ca.authority().name.clone());
    let control = |flags| ServerControl { authority: authority.clone(), flags };
    assert_eq!(code(ca.invoke(&control(9))), HResult::INVALID_ARG);
    ca.invoke(&control(ServerControl::UNREGISTER)).unwrap();
    drop(ca);
    assert_eq!(certadm::CertServer::state(&mut wire.connect()).unwrap(), certadm::ServerState::Stopped);
}
