//! Registry values: what differs, what an import writes, what undo writes again.

use certadm::{CaHost, ConfigEntry, ConfigValue, HostError, HostState, ServerState};
use csbackup::{CaSide, Quiet, registry_changes, restore_ca, undo};

use crate::site::{Site, assert_same};

fn text(node: &str, name: &str, value: &str) -> ConfigEntry {
    ConfigEntry { node: node.to_owned(), name: name.to_owned(), value: ConfigValue::Text(value.to_owned()) }
}

#[test]
fn values_of_the_host_are_edited_and_a_pending_restore_is_not_imported() {
    let captured = [
        text("", "DBDirectory", r"D:\CertLog"),
        text("", "DBTempDirectory", r"D:\Temp"),
        text("Corp", "CAServerName", "OLD.corp.example"),
        text("Corp", "CACertFileName", r"\\old.corp.example\CertEnroll\old.corp.example_Corp.crt"),
        text("Corp", "CRLPeriod", "Weeks"),
        text("Corp", "Same", "same"),
        text(r"Corp\RestoreInProgress", "LogPath", "x"),
    ];
    let here = [
        text("", "dbdirectory", r"C:\CertLog"),
        text("corp", "CRLPeriod", "Days"),
        text("Corp", "Same", "same"),
    ];
    let changes = registry_changes(&captured, &here, "old.corp.example", "new.corp.example");
    let import = |name: &str| {
        let change = changes.iter().find(|change| change.name == name).expect(name);
        change.import.clone().map(|value| match value {
            ConfigValue::Text(text) => text,
            other => format!("{other:?}"),
        })
    };
    assert_eq!(import("DBDirectory"), None, "stays as on this host");
    assert_eq!(import("DBTempDirectory").as_deref(), Some(r"D:\Temp"), "this host has none");
    assert_eq!(import("CAServerName").as_deref(), Some("new.corp.example"));
    let file = r"\\new.corp.example\CertEnroll\new.corp.example_Corp.crt";
    assert_eq!(import("CACertFileName").as_deref(), Some(file));
    assert_eq!(import("CRLPeriod").as_deref(), Some("Weeks"));
    assert_eq!(changes.len(), 5, "{changes:?}");
}

/// A machine with a registry.
#[derive(Default)]
struct Machine {
    /// Whether the service runs, where the machine can tell.
    runs: Option<bool>,
    stops: u32,
    registry: Vec<ConfigEntry>,
    refuses: bool,
}

impl CaHost for Machine {
    fn capture(&mut self) -> HostState {
        HostState { registry: self.registry.clone(), ..HostState::default() }
    }

    fn export_keys(&mut self, _: &str) -> Result<Vec<u8>, HostError> {
        Err(HostError::NotHere)
    }

    fn import_keys(&mut self, _: &[u8], _: &str) -> Result<(), HostError> {
        Err(HostError::NotHere)
    }

    fn import_registry(&mut self, entries: &[ConfigEntry]) -> Result<(), HostError> {
        if self.refuses {
            return Err(HostError::Denied { what: "RegSetValueExW: 5".to_owned() });
        }
        for entry in entries {
            self.registry.retain(|old| (&old.node, &old.name) != (&entry.node, &entry.name));
            self.registry.push(entry.clone());
        }
        Ok(())
    }

    fn pending_restore(&mut self) -> Result<Vec<ConfigEntry>, HostError> {
        Ok(Vec::new())
    }

    fn service_state(&mut self) -> Result<ServerState, HostError> {
        let state = |runs| if runs { ServerState::Online } else { ServerState::Stopped };
        self.runs.map(state).ok_or(HostError::NotHere)
    }

    fn stop_service(&mut self) -> Result<(), HostError> {
        self.stops += 1;
        self.runs.as_mut().map(|runs| *runs = false).ok_or(HostError::NotHere)
    }

