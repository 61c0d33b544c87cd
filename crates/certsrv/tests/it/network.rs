//! The CA on the network: a backup, and what may go wrong with it on purpose.

use certsrv::{Fault, FaultRule, Role, Server, ServerOptions, Service};
use csra::CLSID_CERT_ADMIN;
use csra::method::{
    BackupCloseFile, BackupGetAttachmentInformation, BackupGetBackupLogs, BackupOpenFile, BackupTruncateLogs,
    GetCAProperty, GetConfigEntry, GetMyRoles, GetServerState, ImportCertificate, ServerControl,
};
use csra::value::{PropertyId, PropertyType, Variant, decode_text};
use dcerpc::security::Level;
use dtyp::HResult;

use crate::invented::{authority, database, log, log_names};
use crate::wire::{Client, EXPORTED, Failed, MGMT, PASSWORD, Wire, activate_class, ca, serve};

fn authority_name() -> Option<String> {
    Some(authority().name)
}

/// Names without their tags.
fn names(raw: &[u8]) -> Vec<String> {
    dtyp::multi_string::decode(raw).unwrap().into_iter().map(|name| name.chars().skip(1).collect()).collect()
}

fn read(client: &mut Client, name: &str) -> Vec<u8> {
    let size = client.call(&BackupOpenFile { path: Some(name.to_owned()) }).unwrap().0;
    let mut content = Vec::new();
    while u64::try_from(content.len()).unwrap() < size {
        content.extend(client.read(0x8000));
    }
    client.call(&BackupCloseFile).unwrap();
    content
}

fn back_up(client: &mut Client) {
    client.prepare().unwrap();
    let databases = names(&client.call(&BackupGetAttachmentInformation).unwrap().0);
    assert_eq!(databases.len(), 1);
    assert_eq!(read(client, &databases[0]), database(3));
    let logs = names(&client.call(&BackupGetBackupLogs).unwrap().0);
    assert_eq!(logs.len(), 4);
    for (generation, name) in (3..).zip(&logs) {
        assert_eq!(read(client, name), log(generation), "{name}");
    }
    client.call(&BackupTruncateLogs).unwrap();
    client.end().unwrap();
}

#[test]
fn a_whole_backup_goes_over_the_wire_sealed() {
    let at = ca();
    let server = serve(&at);
    let mut client = Client::new(&server, "backup");
    assert_eq!(client.call(&GetServerState { authority: authority_name() }).unwrap().0, 1);
    assert_eq!(client.call(&GetMyRoles { authority: authority_name() }).unwrap().0, 0x108);
    back_up(&mut client);
    assert_eq!(at.log_files(), log_names(5..=6));
}

#[test]
fn ipv6_and_small_fragments_do_as_well() {
    let mut at = ca();
    at.reconfigure(|config| config.network.address = "::1".parse().unwrap());
    let mut options = ServerOptions::default();
    options.max_fragment = dcerpc::MIN_FRAGMENT;
    let server = Server::start(&at.ca, options).unwrap();
    let mut client = Client::new(&server, "backup");
    assert_eq!(client.activated.exporter.bindings.strings[0].host_port().unwrap().0, "::1");
    back_up(&mut client);
}

#[test]
fn clients_are_told_the_names_of_the_configuration() {
    let mut at = ca();
    at.reconfigure(|config| config.network.advertise = vec!["ca01.corp.example".into(), "192.0.2.1".into()]);
    let client = Client::new(&serve(&at), "backup");
    let bindings = client.activated.exporter.bindings;
    let hosts: Vec<&str> = bindings.strings.iter().map(|binding| binding.host_port().unwrap().0).collect();
    assert_eq!(hosts, ["ca01.corp.example", "192.0.2.1"]);
}