    fn start_service(&mut self) -> Result<(), HostError> {
        Err(HostError::NotHere)
    }

    fn enroll_folder(&self) -> Option<String> {
        None
    }

    fn policy_file(&self) -> Option<String> {
        None
    }
}

#[test]
fn imported_values_are_put_back_by_undo() {
    let site = Site::new(0);
    let mut plan = site.plan();
    plan.registry = vec![text("Corp", "CRLPeriod", "Weeks"), text("Corp", "New", "new")];
    let before = vec![text("", "Other", "other"), text("Corp", "CRLPeriod", "Days")];
    let mut machine = Machine { registry: before.clone(), refuses: false, ..Machine::default() };
    let mut server = site.ca().connect();
    let mut ca = CaSide { server: &mut server, host: Some(&mut machine) };
    restore_ca(&site.0.medium, &plan, &mut ca, &Quiet).expect("restore");
    let saved = site.log_folder().join(".csbackup-restore/registry-before.reg");
    assert!(saved.is_file(), "for `reg import`");
    assert_eq!(machine.registry.len(), 3);
    assert!(machine.registry.contains(&text("Corp", "CRLPeriod", "Weeks")));
    let mut ca = CaSide { server: &mut server, host: Some(&mut machine) };
    undo(&site.log_folder(), Some(&mut ca), &Quiet).expect("undo").expect("there was a restore");
    for entry in before {
        assert!(machine.registry.contains(&entry), "{entry:?}");
    }
}

#[test]
fn a_refused_import_changes_nothing_else() {
    let site = Site::new(0);
    let mut plan = site.plan();
    plan.registry = vec![text("Corp", "CRLPeriod", "Weeks")];
    // It cannot be started from here either: that is said.
    site.ca().stop().expect("stop the service");
    let old = site.tree();
    let mut machine = Machine { registry: Vec::new(), refuses: true, ..Machine::default() };
    let mut server = site.ca().connect();
    let mut ca = CaSide { server: &mut server, host: Some(&mut machine) };
    let error = restore_ca(&site.0.medium, &plan, &mut ca, &Quiet).expect_err("no right to");
    let why = std::error::Error::source(&error).expect("why").to_string();
    assert!(why.contains("access denied"), "{why}");
    assert_same(&site.tree(), &old, "");
}

#[test]
fn a_later_restore_imports_nothing_of_an_earlier_one() {
    let site = Site::new(0);
    let mut first = site.plan();
    first.registry = vec![text("Corp", "CRLPeriod", "Weeks")];
    (first.items, first.registrations, first.aside) = (vec![], vec![], vec![]);
    let mut machine = Machine { registry: vec![text("Corp", "CRLPeriod", "Days")], ..Machine::default() };
    let mut server = site.ca().connect();
    for plan in [&first, &site.plan()] {
        let mut ca = CaSide { server: &mut server, host: Some(&mut machine) };
        restore_ca(&site.0.medium, plan, &mut ca, &Quiet).expect("restore");
        // The operator's own change, after the first.
        machine.registry = vec![text("Corp", "CRLPeriod", "Months")];
    }
    let mut ca = CaSide { server: &mut server, host: Some(&mut machine) };
    undo(&site.log_folder(), Some(&mut ca), &Quiet).expect("undo").expect("there was a restore");
    assert_eq!(machine.registry, [text("Corp", "CRLPeriod", "Months")]);
}

#[test]
fn a_service_that_runs_is_stopped_even_if_the_ca_does_not_answer() {
    let site = Site::new(0);
    site.ca().stop().expect("let it look stopped");
    let mut machine = Machine { runs: Some(true), ..Machine::default() };
    let mut server = site.ca().connect();
    let mut ca = CaSide { server: &mut server, host: Some(&mut machine) };
    restore_ca(&site.0.medium, &site.plan(), &mut ca, &Quiet).expect("restore");
    assert_eq!((machine.stops, machine.runs), (1, Some(false)));
}