#[test]
fn the_management_interface_tells_users_what_is_served() {
    let at = ca();
    let server = serve(&at);
    let exporter = server.local_addrs().exporter;
    let denied = Failed::Fault(dcerpc::Status::ACCESS_DENIED);
    assert_eq!(Wire::anonymous(exporter, &[MGMT]).unwrap().call(0, 0, None, &[]), Err(denied));
    let mut wire = Wire::user(exporter, &[MGMT], "backup", PASSWORD, Level::Integrity).unwrap();
    let ids = wire.call(0, 0, None, &[]).unwrap();
    // Pointer, max_count, count, five pointers, five ids of 20 bytes, status.
    assert_eq!((ids.len(), ids[4]), (4 + 4 + 4 + 5 * 4 + 5 * 20 + 4, 5));
    assert_eq!(ids[32..48], EXPORTED[1].to_bytes(), "the first id");
    assert_eq!(wire.call(0, 2, None, &[]).unwrap(), [0, 0, 0, 0, 1, 0, 0, 0]);
    let name = wire.call(0, 4, None, &[10, 0, 0, 0, 0, 1, 0, 0]).unwrap();
    assert_eq!(name, [0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_second_session_is_told_that_one_is_active() {
    let at = ca();
    let server = serve(&at);
    let (mut first, mut second) = (Client::new(&server, "backup"), Client::new(&server, "backup"));
    first.prepare().unwrap();
    assert_eq!(second.prepare(), Err(HResult::BACKUP_IN_PROGRESS));
    first.end().unwrap();
    second.prepare().unwrap();
}

#[test]
fn roles_and_flags_decide() {
    let mut at = ca();
    let server = serve(&at);
    assert_eq!(Client::new(&server, "admin").prepare(), Err(HResult::ACCESS_DENIED));
    let mut nobody = Client::new(&server, "nobody");
    assert_eq!(nobody.call(&GetServerState { authority: authority_name() }).unwrap().0, 0);
    assert_eq!(nobody.call(&GetMyRoles { authority: authority_name() }), Err(HResult::ACCESS_DENIED));
    server.stop();
    at.reconfigure(|config| config.interface_flags = 0x641);
    assert_eq!(Client::new(&serve(&at), "backup").prepare(), Err(HResult::ACCESS_DENIED));
}

#[test]
fn the_state_of_the_service_shows_where_windows_shows_it() {
    let mut at = ca();
    at.reconfigure(|config| config.service = Service::Suspended);
    assert_eq!(Client::new(&serve(&at), "backup").prepare(), Err(HResult::SERVER_SUSPENDED));
    at.reconfigure(|config| config.service = Service::Stopped);
    let refused = activate_class(&serve(&at), "backup", CLSID_CERT_ADMIN).unwrap_err();
    assert_eq!(refused, HResult(0x8008_0005), "CO_E_SERVER_EXEC_FAILURE");
}

#[test]
fn server_control_gives_the_class_up() {
    let at = ca();
    let server = serve(&at);
    let mut client = Client::new(&server, "backup");
    client.call(&ServerControl { authority: authority_name(), flags: 1 }).unwrap();
    let refused = activate_class(&server, "backup", CLSID_CERT_ADMIN).unwrap_err();
    assert_eq!(refused, HResult::CLASS_NOT_REGISTERED);
    server.stop();
    Client::new(&serve(&at), "backup");
}

#[test]
fn properties_and_configuration_come_from_the_directory() {
    let at = ca();
    let server = serve(&at);
    let mut client = Client::new(&server, "backup");
    let property = |id, kind: PropertyType| GetCAProperty {
        authority: authority_name(),
        id,
        index: 0,
        kind: kind.to_wire().into(),
    };
    let name = client.call(&property(PropertyId::CA_NAME, PropertyType::String)).unwrap();
    assert_eq!(decode_text(&name.0).unwrap(), authority().name);
    let certificate = client.call(&property(PropertyId::SIGNING_CERTIFICATE, PropertyType::Binary));
    assert_eq!(certificate.unwrap_err(), HResult::INVALID_ARG, "there is none");
    let entry = |authority: &str, node: &str, entry: &str| GetConfigEntry {
        authority: Some(authority.to_owned()),
        node: Some(node.to_owned()),
        entry: entry.to_owned(),
    };
    let active = client.call(&entry("", "", "Active")).unwrap();
    assert_eq!(active, Variant::Text(authority().name));
    let flags = client.call(&entry(&authority().name, "", "interfaceflags")).unwrap();
    assert_eq!(flags, Variant::Long(0x601));
    assert_eq!(client.call(&entry("", "CSP", "Provider")), Err(HResult::INVALID_ARG));
    assert_eq!(client.call(&entry(&authority().name, "CSP", "Provider")), Err(HResult::ENTRY_NOT_FOUND));
}

#[test]
fn certificates_are_imported_once() {
    let at = ca();
    let server = serve(&at);
    let mut client = Client::new(&server, "admin");
    // SEQUENCE { SEQUENCE {}, SEQUENCE {}, BIT STRING "" }
    let der = [0x30, 7, 0x30, 0, 0x30, 0, 0x03, 1, 0];
    let import = |der: &[u8]| ImportCertificate {
        authority: authority_name(),
        certificate: der.to_vec(),
        flags: ImportCertificate::ALLOW_FOREIGN,
    };
    assert_eq!(client.call(&import(&der)).unwrap().0, 1);
    assert_eq!(client.call(&import(&der)), Err(HResult::OBJECT_ALREADY_EXISTS));
    assert_eq!(client.call(&import(&der[..8])), Err(HResult::INVALID_DATA));
    assert_eq!(std::fs::read(at.path().join("imported/1.cer")).unwrap(), der);
}

fn with_fault(call: u32, fault: Fault) -> (crate::invented::Invented, Server) {
    let mut at = ca();
    at.reconfigure(|config| config.faults = vec![FaultRule { call, fault }]);
    let server = serve(&at);
    (at, server)
}

#[test]
fn a_failed_call_has_the_code_and_is_not_made() {
    let (_at, server) = with_fault(1, Fault::Fail(HResult::DISK_IO));
    let mut client = Client::new(&server, "backup");
    assert_eq!(client.prepare(), Err(HResult::DISK_IO));
    assert_eq!(client.end(), Err(HResult::UNEXPECTED), "nothing was prepared");
}

#[test]
fn a_lost_reply_closes_the_connection_and_keeps_the_session() {
    let (_at, server) = with_fault(1, Fault::LostReply);
    let mut client = Client::new(&server, "backup");
    let prepare = csra::method::BackupPrepare::new(authority().name, certadm::BackupType::Full);
    assert_eq!(client.try_call(&prepare).unwrap_err(), Failed::Closed);
    let exporter = server.local_addrs().exporter;
    client.wire = Wire::user(exporter, &EXPORTED, "backup", PASSWORD, Level::Privacy).unwrap();
    client.end().unwrap();
}

#[test]
fn a_dropped_session_is_aborted_at_once() {
    let (_at, server) = with_fault(2, Fault::DropSession);
    let mut client = Client::new(&server, "backup");
    client.prepare().unwrap();
    assert_eq!(client.try_call(&BackupGetBackupLogs).unwrap_err(), Failed::Closed);
    assert_eq!(server.objects(), 0);
    Client::new(&server, "backup").prepare().unwrap();
}

/// The first read of a session whose database is opened with call 3.
fn first_read(fault: Fault) -> (Vec<u8>, Vec<u8>) {
    let (_at, server) = with_fault(4, fault);
    let mut client = Client::new(&server, "backup");
    client.prepare().unwrap();
    let databases = names(&client.call(&BackupGetAttachmentInformation).unwrap().0);
    client.call(&BackupOpenFile { path: Some(databases[0].clone()) }).unwrap();
    (client.read(0x8000), client.read(0x8000))
}

#[test]
fn reads_go_wrong_as_they_are_told() {
    let whole = database(3);
    let (first, second) = first_read(Fault::ShortRead);
    assert_eq!((first.as_slice(), second.as_slice()), (&whole[..0x4000], &whole[0x4000..0x8000]));
    let (first, _) = first_read(Fault::FlipByte);
    let different: Vec<usize> = (0..first.len()).filter(|at| first[*at] != whole[*at]).collect();
    assert_eq!(different, [0x4000]);
    let (first, second) = first_read(Fault::EarlyEnd);
    assert_eq!((first.len(), second.len()), (0, 0));
}

#[test]
fn a_stopped_server_has_answered_and_is_gone() {
    let at = ca();
    let server = serve(&at);
    let addrs = server.local_addrs();
    let mut client = Client::new(&server, "backup");
    client.prepare().unwrap();
    server.stop();
    assert!(std::net::TcpStream::connect(addrs.resolver).is_err());
    assert_eq!(client.try_call(&BackupGetBackupLogs).unwrap_err(), Failed::Closed);
    at.ca.connect().prepare_full();
}

#[test]
fn users_are_added_and_their_file_is_private() {
    let mut at = crate::invented::Invented::new();
    let mut user = crate::wire::users().remove(0);
    at.ca.add_user(user.clone()).unwrap();
    user.roles = vec![Role::Read];
    at.ca.add_user(user.clone()).unwrap();
    at.reopen();
    assert_eq!(at.ca.config().users, [user]);
    assert!(!format!("{:?}", at.ca.config()).contains("fc525c96"), "the hash of the password");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(at.path().join("ca.toml")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let server = Server::start(&at.ca, ServerOptions::default()).unwrap();
    assert_eq!(Client::new(&server, "backup").prepare(), Err(HResult::ACCESS_DENIED), "he only reads");
}

trait PrepareFull {
    fn prepare_full(self);
}

impl PrepareFull for certsrv::Connection {
    fn prepare_full(mut self) {
        use certadm::CertServer as _;
        self.prepare_backup(certadm::BackupType::Full).map(|_| ()).expect("the session was aborted");
    }
}
